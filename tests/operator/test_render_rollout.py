"""How pods are replaced, how they leave, and what keeps some of them there."""

from typing import Any

import pytest

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.validation import InvalidSpec, parsed

OWNER = Owner("w", "n", "u")


def rendered(**spec: Any) -> dict[str, dict[str, Any]]:
    found = LLMWorkerSpec.model_validate({"model": {"name": "m"}, **spec})
    return {child["kind"]: child for child in children(OWNER, found, Config())}


@pytest.mark.parametrize(
    ("rollout", "surge", "unavailable"),
    [
        pytest.param({}, 0, 1, id="no spare GPU"),
        pytest.param({"maxSurge": 1}, 1, 0, id="a spare GPU: the new pod serves first"),
        pytest.param({"maxSurge": "25%"}, "25%", 0, id="a share"),
        pytest.param({"maxSurge": "0%"}, 0, 1, id="a share that is none"),
        pytest.param({"maxUnavailable": 2}, 0, 2, id="faster"),
        pytest.param({"maxSurge": 2, "maxUnavailable": "50%"}, 2, "50%", id="both"),
    ],
)
def test_a_roll_takes_gpus_only_where_they_are_spare(
    rollout: dict[str, Any], surge: int | str, unavailable: int | str
) -> None:
    strategy = rendered(rollout=rollout)["Deployment"]["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": unavailable}


def test_recreate_counts_nothing() -> None:
    assert rendered(rollout={"strategy": "Recreate"})["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_times_of_a_roll() -> None:
    unset = rendered()["Deployment"]["spec"]
    assert "minReadySeconds" not in unset
    assert unset["progressDeadlineSeconds"] == 3600
    stated = rendered(rollout={"minReadySeconds": 30, "progressDeadlineSeconds": 600})["Deployment"]["spec"]
    assert (stated["minReadySeconds"], stated["progressDeadlineSeconds"]) == (30, 600)
    assert "minReadySeconds" not in rendered(rollout={"minReadySeconds": 0})["Deployment"]["spec"]


@pytest.mark.parametrize(("drain", "grace"), [(None, 340), (0, 40), (120, 160)])
def test_a_pod_has_time_for_the_hook_the_drain_and_the_engines_end(drain: int | None, grace: int) -> None:
    pod = rendered(serving={"drainTimeoutSeconds": drain})["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    assert pod["terminationGracePeriodSeconds"] == grace


def test_a_budget_from_two_replicas_on() -> None:
    assert "PodDisruptionBudget" not in rendered(replicas=0)
    assert "PodDisruptionBudget" not in rendered(replicas=1)
    budget = rendered(replicas=2)["PodDisruptionBudget"]
    assert budget["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"llmworker.dev/worker": "w"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"rollout": {"strategy": "Recreate", "maxSurge": 1}}, "spec.rollout: Recreate ends all pods first"),
        ({"rollout": {"maxUnavailable": "0%"}}, "spec.rollout: a roll needs a pod"),
        ({"rollout": {"minReadySeconds": 3600}}, "spec.rollout: progressDeadlineSeconds"),
        ({"rollout": {"maxSurge": "1"}}, "spec.rollout.maxSurge: expected a number of pods"),
        ({"rollout": {"maxSurge": -1}}, "spec.rollout.maxSurge: expected a number of pods"),
        (
            {"rollout": {"maxSurge": 1}, "cache": {"volumeClaimTemplate": {"size": 1}}},
            "spec.rollout.maxSurge: a pod beside the replicas would wait",
        ),
    ],
)
def test_a_roll_that_could_not_go_on_is_refused(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed({"model": {"name": "m"}, **spec})
    assert field in str(refused.value)
