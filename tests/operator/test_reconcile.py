"""One reconcile against a cluster made of dictionaries; the real API server's turn is in the l1 tests."""

import copy
from datetime import datetime, timezone
from typing import Any

import pytest

from llmworker_operator.cluster import ApiError, Resource
from llmworker_operator.config import Config
from llmworker_operator.reconcile import Reconciler
from llmworker_operator.store import Key, Store

KEY = Key("prod", "chat")


class FakeCluster:
    """Keeps objects, counts writes, and answers as the API server would."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes: list[str] = []
        self.version = 100
        self.failure: ApiError | None = None

    async def apply(self, manifest: dict[str, Any]) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        self.writes.append(manifest["kind"])
        return self._store(manifest["kind"], manifest["metadata"]["name"], manifest)

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((resource.kind, name))

    async def write_status(self, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.writes.append("status")
        worker = self.objects["LLMWorker", name]
        merged = {**worker.get("status", {}), **patch}
        status = {field: value for field, value in merged.items() if value is not None}
        return self._store("LLMWorker", name, {**worker, "status": status}, spec_changed=False)

    def _store(self, kind: str, name: str, body: dict[str, Any], spec_changed: bool = True) -> dict[str, Any]:
        self.version += 1
        old = self.objects.get((kind, name), {"metadata": {"generation": 0}})
        body = copy.deepcopy(body)
        body["metadata"] = {
            "uid": f"{kind}-{name}",
            **body["metadata"],
            "resourceVersion": str(self.version),
            "generation": old["metadata"]["generation"] + (1 if spec_changed else 0),
        }
        self.objects[kind, name] = body
        return copy.deepcopy(body)

    def put_worker(self, uid: str = "u1", **spec: Any) -> dict[str, Any]:
        body = {"kind": "LLMWorker", "metadata": {"name": "chat", "namespace": "prod", "uid": uid}}
        status = self.objects.get(("LLMWorker", "chat"), {}).get("status", {})
        return self._store("LLMWorker", "chat", {**body, "spec": {"model": {"name": "m"}, **spec}, "status": status})


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def store(cluster: FakeCluster) -> Store:
    store = Store()
    store.see_worker(cluster.put_worker())
    return store


@pytest.fixture
def reconcile(store: Store, cluster: FakeCluster) -> Reconciler:
    return Reconciler(store, cluster, Config(), lambda: datetime(2026, 1, 1, tzinfo=timezone.utc))


def accepted(cluster: FakeCluster) -> tuple[str, str]:
    condition = cluster.objects["LLMWorker", "chat"]["status"]["conditions"][0]
    return condition["reason"], condition["message"]


async def test_a_new_worker_gets_its_children_and_one_status(reconcile: Reconciler, cluster: FakeCluster) -> None:
    assert await reconcile(KEY) is None
    assert cluster.writes == ["Service", "Deployment", "status"]


async def test_doing_it_again_writes_nothing(reconcile: Reconciler, cluster: FakeCluster) -> None:
    await reconcile(KEY)
    cluster.writes.clear()
    assert await reconcile(KEY) is None
    assert cluster.writes == []


async def test_an_edit_applies_only_what_it_touches(reconcile: Reconciler, cluster: FakeCluster, store: Store) -> None:
    await reconcile(KEY)
    cluster.writes.clear()
    store.see_worker(cluster.put_worker(engine={"maxModelLen": 99}))
    await reconcile(KEY)
    assert cluster.writes == ["Deployment", "status"]


async def test_a_child_that_was_edited_is_repaired(reconcile: Reconciler, cluster: FakeCluster, store: Store) -> None:
    await reconcile(KEY)
    edited = copy.deepcopy(cluster.objects["Deployment", "chat"])
    edited["spec"]["replicas"] = 7
    assert store.see_child(cluster._store("Deployment", "chat", edited)) == KEY
    cluster.writes.clear()
    await reconcile(KEY)
    assert cluster.writes == ["Deployment"]
    assert cluster.objects["Deployment", "chat"]["spec"]["replicas"] == 1


async def test_what_others_add_to_a_child_is_left_alone(
    reconcile: Reconciler, cluster: FakeCluster, store: Store
) -> None:
    await reconcile(KEY)
    edited = copy.deepcopy(cluster.objects["Deployment", "chat"])
    edited["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "mesh"})
    store.see_child(cluster._store("Deployment", "chat", edited))
    cluster.writes.clear()
    await reconcile(KEY)
    assert cluster.writes == []


async def test_a_child_that_was_deleted_comes_back(reconcile: Reconciler, cluster: FakeCluster, store: Store) -> None:
    await reconcile(KEY)
    del cluster.objects["Deployment", "chat"]
    store.forget("Deployment", KEY)
    cluster.writes.clear()
    await reconcile(KEY)
    assert cluster.writes == ["Deployment"]
    assert ("Deployment", "chat") in cluster.objects


async def test_somebody_elses_object_is_never_taken_over(reconcile: Reconciler, cluster: FakeCluster) -> None:
    cluster.objects["Service", "chat"] = {"kind": "Service", "metadata": {"name": "chat", "generation": 1}}
    assert await reconcile(KEY) is None
    assert cluster.writes == ["status"]
    reason, message = accepted(cluster)
    assert reason == "NameTaken"
    assert "Rename the LLMWorker, or delete the Service" in message


async def test_an_edited_service_is_repaired_though_it_counts_no_generations(
    reconcile: Reconciler, cluster: FakeCluster, store: Store
) -> None:
    await reconcile(KEY)
    edited = copy.deepcopy(cluster.objects["Service", "chat"])
    edited["spec"]["selector"] = {"app": "other"}
    edited = cluster._store("Service", "chat", edited)
    del edited["metadata"]["generation"]
    assert store.see_child(edited) == KEY
    cluster.writes.clear()
    await reconcile(KEY)
    assert cluster.writes == ["Service"]


async def test_a_status_field_that_no_longer_holds_is_removed_once(
    reconcile: Reconciler, cluster: FakeCluster, store: Store
) -> None:
    await reconcile(KEY)
    store.see_worker(cluster.put_worker(engine={"colour": "red"}))
    await reconcile(KEY)
    assert "engine" not in cluster.objects["LLMWorker", "chat"]["status"]
    cluster.writes.clear()
    await reconcile(KEY)
    assert cluster.writes == []


async def test_a_worker_being_deleted_is_left_to_the_cluster(
    reconcile: Reconciler, cluster: FakeCluster, store: Store
) -> None:
    store.workers[KEY].deleting = True
    await reconcile(KEY)
    assert cluster.writes == []


async def test_a_spec_that_is_not_understood_stalls_with_every_field(
    reconcile: Reconciler, cluster: FakeCluster, store: Store
) -> None:
    store.see_worker(cluster.put_worker(engine={"maxModelLen": -1, "colour": "red"}))
    assert await reconcile(KEY) is None
    assert cluster.writes == ["status"]
    reason, message = accepted(cluster)
    assert reason == "InvalidSpec"
    assert "spec.engine.maxModelLen" in message
    assert "spec.engine.colour" in message


@pytest.mark.parametrize(
    ("status", "reason", "seconds"),
    [(0, "ApiUnavailable", 2.0), (429, "ApiUnavailable", 2.0), (403, "Refused", 60.0), (422, "Refused", 60.0)],
)
async def test_an_api_server_that_says_no_is_asked_again(
    reconcile: Reconciler, cluster: FakeCluster, status: int, reason: str, seconds: float
) -> None:
    cluster.failure = ApiError(status, "no")
    assert await reconcile(KEY) == seconds
    assert accepted(cluster)[0] == reason
