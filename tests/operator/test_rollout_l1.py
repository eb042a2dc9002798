"""The operator against a real API server: what rolls, the budget, the pause."""

import time

import pytest

from assets.audit import asked
from assets.llmworkers import LLMWorkers, claim
from assets.waiting import until
from cluster.rig import Rig

pytestmark = pytest.mark.l1


def test_a_budget_comes_with_the_second_replica_and_goes_with_it(workers: LLMWorkers) -> None:
    workers.apply(replicas=1)
    workers.wait_until_applied()
    assert not workers.exists("poddisruptionbudget")
    workers.kubectl("scale", "llmworker", "chat", "--replicas=2")
    until(lambda: workers.exists("poddisruptionbudget"), "there is a budget")
    budget = workers.get("poddisruptionbudget")
    assert budget["metadata"]["ownerReferences"][0]["name"] == "chat"
    assert budget["spec"]["maxUnavailable"] == 1
    workers.kubectl("scale", "llmworker", "chat", "--replicas=1")
    until(lambda: not workers.exists("poddisruptionbudget"), "the budget is gone")


def test_somebody_elses_budget_is_left_alone(workers: LLMWorkers) -> None:
    workers.kubectl("create", "poddisruptionbudget", "chat", "--selector=app=other", "--min-available=1")
    workers.apply(replicas=2)
    until(lambda: workers.accepted() == "NameTaken", "the status says it")
    workers.apply(replicas=1)
    workers.wait_until_applied()
    assert workers.get("poddisruptionbudget")["spec"]["minAvailable"] == 1


def test_what_does_not_touch_the_pod_rolls_nothing(workers: LLMWorkers) -> None:
    workers.apply(replicas=2)
    workers.wait_until_applied()
    before = workers.get("deployment")
    workers.apply(labels={"team": "search"}, replicas=2)
    workers.apply(labels={"team": "search"}, replicas=1, rollout={"maxSurge": 1, "minReadySeconds": 5})
    workers.wait_until_applied()
    after = workers.get("deployment")
    assert after["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert after["spec"]["template"] == before["spec"]["template"]


def test_strategies_replace_each_other(workers: LLMWorkers) -> None:
    for rollout, kind in (({}, "RollingUpdate"), ({"strategy": "Recreate"}, "Recreate"), ({}, "RollingUpdate")):
        workers.apply(rollout=rollout)
        workers.wait_until_applied()
        assert workers.get("deployment")["spec"]["strategy"]["type"] == kind


def test_while_paused_nothing_is_written_and_afterwards_all_of_it(workers: LLMWorkers, l1: Rig) -> None:
    workers.apply(replicas=2, cache=claim(whenDeleted="Delete", accessModes=["ReadWriteMany"]))
    workers.wait_until_applied()
    before = workers.get("deployment")
    workers.apply(paused=True, engine={"maxModelLen": 512})
    until(lambda: workers.accepted() == "Paused", "the status says it")
    since = l1.audit_log.stat().st_size
    workers.kubectl("delete", "service", "chat")
    time.sleep(2)
    assert workers.get("deployment")["metadata"]["generation"] == before["metadata"]["generation"]
    assert workers.exists("poddisruptionbudget")
    kinds = ("services", "deployments", "persistentvolumeclaims", "poddisruptionbudgets")
    assert [asked(l1, since, workers.namespace, kind) for kind in kinds] == [[], [], [], []]
    workers.apply(engine={"maxModelLen": 512})
    workers.wait_until_applied()
    assert workers.exists("service")
    assert not workers.exists("poddisruptionbudget")
    assert "deletionTimestamp" in workers.get("persistentvolumeclaim")["metadata"]


def test_a_settled_worker_with_all_children_costs_nothing_more(workers: LLMWorkers, l1: Rig) -> None:
    full = {
        "replicas": 3,
        "cache": claim("1024Mi", accessModes=["ReadWriteMany", "ReadWriteOnce"]),
        "rollout": {"maxSurge": "30%", "maxUnavailable": "10%", "minReadySeconds": 1},
        "scheduling": {"cudaDriver": "Required"},
    }
    workers.apply(**full)
    workers.wait_until_applied()
    since = l1.audit_log.stat().st_size
    # A stranger's label makes an event of each child.
    workers.kubectl("label", "deployment,service,persistentvolumeclaim,poddisruptionbudget", "chat", "seen=yes")
    workers.kubectl("annotate", "llmworker", "chat", "seen=yes")
    time.sleep(2)
    kinds = ("services", "deployments", "persistentvolumeclaims", "poddisruptionbudgets", "llmworkers")
    assert [asked(l1, since, workers.namespace, kind) for kind in kinds] == [[], [], [], [], []]
