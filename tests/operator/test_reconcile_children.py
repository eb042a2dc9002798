"""The children that a worker may have and may lose, against a cluster made of dictionaries."""

from datetime import datetime, timezone
from typing import Any

import pytest

from assets.fake_cluster import KEY, FakeCluster, accepted
from llmworker_operator.config import Config
from llmworker_operator.reconcile import Reconciler
from llmworker_operator.store import Store

CLAIM = ("PersistentVolumeClaim", "chat")


def cache(size: str = "10Gi", **more: Any) -> dict[str, Any]:
    return {"volumeClaimTemplate": {"size": size, **more}}


class Bench:
    """A worker, its store and its reconciler."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.store = Store()
        clock = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.reconcile = Reconciler(self.store, self.cluster, Config(), lambda: clock, self.cluster.ask)

    async def say(self, uid: str = "u1", **spec: Any) -> list[str]:
        """The spec as it is now; what was written because of it, the status left aside."""
        self.cluster.writes.clear()
        self.cluster.reads.clear()
        self.store.see_worker(self.cluster.put_worker(uid, **spec))
        await self.reconcile(KEY)
        return [write for write in self.cluster.writes if write != "status"]

    @property
    def reason(self) -> str:
        return accepted(self.cluster)[0]

    def claim(self) -> dict[str, Any]:
        return self.cluster.objects[CLAIM]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_claim_comes_before_the_pods_that_mount_it(bench: Bench) -> None:
    assert await bench.say(cache=cache()) == ["Service", "PersistentVolumeClaim", "Deployment"]
    assert await bench.say(cache=cache()) == []


async def test_a_claim_to_be_retained_has_no_owner_and_stays_when_the_cache_is_another(bench: Bench) -> None:
    await bench.say(cache=cache())
    assert "ownerReferences" not in bench.claim()["metadata"]
    assert await bench.say() == ["Deployment"]
    assert CLAIM in bench.cluster.objects


async def test_a_claim_to_be_deleted_is_owned_and_goes_after_the_pods_that_mount_it(bench: Bench) -> None:
    await bench.say(cache=cache(whenDeleted="Delete"))
    assert bench.claim()["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert await bench.say() == ["Deployment", "delete PersistentVolumeClaim"]
    bench.store.forget("PersistentVolumeClaim", KEY)
    assert await bench.say(replicas=0) == ["Deployment"]


async def test_a_claim_that_lingers_is_told_to_go_once(bench: Bench) -> None:
    await bench.say(cache=cache(whenDeleted="Delete"))
    lingering = bench.claim()
    lingering["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    bench.store.see_child({**lingering, "metadata": {**lingering["metadata"], "resourceVersion": "999"}})
    assert await bench.say() == ["Deployment"]


async def test_a_worker_of_the_same_name_takes_a_retained_claim_up_again(bench: Bench) -> None:
    await bench.say(cache=cache())
    bench.store.forget("LLMWorker", KEY)
    del bench.cluster.objects["Deployment", "chat"], bench.cluster.objects["Service", "chat"]
    bench.store.forget("Deployment", KEY)
    bench.store.forget("Service", KEY)
    assert await bench.say(uid="u2", cache=cache()) == ["Service", "Deployment"]
    assert await bench.say(uid="u2", cache=cache(whenDeleted="Delete")) == ["PersistentVolumeClaim"]
    assert bench.claim()["metadata"]["ownerReferences"][0]["uid"] == "u2"


async def test_somebody_elses_claim_is_not_taken_over_and_nobody_is_told_to_delete_it(bench: Bench) -> None:
    bench.cluster.objects[CLAIM] = {"metadata": {"name": "chat", "namespace": "prod"}}
    assert await bench.say(cache=cache()) == ["Service"]
    reason, message = accepted(bench.cluster)
    assert reason == "NameTaken"
    assert "mount it by spec.cache.persistentVolumeClaim" in message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (cache("5Gi"), "size: 5Gi is asked for, and it has 10Gi; a claim never shrinks"),
        (cache(storageClassName="fast"), "storageClassName: 'fast' is asked for, and it has 'slow'"),
        (cache(accessModes=["ReadWriteMany"]), "accessModes: ['ReadWriteMany'] is asked for"),
    ],
)
async def test_what_a_claim_cannot_become_is_told_and_not_tried(
    bench: Bench, change: dict[str, Any], field: str
) -> None:
    await bench.say(cache=cache(storageClassName="slow"))
    assert await bench.say(cache=change) == []
    assert bench.reason == "ClaimUnchangeable"
    assert f"spec.cache.volumeClaimTemplate.{field}" in accepted(bench.cluster)[1]
    assert await bench.say(cache=cache(storageClassName="slow")) == []
    assert bench.reason == "Applied"


async def test_a_claim_grows_and_keeps_the_class_that_is_no_longer_stated(bench: Bench) -> None:
    await bench.say(cache=cache(storageClassName="slow"))
    assert await bench.say(cache=cache("20Gi")) == ["PersistentVolumeClaim"]
    assert bench.claim()["spec"]["storageClassName"] == "slow"
    assert bench.claim()["spec"]["resources"] == {"requests": {"storage": "20Gi"}}
    assert await bench.say(cache=cache("20Gi")) == []
    assert bench.cluster.reads == []


async def test_the_same_size_in_other_words_is_no_change(bench: Bench) -> None:
    await bench.say(cache=cache("1Gi"))
    assert await bench.say(cache=cache("1024Mi")) == ["PersistentVolumeClaim"]
    assert bench.reason == "Applied"


async def test_a_budget_comes_and_goes_with_the_second_replica(bench: Bench) -> None:
    await bench.say()
    assert await bench.say(replicas=2) == ["Deployment", "PodDisruptionBudget"]
    assert await bench.say(replicas=1) == ["Deployment", "delete PodDisruptionBudget"]
    assert await bench.say(replicas=1) == []


async def test_while_paused_nothing_is_applied_or_deleted(bench: Bench) -> None:
    await bench.say(replicas=2)
    assert await bench.say(paused=True, engine={"seed": 1}) == []
    assert bench.reason == "Paused"
    assert await bench.say(engine={"seed": 1}) == ["Deployment", "delete PodDisruptionBudget"]
