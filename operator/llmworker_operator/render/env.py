"""The container's environment: the documented variables, the secrets by reference, and what the pod itself needs."""

import re
from dataclasses import dataclass
from typing import Any, Final

from llmworker_contract import codec, endpoints
from llmworker_contract.catalogue import BY_NAME
from llmworker_operator.api import LLMWorkerSpec

_DOLLAR: Final = re.compile(r"\$(?=[$(])")
"""A dollar sign that is doubled, since the kubelet would take it for a reference's, or for half of one dollar sign."""


@dataclass(frozen=True)
class Entry:
    """One variable of the container and where it comes from."""

    variable: dict[str, Any]
    """As the pod holds it: name and value, or name and valueFrom."""
    field: str
    """The field of the resource that sets it."""


def env(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    """Environment entries of the worker's container."""
    return [entry.variable for entry in entries(spec)]


def entries(spec: LLMWorkerSpec) -> list[Entry]:
    """The container's variables, sorted by name; those of `spec.env` come last, and win over HF_HOME."""
    taken = {variable.name for variable in spec.env}
    own = [entry for entry in [*_literal(spec), *_secret(spec)] if entry.variable["name"] not in taken]
    free = [
        Entry(variable.model_dump(by_alias=True, exclude_none=True), f"spec.env[{index}]")
        for index, variable in enumerate(spec.env)
    ]
    return sorted(own, key=lambda entry: str(entry.variable["name"])) + free


def _literal(spec: LLMWorkerSpec) -> list[Entry]:
    """What the fields state, protected from the kubelet."""
    home = "/tmp" if spec.cache.read_only() else endpoints.MODEL_MOUNT  # noqa: S108  (an emptyDir of the pod)
    stated = {name: (value, BY_NAME[name].field) for name, value in codec.render(spec.settings()).items()}
    return [
        Entry({"name": name, "value": _DOLLAR.sub("$$", value)}, field)
        for name, (value, field) in {**stated, "HF_HOME": (f"{home}/huggingface", "spec.cache")}.items()
    ]


def _secret(spec: LLMWorkerSpec) -> list[Entry]:
    reference = spec.model.hf_token_secret_ref
    if reference is None:
        return []
    source = {"secretKeyRef": {"name": reference.name, "key": reference.key}}
    return [Entry({"name": "HF_TOKEN", "valueFrom": source}, BY_NAME["HF_TOKEN"].field)]
