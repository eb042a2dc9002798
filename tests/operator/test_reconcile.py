"""One reconcile against a cluster made of dictionaries; the real API server's turn is in the l1 tests."""

import copy
from datetime import timedelta

import pytest

from assets.fake_cluster import KEY, FakeCluster, accepted
from assets.pods import pod_body, running, unscheduled_body, waiting
from llmworker_operator.cluster import ApiError
from llmworker_operator.conditions import Look
from llmworker_operator.config import Config
from llmworker_operator.names import TEMPLATE_HASH
from llmworker_operator.reconcile import Reconciler
from llmworker_operator.store import Key, Store


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
    return Reconciler(store, cluster, Config(), lambda: cluster.now, cluster.ask)


async def test_a_new_worker_gets_its_children_and_one_status(reconcile: Reconciler, cluster: FakeCluster) -> None:
    assert await reconcile(KEY) is None
    assert cluster.writes == ["Service", "Deployment", "status"]
    assert cluster.reads == ["Service", "Deployment"]


async def test_doing_it_again_writes_nothing(reconcile: Reconciler, cluster: FakeCluster) -> None:
    await reconcile(KEY)
    cluster.writes.clear()
    assert await reconcile(KEY) is None
    assert cluster.writes == []


async def test_an_edit_that_only_the_answer_to_a_write_tells_of_is_looked_at(
    reconcile: Reconciler, cluster: FakeCluster, store: Store
) -> None:
    """Its own event comes later, in a version that is known by then."""
    edited = cluster.put_worker(engine={"maxModelLen": 99})
    assert await reconcile(KEY) == 0.001
    assert store.see_worker(edited) is None
    cluster.writes.clear()
    assert await reconcile(KEY) is None
    assert cluster.writes == ["Deployment", "status"]


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


def told(cluster: FakeCluster, kind: str) -> tuple[str, str]:
    conditions = cluster.objects["LLMWorker", "chat"]["status"]["conditions"]
    found = next(condition for condition in conditions if condition["type"] == kind)
    return found["reason"], found["message"]


@pytest.fixture
async def current(reconcile: Reconciler, cluster: FakeCluster, store: Store) -> str:
    """All is applied and the Deployment's controller has seen it. The hash of the pods' template."""
    await reconcile(KEY)
    deployment = cluster.objects["Deployment", "chat"]
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 0}
    deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"], **counts}
    store.see_child(cluster._store("Deployment", "chat", deployment, spec_changed=False))
    cluster.now += timedelta(seconds=10)
    found: str = deployment["spec"]["template"]["metadata"]["annotations"][TEMPLATE_HASH]
    return found


async def test_a_pod_that_loads_is_asked_how_far_it_is_and_looked_at_again(
    reconcile: Reconciler, cluster: FakeCluster, store: Store, current: str
) -> None:
    body = pod_body("chat-1", template=current, container=running(), podIP="10.0.0.1")
    assert store.see_pod(body) == KEY
    assert store.see_pod(body) is None
    cluster.looks["chat-1"] = Look("loading_weights", 40)
    assert await reconcile(KEY) == 5.0
    assert cluster.objects["LLMWorker", "chat"]["status"]["loading"] == {"phase": "loading_weights", "percent": 40}
    assert told(cluster, "ModelLoaded")[0] == "Loading"


async def test_steps_on_the_way_are_not_all_written(
    reconcile: Reconciler, cluster: FakeCluster, store: Store, current: str
) -> None:
    assert await reconcile(KEY) is None
    cluster.writes.clear()
    cluster.now += timedelta(seconds=0.5)
    store.see_pod(pod_body("chat-1", template=current, phase="Pending", container=waiting("ContainerCreating")))
    assert await reconcile(KEY) == 1.5
    assert cluster.writes == []
    cluster.now += timedelta(seconds=1.5)
    await reconcile(KEY)
    assert cluster.writes == ["status"]
    assert told(cluster, "Scheduled")[0] == "Scheduled"


async def test_a_clock_that_is_set_back_holds_no_status_up(
    reconcile: Reconciler, cluster: FakeCluster, store: Store, current: str
) -> None:
    await reconcile(KEY)
    cluster.writes.clear()
    cluster.now -= timedelta(hours=1)
    store.see_pod(pod_body("chat-1", template=current, phase="Pending", container=waiting("ContainerCreating")))
    await reconcile(KEY)
    assert cluster.writes == ["status"]


async def test_what_is_wrong_is_written_at_once(
    reconcile: Reconciler, cluster: FakeCluster, store: Store, current: str
) -> None:
    await reconcile(KEY)
    cluster.writes.clear()
    store.see_pod(pod_body("chat-1", template=current, container=waiting("ErrImagePull")))
    await reconcile(KEY)
    assert cluster.writes == ["status"]
    assert told(cluster, "Degraded")[0] == "ImagePullFailed"
    assert cluster.told == [("Warning", "ImagePullFailed")]
    await reconcile(KEY)
    assert len(cluster.told) == 1


async def test_a_pod_that_takes_long_to_be_set_up_is_explained_by_its_events(
    reconcile: Reconciler, cluster: FakeCluster, store: Store, current: str
) -> None:
    body = pod_body("chat-1", template=current, phase="Pending", container=waiting("ContainerCreating"))
    body["metadata"]["creationTimestamp"] = "2025-12-31T23:55:10Z"
    store.see_pod(body)
    cluster.events["uid-chat-1"] = [("FailedMount", 'secret "keys" not found')]
    assert await reconcile(KEY) == 30.0  # it is five minutes old
    assert told(cluster, "Ready")[0] == "SecretMissing"


async def test_a_pod_that_is_gone_is_forgotten(
    reconcile: Reconciler, cluster: FakeCluster, store: Store, current: str
) -> None:
    store.see_pod(pod_body("chat-1", template=current, container=waiting("ImagePullBackOff", "no such image")))
    await reconcile(KEY)
    cluster.now += timedelta(seconds=10)
    assert told(cluster, "Ready")[0] == "ImagePullFailed"
    assert list(store.known("Pod")) == [Key("prod", "chat-1")]
    assert store.forget("Pod", Key("prod", "chat-1")) == KEY
    assert store.forget("Pod", Key("prod", "chat-1")) is None
    await reconcile(KEY)
    assert told(cluster, "Ready")[0] == "Loading"


async def test_nothing_is_looked_at_again_where_a_change_will_tell(
    reconcile: Reconciler, store: Store, current: str
) -> None:
    store.see_pod(pod_body("chat-1", template=current, ready=True, container=running(), podIP="10.0.0.1"))
    assert await reconcile(KEY) is None
    store.see_pod(unscheduled_body("0/1 nodes are available: 1 Too many pods.", "chat-2"))
    assert await reconcile(KEY) is None


def test_a_pod_of_somebody_else_is_none_of_ours(store: Store) -> None:
    body = pod_body()
    del body["metadata"]["labels"]["llmworker.dev/worker"]
    assert store.see_pod(body) is None
    assert store.pods == {}


async def test_a_field_of_a_wrong_type_in_an_opaque_part_is_refused(
    reconcile: Reconciler, cluster: FakeCluster
) -> None:
    cluster.failure = ApiError(500, "failed to create typed patch object (prod/chat): expected map, got &{1}")
    assert await reconcile(KEY) == 60.0
    assert accepted(cluster)[0] == "Refused"
