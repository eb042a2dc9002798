"""Events into the store, news into the queue, echoes nowhere."""

from typing import Any

import pytest

from llmworker_operator.handlers import take_in
from llmworker_operator.store import Key, Store

KEY = Key("prod", "chat")


class Queue:
    def __init__(self) -> None:
        self.keys: list[Key] = []

    def add(self, key: Key) -> None:
        self.keys.append(key)


def body(version: int, uid: str = "u", generation: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {
        "name": "chat",
        "namespace": "prod",
        "uid": uid,
        "resourceVersion": str(version),
        "generation": generation,
    }
    return {"metadata": {**metadata, **more.pop("metadata", {})}, "spec": {"model": {"name": "m"}}, **more}


def owned(version: int, **more: Any) -> dict[str, Any]:
    reference = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "name": "chat", "uid": "u"}
    return body(version, uid="d", metadata={"ownerReferences": [{**reference, "controller": True}]}, **more)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_a_new_worker_is_news_and_its_echo_is_not(store: Store, queue: Queue) -> None:
    take_in("LLMWorker", None, body(1), store, queue)  # type: ignore[arg-type]
    take_in("LLMWorker", "MODIFIED", body(2), store, queue)  # type: ignore[arg-type]
    assert queue.keys == [KEY]


def test_an_event_that_our_own_write_overtook_is_dropped(store: Store, queue: Queue) -> None:
    store.see_worker(body(9, generation=2))
    take_in("LLMWorker", "MODIFIED", body(5, generation=1), store, queue)  # type: ignore[arg-type]
    assert queue.keys == []
    assert store.workers[KEY].generation == 2


def test_a_worker_made_anew_under_the_same_name_is_news(store: Store, queue: Queue) -> None:
    store.see_worker(body(9))
    take_in("LLMWorker", "ADDED", body(10, uid="other"), store, queue)  # type: ignore[arg-type]
    assert queue.keys == [KEY]


def test_a_deleted_child_is_news_for_its_worker(store: Store, queue: Queue) -> None:
    store.see_child({"kind": "Deployment", **owned(1)})
    take_in("Deployment", "DELETED", owned(2), store, queue)  # type: ignore[arg-type]
    assert queue.keys == [KEY]
    assert list(store.known("Deployment")) == []


def test_a_strangers_object_is_not_looked_at(store: Store, queue: Queue) -> None:
    take_in("Deployment", "ADDED", body(1), store, queue)  # type: ignore[arg-type]
    assert queue.keys == []


def test_clocks_that_tick_in_a_childs_conditions_are_no_news(store: Store, queue: Queue) -> None:
    condition = {"type": "Available", "status": "True", "message": "m"}
    for version, clock in ((1, "10:00"), (2, "10:01")):
        status = {"conditions": [{**condition, "lastUpdateTime": clock}]}
        take_in("Deployment", "MODIFIED", owned(version, status=status), store, queue)  # type: ignore[arg-type]
    assert queue.keys == [KEY]
