"""What the resource's status says: a pure function of what was asked for and what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Final

from llmworker_contract.verdicts import not_honoured
from llmworker_operator import names
from llmworker_operator.conditions import Observation, Rollout, condition_objects, verdicts
from llmworker_operator.pods import Pod
from llmworker_operator.problems import exited
from llmworker_operator.remarks import remarks

_LONGEST: Final = 1000
"""Characters of a failure's message."""


def rollout(observed: Mapping[str, Any], generation: int, up_to_date: bool) -> Rollout:
    """Read a Deployment's status; `up_to_date` says whether its spec, of that generation, is the one we want."""
    trouble = [
        condition.get("message", "")
        for condition in observed.get("conditions", ())
        if (condition["type"], condition["status"]) in {("ReplicaFailure", "True"), ("Progressing", "False")}
    ]
    return Rollout(
        current=up_to_date and observed.get("observedGeneration") == generation,
        replicas=observed.get("replicas", 0),
        updated=observed.get("updatedReplicas", 0),
        ready=observed.get("readyReplicas", 0),
        trouble=" ".join(trouble),
    )


def status(observed: Observation, previous: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The whole status. Transition times are kept from `previous` where a condition did not change."""
    spec, rolled = observed.spec, observed.rollout
    result: dict[str, Any] = {
        "observedGeneration": observed.generation,
        "conditions": _conditions(observed, previous.get("conditions", ()), now),
        "url": names.url(observed.owner.name, observed.owner.namespace),
        "replicas": rolled.replicas,
        "readyReplicas": observed.serving,
        "selector": ",".join(f"{key}={value}" for key, value in names.selector(observed.owner.name).items()),
        "engine": None,
        "loading": _loading(observed),
        "lastFailure": _last_failure(observed.pods) or previous.get("lastFailure"),
    }
    if spec:
        profile = spec.image.engine_profile()
        result["engine"] = {"profile": profile.name, "vllm": profile.vllm}
        result["settings"] = [
            {"variable": variable.name, "field": variable.field, "verdict": judged.verdict, "detail": judged.detail}
            for variable, judged in not_honoured(spec.settings(), profile)
        ] or None
        result["warnings"] = [asdict(remark) for remark in remarks(spec)] or None
    return {key: value for key, value in result.items() if value is not None}


def _conditions(observed: Observation, previous: Sequence[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    before = {condition["type"]: condition for condition in previous}
    return [
        {**found, "lastTransitionTime": _transition(before.get(found["type"]), found["status"], now)}
        for found in condition_objects(verdicts(observed), observed.generation)
    ]


def _transition(before: Mapping[str, Any] | None, state: str, now: datetime) -> str:
    if before and before["status"] == state:
        return str(before["lastTransitionTime"])
    return now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _loading(observed: Observation) -> dict[str, Any] | None:
    """How far the pod is that has the longest way to go: the phase that comes first by its place in a start."""
    looks = [
        (_PHASES.index(look.phase) if look.phase in _PHASES else len(_PHASES), look.percent or 0, look)
        for pod in observed.current
        if not pod.ready and (look := observed.looks.get(pod.uid)) and not look.loaded
    ]
    if not looks:
        return None
    _, _, last = min(looks, key=lambda found: found[:2])
    return {"phase": last.phase, **({} if last.percent is None else {"percent": last.percent})}


_PHASES: Final = "starting resolving downloading loading_weights warming_up capturing_graphs first_token".split()
"""As the worker's `/startupz` names them, in the order of a start."""


def _last_failure(pods: Sequence[Pod]) -> dict[str, Any] | None:
    """The newest end of a container that was no success."""
    ends = [pod.last_exit for pod in pods if pod.last_exit and pod.last_exit.code]
    if not ends:
        return None
    newest = max(ends, key=lambda end: end.at)
    found = exited(newest, 0)
    return {
        "reason": found.reason,
        "message": found.sentence[:_LONGEST],
        "remedy": found.step,
        "exitCode": newest.code,
        "time": newest.at,
    }


def urgent(status: Mapping[str, Any], previous: Mapping[str, Any]) -> bool:
    """Whether it has to be written at once: it is of another generation, or what people wait for or fear has turned."""
    if status["observedGeneration"] != previous.get("observedGeneration"):
        return True
    return _turns(status) != _turns(previous)


def _turns(status: Mapping[str, Any]) -> list[bool]:
    conditions = status.get("conditions", ())
    return [found["status"] == "True" for found in conditions if found["type"] in {"Accepted", "Ready", "Degraded"}]


def patch(status: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that turns the previous status into this one; empty when nothing has to be written."""
    if dict(status) == dict(previous):
        return {}
    return {**dict.fromkeys(previous.keys() - status.keys()), **status}
