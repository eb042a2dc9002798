"""The conditions of an LLMWorker: each with one reason, one sentence and, where one helps, one next step. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.outcomes import Outcome, Paused
from llmworker_operator.owner import Owner
from llmworker_operator.pods import Pod
from llmworker_operator.problems import Problem, problem


class Verdict(NamedTuple):
    """What a condition says."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True)
class Look:
    """What a worker said of itself when it was asked."""

    phase: str
    percent: int | None = None
    detail: str = ""
    loaded: bool = False
    """Whether it has produced a token since its container started."""

    def __str__(self) -> str:
        return self.phase if self.percent is None else f"{self.phase} {self.percent} %"


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


@dataclass(frozen=True)
class Observation:
    """Everything that a status is made of."""

    owner: Owner
    generation: int
    spec: LLMWorkerSpec | None
    """None where it could not be understood; `outcome` then says why."""
    rollout: Rollout = field(default_factory=Rollout)
    outcome: Outcome | None = None
    template: str | None = None
    """Hash of the template of the current revision."""
    pods: Sequence[Pod] = ()
    """Of every revision."""
    looks: Mapping[str, Look] = field(default_factory=dict)
    """What those that load said, by uid."""
    warnings: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """Events of those that are being set up for long, by uid: reason and message, the newest first."""

    @property
    def current(self) -> list[Pod]:
        """Pods of the current revision that stay."""
        return [pod for pod in self._staying() if pod.template == self.template]

    @property
    def older(self) -> list[Pod]:
        """Pods of other revisions that stay."""
        return [pod for pod in self._staying() if pod.template != self.template]

    @property
    def serving(self) -> int:
        """Pods of the current revision that serve."""
        return sum(pod.ready for pod in self.current) if self.rollout.current else 0

    def problems(self) -> Iterator[Problem]:
        """Of the pods of the current revision."""
        gone = [pod for pod in self.pods if pod.finished and pod.template == self.template]
        replaced = self.spec is not None and len(self.current) >= self.spec.replicas
        for pod in (*self.current, *(() if replaced else gone)):
            found = problem(pod, self.warnings.get(pod.uid, ()))
            if found:
                yield found

    def _staying(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.leaving and not pod.finished]


_LONGEST: Final = 2000
"""Characters of a message: a status is no log."""

_CREATION: Final = (
    ("exceeded quota", "QuotaExceeded", "Raise the namespace's quota, or ask for less."),
    (
        "violates PodSecurity",
        "PodSecurityDenied",
        "Allow in the namespace what the spec asks for, or remove it from the spec.",
    ),
    ("denied the request", "AdmissionDenied", "Change what the webhook names, or its policy."),
    ("denied request", "AdmissionDenied", "Change what the policy names, or the policy."),
    ("no PriorityClass", "PriorityClassMissing", "Create it, or correct spec.scheduling.priorityClassName."),
    ("RuntimeClass", "RuntimeClassMissing", "Create it, or correct spec.scheduling.runtimeClassName."),
    ("usage per Container", "LimitRangeExceeded", "Keep spec.resources within the namespace's LimitRange."),
    ("usage per Pod", "LimitRangeExceeded", "Keep spec.resources within the namespace's LimitRange."),
    ("timed out progressing", "ProgressDeadlineExceeded", "See the other conditions for what the pods wait for."),
)


def verdicts(observed: Observation) -> dict[str, Verdict]:
    """All conditions."""
    judges: dict[str, Callable[[Observation], Verdict]] = {
        "Accepted": _accepted,
        "Scheduled": _scheduled,
        "ModelLoaded": _model_loaded,
        "Ready": _ready,
        "Degraded": _degraded,
    }
    return {kind: judge(observed) for kind, judge in judges.items()}


def _accepted(observed: Observation) -> Verdict:
    if observed.outcome:
        return Verdict("False", observed.outcome.reason, observed.outcome.message)
    return Verdict("True", "Applied", "The spec is understood and its objects are applied.")


def _not_observed(observed: Observation, status: str) -> Verdict | None:
    """What is said as long as there is nothing of the current spec to observe."""
    held = isinstance(observed.outcome, Paused) and observed.rollout.current
    if observed.spec is None or (observed.outcome and not held):
        return Verdict(status, "NotAccepted", "The current spec is not applied; see the condition Accepted.")
    if not observed.rollout.current:
        return Verdict(status, "Applying", "The current spec is being applied.")
    return None


def _scheduled(observed: Observation) -> Verdict:
    if told := _not_observed(observed, "Unknown"):
        return told
    wanted, placed = _wanted(observed), [pod for pod in observed.current if pod.scheduled]
    if len(placed) >= wanted:
        return Verdict("True", "Scheduled", f"{wanted} of {wanted} pods have a node.")
    counts = f"{len(placed)} of {wanted} pods have a node."
    waiting = [found for pod in observed.current if not pod.scheduled and (found := problem(pod))]
    for found in (*waiting, *_blocked(observed)):
        return Verdict("False", found.reason, f"{counts} {found}")
    return Verdict("False", "Pending", counts)


def _model_loaded(observed: Observation) -> Verdict:
    if told := _not_observed(observed, "Unknown"):
        return told
    wanted = _wanted(observed)
    loaded = [pod for pod in observed.current if pod.ready or _look(observed, pod).loaded]
    if wanted == 0:
        return Verdict("False", "ScaledToZero", "No replica is asked for, so nothing is loaded.")
    counts = f"{len(loaded)} of {wanted} pods have loaded the model and produced a token."
    if len(loaded) >= wanted:
        return Verdict("True", "Loaded", counts)
    if not any(pod.scheduled for pod in observed.current):
        return Verdict("False", "NotScheduled", f"{counts} See the condition Scheduled.")
    for found in observed.problems():
        return Verdict("False", found.reason, f"{counts} {found}")
    return Verdict("False", "Loading", f"{counts} {_phases(observed)}".strip())


def _ready(observed: Observation) -> Verdict:
    """True when every replica is of the current revision and serves, and no older pod is left. The Deployment's
    counts and the pods have to say so both: either may be behind."""
    if told := _not_observed(observed, "False"):
        return told
    rolled, wanted = observed.rollout, _wanted(observed)
    if wanted == 0 and rolled.replicas == 0:
        return Verdict("False", "ScaledToZero", "No replica is asked for; raise spec.replicas to serve.")
    if rolled.updated == rolled.replicas == rolled.ready == wanted == observed.serving and not observed.older:
        return Verdict("True", "Serving", f"{wanted} of {wanted} replicas serve the current revision.")
    counts = f"{observed.serving} of {wanted} replicas serve the current revision."
    for found in (*observed.problems(), *_blocked(observed)):
        return Verdict("False", found.reason, f"{counts} {found}")
    if rolled.replicas > rolled.updated or rolled.updated < wanted:
        return Verdict("False", "RollingOut", f"{counts} Pods of the new revision replace the old ones.")
    return Verdict("False", "Loading", f"{counts} {_phases(observed) or 'Pods are being set up or load the model.'}")


def _degraded(observed: Observation) -> Verdict:
    if told := _not_observed(observed, "Unknown"):
        return told
    for found in (*observed.problems(), *_blocked(observed)):
        return Verdict("True", found.reason, str(found))
    for pod in observed.current:
        look = _look(observed, pod)
        if look.loaded and not pod.ready and look.phase == "unhealthy":
            step = "It starts again by itself if that lasts; kubectl logs tells more."
            return Verdict("True", "EngineUnhealthy", f"A worker that served does not: {look.detail}. {step}")
    return Verdict("False", "AsExpected", "Nothing is known to be wrong.")


def _blocked(observed: Observation) -> Iterator[Problem]:
    """What the Deployment's controller says, in a reason of its own."""
    said = observed.rollout.trouble
    if not said:
        return
    for words, reason, step in _CREATION:
        if words in said:
            yield Problem(reason, f"The cluster says: {said}", step)
            return
    yield Problem("RolloutBlocked", f"The cluster says: {said}", "The words are the cluster's: change what they name.")


def _phases(observed: Observation) -> str:
    """What those that load are at."""
    looks = [str(observed.looks[pod.uid]) for pod in observed.current if pod.uid in observed.looks and not pod.ready]
    return f"At work: {', '.join(sorted(looks))}." if looks else ""


def _look(observed: Observation, pod: Pod) -> Look:
    return observed.looks.get(pod.uid, Look("unknown"))


def _wanted(observed: Observation) -> int:
    return observed.spec.replicas if observed.spec else 0


def condition_objects(found: Mapping[str, Verdict], generation: int) -> list[dict[str, Any]]:
    """As Kubernetes writes conditions, without their times."""
    return [
        {
            "type": kind,
            "status": verdict.status,
            "observedGeneration": generation,
            "reason": verdict.reason,
            "message": verdict.message[:_LONGEST],
        }
        for kind, verdict in found.items()
    ]
