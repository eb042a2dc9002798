"""The container's environment: the documented variables, the secrets by reference, and what the pod itself needs."""

from typing import Any

from llmworker_contract import codec, endpoints
from llmworker_operator.api import LLMWorkerSpec


def env(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    """Environment entries of the worker's container, sorted by name, `spec.env` last and winning over HF_HOME.

    A dollar sign before a parenthesis is doubled: the kubelet would otherwise take it for a reference.
    """
    taken = {variable.name for variable in spec.env}
    own: list[dict[str, Any]] = [
        {"name": name, "value": _escaped(value)} for name, value in _literal(spec).items() if name not in taken
    ]
    token = spec.model.hf_token_secret_ref
    if token:
        own.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": token.name, "key": token.key}}})
    free = [variable.model_dump(by_alias=True, exclude_none=True) for variable in spec.env]
    return sorted(own, key=lambda entry: str(entry["name"])) + free


def _literal(spec: LLMWorkerSpec) -> dict[str, str]:
    claim = spec.cache.persistent_volume_claim
    home = "/tmp" if claim and claim.read_only else endpoints.MODEL_MOUNT  # noqa: S108  (an emptyDir of the pod)
    return {**codec.render(spec.settings()), "HF_HOME": f"{home}/huggingface"}


def _escaped(value: str) -> str:
    return value.replace("$(", "$$(")
