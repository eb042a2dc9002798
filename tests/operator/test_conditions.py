"""What the conditions say of pods: each true only when it is so, and each telling the same cause."""

from typing import Any

import pytest

from assets.pods import TEMPLATE, pod_body, running, unscheduled_body, waiting
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.conditions import Look, Observation, Rollout, Verdict, verdicts
from llmworker_operator.owner import Owner
from llmworker_operator.pods import pod

SERVES = pod_body("a", ready=True, container=running())
LOADS = pod_body("b", container=running())
OLD = pod_body("old", template="before", ready=True, container=running())
NO_GPU = unscheduled_body("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "c")
KILLED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-02T03:10:00Z"}
CRASHES = pod_body("d", container=waiting("CrashLoopBackOff", "", KILLED))
EVICTED = pod_body("e", phase="Failed", reason="Evicted", message="low on memory")


def leaving(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-01-02T04:00:00Z"}}


def judged(
    *bodies: dict[str, Any], replicas: int = 1, rollout: Rollout | None = None, looks: dict[str, Look] | None = None
) -> dict[str, Verdict]:
    pods = [pod(body) for body in bodies]
    staying = [found for found in pods if not found.leaving and not found.finished]
    updated = [found for found in staying if found.template == TEMPLATE]
    counted = Rollout(True, len(staying), len(updated), sum(found.ready for found in staying))
    return verdicts(
        Observation(
            owner=Owner("chat", "prod"),
            generation=3,
            spec=LLMWorkerSpec.model_validate({"model": {"name": "m"}, "replicas": replicas}),
            rollout=rollout or counted,
            template=TEMPLATE,
            pods=pods,
            looks=looks or {},
        )
    )


@pytest.mark.parametrize(
    ("bodies", "replicas", "expected"),
    [
        pytest.param([SERVES], 1, "Scheduled True Scheduled, ModelLoaded True Loaded, Ready True Serving, "
                     "Degraded False AsExpected", id="all is well"),
        pytest.param([LOADS], 1, "Scheduled True Scheduled, ModelLoaded False Loading, Ready False Loading, "
                     "Degraded False AsExpected", id="it loads"),
        pytest.param([NO_GPU], 1, "Scheduled False InsufficientGPU, ModelLoaded False NotScheduled, "
                     "Ready False InsufficientGPU, Degraded True InsufficientGPU", id="no GPU"),
        pytest.param([SERVES, NO_GPU], 2, "Scheduled False InsufficientGPU, ModelLoaded False InsufficientGPU, "
                     "Ready False InsufficientGPU, Degraded True InsufficientGPU", id="no GPU for the second"),
        pytest.param([CRASHES], 1, "Scheduled True Scheduled, ModelLoaded False OutOfHostMemory, "
                     "Ready False OutOfHostMemory, Degraded True OutOfHostMemory", id="it crashes"),
        pytest.param([OLD, LOADS], 1, "Scheduled True Scheduled, ModelLoaded False Loading, Ready False RollingOut, "
                     "Degraded False AsExpected", id="an old pod serves still"),
        pytest.param([OLD, SERVES], 1, "Scheduled True Scheduled, ModelLoaded True Loaded, Ready False RollingOut, "
                     "Degraded False AsExpected", id="an old pod is left"),
        pytest.param([leaving(OLD), SERVES], 1, "Scheduled True Scheduled, ModelLoaded True Loaded, "
                     "Ready True Serving, Degraded False AsExpected", id="the old pod finishes its streams"),
        pytest.param([EVICTED, SERVES], 1, "Scheduled True Scheduled, ModelLoaded True Loaded, Ready True Serving, "
                     "Degraded False AsExpected", id="an evicted pod was replaced"),
        pytest.param([EVICTED], 1, "Scheduled False Pending, ModelLoaded False NotScheduled, Ready False PodEvicted, "
                     "Degraded True PodEvicted", id="an evicted pod was not"),
        pytest.param([], 0, "Scheduled True Scheduled, ModelLoaded False ScaledToZero, Ready False ScaledToZero, "
                     "Degraded False AsExpected", id="nobody asked"),
        pytest.param([leaving(SERVES)], 1, "Scheduled False Pending, ModelLoaded False NotScheduled, "
                     "Ready False RollingOut, Degraded False AsExpected", id="the only pod leaves"),
    ],
)  # fmt: skip
def test_all_conditions(bodies: list[dict[str, Any]], replicas: int, expected: str) -> None:
    found = judged(*bodies, replicas=replicas)
    del found["Accepted"]
    assert ", ".join(f"{kind} {verdict.status} {verdict.reason}" for kind, verdict in found.items()) == expected


@pytest.mark.parametrize(
    ("bodies", "rollout"),
    [
        pytest.param([SERVES], Rollout(True, 1, 1, 0), id="only the pod says so"),
        pytest.param([LOADS], Rollout(True, 1, 1, 1), id="only the Deployment says so"),
        pytest.param([OLD], Rollout(True, 1, 1, 1), id="the ready pod is an old one"),
        pytest.param([SERVES], Rollout(False, 1, 1, 1), id="the controller has not seen the spec"),
        pytest.param([OLD, SERVES], Rollout(True, 1, 1, 1), id="the Deployment has not counted the old pod"),
        pytest.param([], Rollout(True, 1, 1, 1), id="there is no pod"),
        pytest.param([pod_body("a", ready=True, phase="Failed")], Rollout(True, 1, 1, 1), id="the pod is over"),
    ],
)
def test_ready_needs_the_deployment_and_the_pods(bodies: list[dict[str, Any]], rollout: Rollout) -> None:
    assert judged(*bodies, rollout=rollout)["Ready"].status == "False"


WRONG_MODEL = {"exitCode": 1, "reason": "Error", "message": '{"reason": "ModelNotFound", "remedy": "Correct it."}'}


@pytest.mark.parametrize(
    ("bodies", "replicas", "rollout", "reason"),
    [
        pytest.param([pod_body("a", container=running(KILLED))], 1, None, "OutOfHostMemory",
                     id="it starts again after running out of memory"),
        pytest.param([pod_body("a", container=waiting("CrashLoopBackOff", "", WRONG_MODEL))], 1, None, "ModelNotFound",
                     id="it crashes in a loop for a wrong model"),
        pytest.param([SERVES, CRASHES], 2, None, "OutOfHostMemory", id="one of two crashes"),
        pytest.param([OLD, NO_GPU], 1, Rollout(True, 2, 1, 1), "InsufficientGPU",
                     id="an old pod makes up the number while the new one finds no node"),
        pytest.param([OLD], 1, Rollout(False, 1, 1, 1), "Applying", id="an edit that nobody has acted on"),
        pytest.param([LOADS], 1, None, "Loading", id="its server has not begun"),
        pytest.param([SERVES], 2, None, "RollingOut", id="the second pod is not there yet"),
        pytest.param([NO_GPU], 1, None, "InsufficientGPU", id="it was never scheduled"),
        pytest.param([leaving(SERVES)], 1, Rollout(True, 1, 1, 1), "Loading", id="the only pod is going"),
        pytest.param([EVICTED], 1, Rollout(True, 1, 1, 1), "PodEvicted", id="the pod was evicted"),
        pytest.param([], 1, Rollout(True, 0, 0, 0, "exceeded quota"), "QuotaExceeded", id="no pod could be made"),
    ],
)  # fmt: skip
def test_what_others_have_called_ready_is_not(
    bodies: list[dict[str, Any]], replicas: int, rollout: Rollout | None, reason: str
) -> None:
    """The complaints about the operators of the field, each as what was seen at that moment."""
    found = judged(*bodies, replicas=replicas, rollout=rollout)["Ready"]
    assert (found.status, found.reason) == ("False", reason)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('pods "x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1', "QuotaExceeded"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes', "PodSecurityDenied"),
        ('admission webhook "policy" denied the request: no', "AdmissionDenied"),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", "AdmissionDenied"),
        ('pods "x" is forbidden: no PriorityClass with name gold was found', "PriorityClassMissing"),
        ('pods "x" is forbidden: pod rejected: RuntimeClass "nvidia" not found', "RuntimeClassMissing"),
        ('pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi', "LimitRangeExceeded"),
        ('ReplicaSet "x" has timed out progressing.', "ProgressDeadlineExceeded"),
        ("something else", "RolloutBlocked"),
    ],
)
def test_what_keeps_pods_from_being_made(said: str, reason: str) -> None:
    found = judged(rollout=Rollout(True, 0, 0, 0, said))
    assert {found[kind].reason for kind in ("Scheduled", "Ready", "Degraded")} == {reason}
    assert said in found["Ready"].message


def test_the_phases_of_those_that_load_are_told() -> None:
    found = judged(LOADS, looks={"uid-b": Look("loading_weights", 40)})
    assert found["ModelLoaded"].message == (
        "0 of 1 pods have loaded the model and produced a token. At work: loading_weights 40 %."
    )


def test_a_worker_that_served_and_hangs_is_degraded() -> None:
    found = judged(LOADS, looks={"uid-b": Look("unhealthy", detail="no token for 300 s", loaded=True)})
    assert (found["ModelLoaded"].status, found["Ready"].status) == ("True", "False")
    assert (found["Degraded"].status, found["Degraded"].reason) == ("True", "EngineUnhealthy")
    assert "no token for 300 s" in found["Degraded"].message
