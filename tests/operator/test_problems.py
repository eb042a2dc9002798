"""What is told of a pod that does not serve: a reason, and what to do. The words are those of real components."""

import json
from typing import Any

import pytest

from assets.pods import pod_body, running, unscheduled_body, waiting
from llmworker_operator.pods import pod
from llmworker_operator.problems import problem
from llmworker_operator.unscheduled import unscheduled

TOLD = {
    "exitCode": 1,
    "reason": "Error",
    "finishedAt": "2026-01-02T03:10:00Z",
    "message": json.dumps(
        {
            "reason": "KVCacheTooSmall",
            "message": "The KV cache holds 2048 tokens.",
            "remedy": "Lower it.",
            "exitCode": 1,
        }
    ),
}
KILLED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-02T03:10:00Z"}
SILENT = {"exitCode": 3, "reason": "Error", "finishedAt": "2026-01-02T03:10:00Z", "message": "Traceback: no such file"}


@pytest.mark.parametrize(
    ("said", "reason", "step"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available.",
         "InsufficientGPU", "nvidia.com/gpu"),
        ("0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/mig-1g.10gb.",
         "InsufficientGPU", "nvidia.com/mig-1g.10gb"),
        ("0/2 nodes are available: 2 Insufficient memory.", "InsufficientResources", "memory"),
        ("0/2 nodes are available: 1 node(s) had untolerated taint {team: research}, 1 Insufficient nvidia.com/gpu.",
         "TaintNotTolerated", "Tolerate team"),
        ("0/2 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
         "1 Insufficient nvidia.com/gpu.", "InsufficientGPU", "nvidia.com/gpu"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
         "NodesNotReady", "kubectl get nodes"),
        ("0/1 nodes are available: 1 node(s) were unschedulable.", "NodesNotReady", "kubectl get nodes"),
        ("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
         "NoMatchingNode", "spec.scheduling"),
        ("0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
         "SpreadNotPossible", "fewer replicas"),
        ("0/4 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) had untolerated taint(s), "
         "2 node(s) didn't match Pod's node affinity/selector.", "SpreadNotPossible", "fewer replicas"),
        ('0/1 nodes are available: persistentvolumeclaim "models" not found.', "VolumeClaimMissing", "spec.cache"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
         "VolumeClaimPending", "kubectl describe pvc"),
        ("0/1 nodes are available: 1 node(s) had volume node affinity conflict.", "VolumeElsewhere", "zone"),
        ("0/1 nodes are available: 1 Too many pods.", "TooManyPods", "Add a node"),
        ("no nodes available to schedule pods", "NoNodes", "add one"),
        ("0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) didn't match Pod's node affinity/selector.",
         "NodesNotReady", "kubectl get nodes"),
        ("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated "
         "taint {node-role.kubernetes.io/control-plane: }.", "NoMatchingNode", "spec.scheduling"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.",
         "NoNodes", "add one"),
        ("0/1 nodes are available: 1 the moon is full.", "Unschedulable", "scheduler's"),
    ],
)  # fmt: skip
def test_the_schedulers_words(said: str, reason: str, step: str) -> None:
    found = problem(pod(unscheduled_body(said)))
    assert found is not None
    assert found.reason == reason
    assert said.partition(" preemption")[0] in found.sentence
    assert step in found.step


@pytest.mark.parametrize(
    "more", ["", " preemption: 0/1 nodes are available: x.", ". no new claims to deallocate, preemption: 0/1 x"]
)
def test_what_could_make_room_is_no_part_of_the_sentence(more: str) -> None:
    _, sentence, _ = unscheduled(f"0/1 nodes are available: 1 Too many pods{more}")
    assert sentence.rstrip(".") == "No node can take the pod: 0/1 nodes are available: 1 Too many pods"


def test_a_taint_without_a_name_is_told_beside_the_reason() -> None:
    said = "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 Insufficient nvidia.com/gpu."
    reason, _, step = unscheduled(said)
    assert reason == "InsufficientGPU"
    assert "kubectl describe nodes" in step


@pytest.mark.parametrize(
    ("container", "reason", "step"),
    [
        (waiting("ImagePullBackOff", 'Back-off pulling image "x"'), "ImagePullFailed", "spec.image.pullSecrets"),
        (waiting("ErrImagePull", "401 Unauthorized"), "ImagePullFailed", "spec.image.pullSecrets"),
        (waiting("InvalidImageName", "couldn't parse image name"), "ImagePullFailed", "spec.image"),
        (waiting("CreateContainerConfigError", 'secret "hf" not found'), "SecretMissing", "Create it"),
        (waiting("CreateContainerConfigError", "couldn't find key token in Secret prod/hf"), "SecretMissing", "Create"),
        (waiting("CreateContainerConfigError", 'configmap "c" not found'), "ConfigMapMissing", "Create it"),
        (waiting("CreateContainerConfigError", "run as root"), "ContainerNotStarted", "correct"),
        (waiting("RunContainerError", "exec failed"), "ContainerNotStarted", "correct"),
        (waiting("CrashLoopBackOff", "back-off 5m0s", TOLD), "KVCacheTooSmall", "Lower it."),
        (waiting("CrashLoopBackOff", "back-off 5m0s", KILLED), "OutOfHostMemory", "spec.resources.limits.memory"),
        (waiting("CrashLoopBackOff", "back-off 5m0s", SILENT), "WorkerExited", "kubectl logs --previous"),
        (waiting("CrashLoopBackOff", "", {**KILLED, "message": TOLD["message"]}), "OutOfHostMemory", "limits.memory"),
        ({"state": {"terminated": TOLD}}, "KVCacheTooSmall", "Lower it."),
        (running(TOLD), "KVCacheTooSmall", "Lower it."),
    ],
)
def test_the_kubelets_words(container: dict[str, Any], reason: str, step: str) -> None:
    found = problem(pod(pod_body(container=container)))
    assert found is not None
    assert (found.reason, step in found.step) == (reason, True), found


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (("FailedMount", 'MountVolume.SetUp failed for volume "api-keys" : secret "keys" not found'), "SecretMissing"),
        (("FailedMount", 'MountVolume.SetUp failed for volume "k" : references non-existent secret key: b'),
         "SecretMissing"),
        (("FailedMount", 'MountVolume.SetUp failed for volume "t" : configmap "t" not found'), "ConfigMapMissing"),
        (("FailedMount", "Unable to attach or mount volumes: timed out"), "VolumeNotMounted"),
        (("FailedAttachVolume", "Multi-Attach error for volume"), "VolumeNotMounted"),
        (("FailedCreatePodSandBox", 'no runtime for "nvidia" is configured'), "PodSandboxFailed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("container", [waiting("ContainerCreating"), None])
def test_what_only_events_tell(event: tuple[str, str], reason: str, container: dict[str, Any] | None) -> None:
    found = problem(pod(pod_body(phase="Pending", container=container)), [("Other", "x"), event])
    assert found is not None
    assert found.reason == reason
    assert event[1] in found.sentence


def test_an_evicted_pod() -> None:
    found = problem(pod(pod_body(phase="Failed", reason="Evicted", message="The node was low on memory.")))
    assert found is not None
    assert (found.reason, "low on memory" in found.sentence) == ("PodEvicted", True)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pod_body(ready=True, container=running(TOLD)), id="a pod that serves"),
        pytest.param(pod_body(container=running()), id="a pod that loads"),
        pytest.param(pod_body(phase="Pending", container=waiting("ContainerCreating")), id="a pod being set up"),
        pytest.param(pod_body(node=None, phase="Pending"), id="a pod that nobody has looked at"),
    ],
)
def test_nothing_is_wrong(body: dict[str, Any]) -> None:
    assert problem(pod(body)) is None
    body["metadata"]["deletionTimestamp"] = "2026-01-02T04:00:00Z"
    assert problem(pod(body)) is None


def test_injected_containers_are_not_the_worker() -> None:
    body = pod_body(container=running())
    sidecar = {"name": "mesh", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 9}
    body["status"]["containerStatuses"].insert(0, sidecar)
    assert problem(pod(body)) is None
    assert pod(body).restarts == 0
