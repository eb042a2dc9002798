"""Why a pod does not serve, out of what the cluster says of it: one reason, one sentence, one next step. Pure.

Each problem is judged from the words of the component that knows: the scheduler, the kubelet, or the worker itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmworker_operator.pods import Exit, Pod
from llmworker_operator.unscheduled import unscheduled


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do."""

    reason: str
    sentence: str
    step: str

    def __str__(self) -> str:
        return f"{self.sentence} {self.step}"


IMAGE_REASONS: Final = frozenset(
    "ErrImagePull ImagePullBackOff InvalidImageName ErrImageNeverPull ImageInspectError "
    "RegistryUnavailable SignatureValidationFailed".split()
)
CREATING: Final = frozenset({"ContainerCreating", "PodInitializing"})
"""What the kubelet says while it mounts volumes and pulls; only events tell why it takes long."""

_MISSING: Final = re.compile(
    r"(?P<kind>secret|configmap)s? \"(?P<name>[^\"]+)\" not found"
    r"|couldn't find key (?P<key>\S+) in (?P<of>Secret|ConfigMap) (?P<place>\S+)"
    r"|references non-existent (?P<which>secret|config) key: (?P<lost>\S+)",
    re.IGNORECASE,
)
_KINDS: Final = {"secret": "Secret", "configmap": "ConfigMap", "config": "ConfigMap"}


def problem(pod: Pod, events: Sequence[tuple[str, str]] = ()) -> Problem | None:
    """What keeps the pod from serving, or None if nothing but time is known to. `events`: reasons and messages of
    the warnings about it, the newest first."""
    if pod.leaving or pod.ready:
        return None
    if pod.phase == "Failed" and pod.trouble[0]:
        return _failed(*pod.trouble)
    if pod.unschedulable and not pod.scheduled:
        return Problem(*unscheduled(pod.unschedulable))
    return _of_container(pod, events)


def _of_container(pod: Pod, events: Sequence[tuple[str, str]]) -> Problem | None:
    """What the kubelet says of a pod that has a node."""
    reason, message = pod.waiting
    if reason in IMAGE_REASONS:
        return _image(reason, message)
    if reason and reason not in CREATING and reason != "CrashLoopBackOff":
        return missing(message) or _not_started(reason, message)
    if pod.last_exit:
        return exited(pod.last_exit, pod.restarts)
    return None if pod.running or not pod.scheduled else _creating(events)


def missing(message: str) -> Problem | None:
    """A Secret or ConfigMap, or a key of one, that is not there, out of the kubelet's words."""
    found = _MISSING.search(message)
    if found is None:
        return None
    kind = _KINDS[(found["kind"] or found["of"] or found["which"]).lower()]
    if found["name"]:
        what = f'The {kind} "{found["name"]}"'
    else:
        what = f'The key "{found["key"] or found["lost"]}" of a {kind}'
    return Problem(
        f"{kind}Missing",
        f"{what} that the spec refers to does not exist: {message}.",
        "Create it in the worker's namespace, or correct the reference; the pod goes on by itself.",
    )


def exited(ended: Exit, restarts: int) -> Problem:
    """A container that ended."""
    times = f" It has started again {restarts} times." if restarts else ""
    if ended.reason == "OOMKilled":
        return Problem(
            "OutOfHostMemory",
            f"The container used more memory than its limit and was killed.{times}",
            "Raise spec.resources.limits.memory; loading needs room for the weights, and /dev/shm counts as well.",
        )
    if ended.remedy:
        return Problem(ended.reason, f"The worker ended: {ended.message}{times}", ended.remedy)
    said = f" Its last words: {ended.message}" if ended.message else ""
    return Problem(
        "WorkerExited",
        f"The container ended with exit code {ended.code} ({ended.reason}).{times}{said}",
        "Look at the log of the container before: kubectl logs --previous.",
    )


def _failed(reason: str, message: str) -> Problem:
    return Problem(
        f"Pod{reason}" if reason.isalnum() else "PodFailed",
        f"The node gave the pod up: {message or reason}.",
        "Another pod takes its place; if that happens again, give the worker what the node ran out of.",
    )


def _image(reason: str, message: str) -> Problem:
    return Problem(
        "ImagePullFailed",
        f"The image can not be pulled ({reason}): {message}.",
        "Correct spec.image or the operator's worker repository, or name the registry's Secret in "
        "spec.image.pullSecrets.",
    )


def _not_started(reason: str, message: str) -> Problem:
    return Problem(
        "ContainerNotStarted",
        f"The container can not be started ({reason}): {message}.",
        "The words are the container runtime's: correct what they name.",
    )


def _creating(events: Sequence[tuple[str, str]]) -> Problem | None:
    for reason, message in events:
        if reason in {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}:
            return missing(message) or Problem(
                "VolumeNotMounted",
                f"A volume of the pod can not be mounted: {message}.",
                "Look at the claim or object that it names: kubectl describe pvc.",
            )
        if reason == "FailedCreatePodSandBox":
            return Problem(
                "PodSandboxFailed",
                f"The node can not set the pod up: {message}.",
                "Check spec.scheduling.runtimeClassName and the node's container runtime and network.",
            )
    return None
