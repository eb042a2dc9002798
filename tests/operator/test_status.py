"""What the status says of what was observed."""

from datetime import datetime, timezone

import pytest

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.outcomes import Stalled
from llmworker_operator.owner import Owner
from llmworker_operator.status import Observation, Rollout, rollout, status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=timezone.utc)


def observed(found: Rollout, replicas: int = 2, outcome: Stalled | None = None) -> Observation:
    spec = LLMWorkerSpec.model_validate({"model": {"name": "m"}, "replicas": replicas})
    return Observation(Owner("chat", "prod"), 3, spec, found, outcome)


def ready(found: Rollout, replicas: int = 2) -> tuple[str, str]:
    condition = status(observed(found, replicas), {}, NOW)["conditions"][1]
    assert condition["type"] == "Ready"
    return condition["status"], condition["reason"]


@pytest.mark.parametrize(
    ("found", "replicas", "expected"),
    [
        pytest.param(Rollout(True, 2, 2, 2), 2, ("True", "Serving"), id="all replicas of the current revision serve"),
        pytest.param(Rollout(), 2, ("False", "Applying"), id="nothing exists yet"),
        pytest.param(Rollout(False, 2, 2, 2), 2, ("False", "Applying"), id="only the old revision is known"),
        pytest.param(Rollout(True, 2, 2, 0), 2, ("False", "Loading"), id="pods load"),
        pytest.param(Rollout(True, 2, 1, 2), 2, ("False", "RollingOut"), id="an old pod serves still"),
        pytest.param(Rollout(True, 3, 2, 3), 2, ("False", "RollingOut"), id="an old pod is left over"),
        pytest.param(Rollout(True, 0, 0, 0), 0, ("False", "ScaledToZero"), id="nobody asked for a replica"),
        pytest.param(Rollout(True, 1, 1, 1), 0, ("False", "Loading"), id="the last pod is leaving"),
        pytest.param(Rollout(True, 0, 0, 0, "exceeded quota"), 2, ("False", "RolloutBlocked"), id="quota"),
    ],
)
def test_ready_is_true_only_when_all_of_the_current_revision_serves(
    found: Rollout, replicas: int, expected: tuple[str, str]
) -> None:
    assert ready(found, replicas) == expected


@pytest.mark.parametrize(
    ("found", "serving"),
    [
        pytest.param(Rollout(True, 2, 2, 1), 1, id="one of two new pods is ready"),
        pytest.param(Rollout(True, 2, 1, 1), 0, id="the ready pod may be the old one"),
        pytest.param(Rollout(False, 2, 2, 2), 0, id="all pods are of an older spec"),
    ],
)
def test_old_pods_never_count_as_ready(found: Rollout, serving: int) -> None:
    assert status(observed(found), {}, NOW)["readyReplicas"] == serving


def test_the_status_names_address_engine_and_selector() -> None:
    found = status(observed(Rollout(True, 2, 2, 2)), {}, NOW)
    assert found["url"] == "http://chat.prod.svc.cluster.local/v1"
    assert found["engine"] == {"profile": "stable-cuda12.1.0", "vllm": "0.6.3.post1"}
    assert found["selector"] == "llmworker.dev/worker=chat"
    assert found["observedGeneration"] == 3
    assert [condition["observedGeneration"] for condition in found["conditions"]] == [3, 3]


def test_a_condition_keeps_its_transition_time_until_it_changes() -> None:
    first = status(observed(Rollout(True, 2, 2, 1)), {}, NOW)
    same = status(observed(Rollout(True, 2, 2, 0)), first, LATER)
    changed = status(observed(Rollout(True, 2, 2, 2)), same, LATER)
    assert [found["conditions"][1]["lastTransitionTime"] for found in (first, same, changed)] == [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z",
        "2026-01-02T04:00:00Z",
    ]


def test_a_stalled_worker_says_why_and_is_not_ready() -> None:
    found = status(observed(Rollout(True, 2, 2, 2), outcome=Stalled("NameTaken", "Rename it.")), {}, NOW)
    accepted, is_ready = found["conditions"]
    assert (accepted["status"], accepted["reason"], accepted["message"]) == ("False", "NameTaken", "Rename it.")
    assert (is_ready["status"], is_ready["reason"]) == ("False", "NotAccepted")


def test_a_deployment_counts_only_when_its_controller_saw_the_wanted_spec() -> None:
    reported = {"observedGeneration": 4, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
    assert rollout(reported, generation=4, up_to_date=True).current
    assert not rollout(reported, generation=5, up_to_date=True).current
    assert not rollout(reported, generation=4, up_to_date=False).current


def test_the_deployments_own_trouble_is_passed_on() -> None:
    reported = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}]}
    assert rollout(reported, 1, True).trouble == "exceeded quota: gpus"
