"""A worker's children as manifests. Pure: one kind of child, one module."""

from typing import Any, TypeAlias

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render.availability import budget
from llmworker_operator.render.deployment import deployment
from llmworker_operator.render.network import network_policy
from llmworker_operator.render.service import service
from llmworker_operator.render.storage import claim

Manifest: TypeAlias = dict[str, Any]


def children(owner: Owner, spec: LLMWorkerSpec, config: Config) -> list[Manifest]:
    """Everything that should exist for the worker, in the order in which it is applied."""
    wanted = [
        service(owner),
        claim(owner, spec),
        network_policy(owner, spec, config),
        deployment(owner, spec, config),
        budget(owner, spec),
    ]
    return [child for child in wanted if child]
