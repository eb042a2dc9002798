"""What the resource's status says: a pure function of what was asked for and what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.outcomes import Outcome
from llmworker_operator.owner import Owner


@dataclass(frozen=True)
class Rollout:
    """What the Deployment reports about its pods."""

    current: bool = False
    """Whether the Deployment is the one we want, and its controller has seen it."""
    replicas: int = 0
    updated: int = 0
    ready: int = 0
    trouble: str = ""
    """The Deployment controller's own sentence about why it cannot create or progress; empty when all is well."""

    @property
    def serving(self) -> int:
        """Pods of the current revision that certainly serve: the ready ones, less all that are of older revisions."""
        return max(0, self.ready - (self.replicas - self.updated)) if self.current else 0


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


@dataclass(frozen=True)
class Observation:
    """Everything that a status is made of."""

    owner: Owner
    generation: int
    spec: LLMWorkerSpec | None
    """None where it could not be understood; `outcome` then says why."""
    rollout: Rollout = field(default_factory=Rollout)
    outcome: Outcome | None = None


def status(observed: Observation, previous: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The whole status. Transition times are kept from `previous` where a condition did not change."""
    spec, rolled = observed.spec, observed.rollout
    result: dict[str, Any] = {
        "observedGeneration": observed.generation,
        "conditions": _conditions(observed, previous.get("conditions", ()), now),
        "url": names.url(observed.owner.name, observed.owner.namespace),
        "replicas": rolled.replicas,
        "readyReplicas": rolled.serving,
        "selector": ",".join(f"{key}={value}" for key, value in names.selector(observed.owner.name).items()),
        "engine": None,
    }
    if spec:
        profile = spec.image.engine_profile()
        result["engine"] = {"profile": profile.name, "vllm": profile.vllm}
    return {key: value for key, value in result.items() if value is not None}


def _conditions(observed: Observation, previous: Sequence[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    verdicts = {"Accepted": _accepted(observed), "Ready": _ready(observed)}
    before = {condition["type"]: condition for condition in previous}
    return [
        {
            "type": kind,
            "status": state,
            "observedGeneration": observed.generation,
            "reason": reason,
            "message": message,
            "lastTransitionTime": _transition(before.get(kind), state, now),
        }
        for kind, (state, reason, message) in verdicts.items()
    ]


def _transition(before: Mapping[str, Any] | None, state: str, now: datetime) -> str:
    if before and before["status"] == state:
        return str(before["lastTransitionTime"])
    return now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _accepted(observed: Observation) -> tuple[str, str, str]:
    if observed.outcome:
        return "False", observed.outcome.reason, observed.outcome.message
    return "True", "Applied", "The spec is understood and its objects are applied."


def _ready(observed: Observation) -> tuple[str, str, str]:
    """Ready means that every replica is of the current revision and serves, and that no older pod is left."""
    rolled, spec = observed.rollout, observed.spec
    if observed.outcome or spec is None:
        return "False", "NotAccepted", "The current spec is not applied; see the condition Accepted."
    if not rolled.current:
        return "False", "Applying", "The current spec is being applied."
    wanted = spec.replicas
    if wanted == 0 and rolled.replicas == 0:
        return "False", "ScaledToZero", "No replica is asked for; raise spec.replicas to serve."
    if rolled.updated == rolled.replicas == rolled.ready == wanted:
        return "True", "Serving", f"{wanted} of {wanted} replicas serve the current revision."
    return "False", *_unready(rolled, wanted)


def _unready(rolled: Rollout, wanted: int) -> tuple[str, str]:
    counts = f"{rolled.serving} of {wanted} replicas serve the current revision."
    if rolled.trouble:
        return "RolloutBlocked", f"{counts} The cluster says: {rolled.trouble}"
    if rolled.replicas > rolled.updated or rolled.updated < wanted:
        return "RollingOut", f"{counts} Pods of the new revision replace the old ones."
    return "Loading", f"{counts} Pods are being scheduled or load the model."


def patch(status: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that turns the previous status into this one; empty when nothing has to be written."""
    if dict(status) == dict(previous):
        return {}
    return {**dict.fromkeys(previous.keys() - status.keys()), **status}
