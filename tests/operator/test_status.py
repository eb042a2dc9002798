"""What the status says of what was observed."""

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from assets.pods import TEMPLATE, pod_body, running, waiting
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.conditions import Look, Observation, Rollout
from llmworker_operator.outcomes import Outcome, Paused, Stalled
from llmworker_operator.owner import Owner
from llmworker_operator.pods import pod
from llmworker_operator.status import patch, rollout, status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=timezone.utc)
KILLED = {"exitCode": 137, "reason": "OOMKilled"}


def observed(
    *bodies: dict[str, Any], outcome: Outcome | None = None, looks: dict[str, Look] | None = None
) -> Observation:
    """Two replicas are asked for; the Deployment counts what there is."""
    spec = LLMWorkerSpec.model_validate({"model": {"name": "m"}, "replicas": 2})
    pods = [pod(body) for body in bodies]
    counted = Rollout(True, len(pods), len(pods), sum(found.ready for found in pods))
    return Observation(Owner("chat", "prod"), 3, spec, counted, outcome, TEMPLATE, pods, looks or {})


SERVING = [pod_body(name, ready=True, container=running()) for name in ("a", "b")]
LOADING = [pod_body(name, container=running()) for name in ("a", "b")]


def ready(found: dict[str, Any]) -> dict[str, Any]:
    return next(condition for condition in found["conditions"] if condition["type"] == "Ready")


def test_only_pods_of_the_current_revision_count_as_ready() -> None:
    old = pod_body("old", template="before", ready=True, container=running())
    assert status(observed(SERVING[0], old, LOADING[1]), {}, NOW)["readyReplicas"] == 1


def test_what_may_not_be_what_was_meant_is_a_warning() -> None:
    spec = LLMWorkerSpec.model_validate(
        {"model": {"name": "m"}, "env": [{"name": name, "value": "1"} for name in ("MAX_MODEL_LENGTH", "NCCL_DEBUG")]}
    )
    (found,) = status(replace(observed(*SERVING), spec=spec), {}, NOW)["warnings"]
    assert (found["reason"], found["field"]) == ("MisspeltVariable", "spec.env[MAX_MODEL_LENGTH]")
    assert "did you mean MAX_MODEL_LEN?" in found["message"]
    assert "warnings" not in status(observed(*SERVING), {}, NOW)


def test_the_status_names_address_engine_and_selector() -> None:
    found = status(observed(*SERVING), {}, NOW)
    assert found["url"] == "http://chat.prod.svc.cluster.local/v1"
    assert found["engine"] == {"profile": "stable-cuda12.1.0", "vllm": "0.6.3.post1"}
    assert found["selector"] == "llmworker.dev/worker=chat"
    assert found["observedGeneration"] == 3
    assert [condition["observedGeneration"] for condition in found["conditions"]] == [3] * 5


def test_a_condition_keeps_its_transition_time_until_it_changes() -> None:
    first = status(observed(SERVING[0], LOADING[1]), {}, NOW)
    same = status(observed(*LOADING), first, LATER)
    changed = status(observed(*SERVING), same, LATER)
    assert [ready(found)["lastTransitionTime"] for found in (first, same, changed)] == [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z",
        "2026-01-02T04:00:00Z",
    ]


def test_a_stalled_worker_says_why_and_is_not_ready() -> None:
    found = status(observed(*SERVING, outcome=Stalled("NameTaken", "Rename it.")), {}, NOW)
    accepted, is_ready = found["conditions"][0], ready(found)
    assert (accepted["status"], accepted["reason"], accepted["message"]) == ("False", "NameTaken", "Rename it.")
    assert (is_ready["status"], is_ready["reason"]) == ("False", "NotAccepted")


@pytest.mark.parametrize(
    ("bodies", "rolled", "is_ready"),
    [
        pytest.param(SERVING, Rollout(True, 2, 2, 2), ("True", "Serving"), id="what was asked for serves on"),
        pytest.param(SERVING[:1], Rollout(True, 1, 1, 1), ("False", "RollingOut"), id="a pod was lost"),
        pytest.param(SERVING, Rollout(False, 2, 2, 2), ("False", "NotAccepted"), id="something else is asked for"),
        pytest.param([], Rollout(), ("False", "NotAccepted"), id="nothing was ever applied"),
    ],
)
def test_a_paused_worker_is_not_accepted_and_ready_as_long_as_it_is_what_was_asked_for(
    bodies: list[dict[str, Any]], rolled: Rollout, is_ready: tuple[str, str]
) -> None:
    paused = replace(observed(*bodies, outcome=Paused("Paused", "Remove it.")), rollout=rolled)
    found = status(paused, {}, NOW)
    accepted, told = found["conditions"][0], ready(found)
    assert (accepted["status"], accepted["reason"]) == ("False", "Paused")
    assert (told["status"], told["reason"]) == is_ready


def test_a_deployment_counts_only_when_its_controller_saw_the_wanted_spec() -> None:
    reported = {"observedGeneration": 4, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
    assert rollout(reported, generation=4, up_to_date=True).current
    assert not rollout(reported, generation=5, up_to_date=True).current
    assert not rollout(reported, generation=4, up_to_date=False).current


def test_the_deployments_own_trouble_is_passed_on() -> None:
    reported = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}]}
    assert rollout(reported, 1, True).trouble == "exceeded quota: gpus"


def test_what_is_not_simply_honoured_is_listed_with_its_verdict() -> None:
    spec = LLMWorkerSpec.model_validate(
        {"model": {"name": "m"}, "image": {"profile": "cpu"}, "engine": {"swapSpace": 8, "ropeTheta": 5e5, "seed": 1}}
    )
    found = status(Observation(Owner("chat", "prod"), 3, spec), {}, NOW)["settings"]
    assert [(entry["field"], entry["verdict"]) for entry in found] == [
        ("spec.engine.ropeTheta", "translated"),
        ("spec.engine.swapSpace", "no effect"),
    ]
    assert "settings" not in status(observed(), {}, NOW)


def test_loading_tells_of_the_pod_that_is_furthest_behind() -> None:
    looks = {"uid-a": Look("warming_up"), "uid-b": Look("loading_weights", 40)}
    assert status(observed(*LOADING, looks=looks), {}, NOW)["loading"] == {"phase": "loading_weights", "percent": 40}
    assert status(observed(*LOADING, looks={"uid-a": Look("warming_up")}), {}, NOW)["loading"] == {
        "phase": "warming_up"
    }
    assert "loading" not in status(observed(*SERVING, looks=looks), {}, NOW)


def test_the_last_failure_stays_until_there_is_a_newer_one() -> None:
    crashed = pod_body("a", container=waiting("CrashLoopBackOff", "", {**KILLED, "finishedAt": "2026-01-02T03:10:00Z"}))
    later = pod_body("b", container=running({**KILLED, "exitCode": 3, "reason": "Error", "message": "no such file",
                                             "finishedAt": "2026-01-02T03:11:00Z"}))  # fmt: skip
    first = status(observed(crashed), {}, NOW)
    told = dict(first["lastFailure"])
    assert told.pop("remedy").startswith("Raise spec.resources.limits.memory;")
    assert told == {
        "reason": "OutOfHostMemory",
        "message": "The container used more memory than its limit and was killed.",
        "exitCode": 137,
        "time": "2026-01-02T03:10:00Z",
    }
    well = status(observed(*SERVING), first, LATER)
    assert well["lastFailure"] == first["lastFailure"]
    newer = status(observed(crashed, later), well, LATER)["lastFailure"]
    assert (newer["reason"], newer["exitCode"]) == ("WorkerExited", 3)


def test_a_container_that_ended_well_is_no_failure() -> None:
    ended = {"exitCode": 0, "reason": "Completed", "finishedAt": "2026-01-02T03:10:00Z"}
    assert "lastFailure" not in status(observed(pod_body("a", container=running(ended))), {}, NOW)


def test_what_no_longer_holds_is_removed() -> None:
    loading = status(observed(*LOADING, looks={"uid-a": Look("warming_up")}), {}, NOW)
    assert patch(status(observed(*SERVING), loading, LATER), loading)["loading"] is None
