"""Where the pods may run: what the user asks for, what GPUs need beside it, and nodes whose driver is new enough."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeAlias

from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.owner import Owner

Term: TypeAlias = dict[str, Any]
"""A node selector term: everything in it has to hold."""

_WEIGHT = 50
"""Of each preference: a node carries both names of the label, so together they are Kubernetes' highest, 100."""

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def scheduling(owner: Owner, spec: LLMWorkerSpec) -> dict[str, Any]:
    """The fields of the pod that say where it may run."""
    where = spec.scheduling
    found = {
        "affinity": _affinity(spec),
        "nodeSelector": where.node_selector,
        "priorityClassName": where.priority_class_name,
        "runtimeClassName": where.runtime_class_name,
        "tolerations": _tolerations(spec),
        "topologySpreadConstraints": _spread(owner, spec),
    }
    return {name: value for name, value in found.items() if value}


def _tolerations(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    stated = [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in spec.scheduling.tolerations]
    if not spec.gpus():
        return stated
    key = names.NVIDIA_TAINT if _on_nvidia(spec) else spec.gpu_resource()
    usual = {"key": key, "operator": "Exists", "effect": "NoSchedule"}
    return stated if usual in stated else [*stated, usual]


def _spread(owner: Owner, spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    own = {"labelSelector": {"matchLabels": names.selector(owner.name)}}
    constraints = spec.scheduling.topology_spread_constraints
    stated = [constraint.model_dump(by_alias=True, exclude_none=True) for constraint in constraints]
    return [own | {name: value for name, value in constraint.items() if value != []} for constraint in stated]


def _affinity(spec: LLMWorkerSpec) -> dict[str, Any]:
    stated = spec.scheduling.affinity or {}
    least = spec.image.engine_profile().least_driver
    mode = spec.scheduling.cuda_driver or "Preferred"
    if least is None or mode == "Ignore" or not (spec.gpus() and _on_nvidia(spec)):
        return stated
    node = stated.get("nodeAffinity") or {}
    if not isinstance(node, Mapping):
        return stated  # the API server says what is wrong with it
    terms = driver_terms(*least)
    merged = _require(node, terms) if mode == "Required" else _prefer(node, terms)
    return {**stated, "nodeAffinity": merged}


def _on_nvidia(spec: LLMWorkerSpec) -> bool:
    return spec.gpu_resource().startswith(names.NVIDIA)


def driver_terms(major: int, minor: int) -> list[Term]:
    """Terms of which a node fulfils one if its driver supports that CUDA release or a newer one."""
    terms = []
    for label in names.CUDA_RELEASE:
        newer = {"key": f"{label}.major", "operator": "Gt", "values": [str(major if minor else major - 1)]}
        if minor:  # of a release's first minor version, every other is newer
            same = {"key": f"{label}.major", "operator": "In", "values": [str(major)]}
            enough = {"key": f"{label}.minor", "operator": "Gt", "values": [str(minor - 1)]}
            terms.append({"matchExpressions": [same, enough]})
        terms.append({"matchExpressions": [newer]})
    return terms


def _require(node: Mapping[str, Any], terms: list[Term]) -> dict[str, Any]:
    """One of the user's terms and one of ours: as terms are alternatives, each with each."""
    required = node.get(_REQUIRED)
    if required is None:
        return {**node, _REQUIRED: {"nodeSelectorTerms": terms}}
    stated = required.get("nodeSelectorTerms") if isinstance(required, Mapping) else None
    if not isinstance(stated, list) or not all(isinstance(term, Mapping) for term in stated):
        return dict(node)
    both = [joined for term in stated for joined in _each(term, terms)]
    return {**node, _REQUIRED: {**required, "nodeSelectorTerms": both}}


def _each(stated: Mapping[str, Any], terms: list[Term]) -> list[Term]:
    if not any(stated.values()):
        return [dict(stated)]  # an empty term matches no node, and has to stay so
    expressions = stated.get("matchExpressions") or []
    if not isinstance(expressions, list):
        return [dict(stated)]
    # Copies, for YAML would refer to what it has written already.
    return [deepcopy({**stated, "matchExpressions": expressions + term["matchExpressions"]}) for term in terms]


def _prefer(node: Mapping[str, Any], terms: list[Term]) -> dict[str, Any]:
    stated = node.get(_PREFERRED) or []
    ours = [{"weight": _WEIGHT, "preference": term} for term in terms]
    return {**node, _PREFERRED: [*stated, *ours] if isinstance(stated, list) else stated}
