"""What a comparison of lists and store makes of both, and tells of the watches."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from llmworker_operator.cluster import DEPLOYMENTS, PODS, WATCHED, WORKERS, Resource
from llmworker_operator.resync import resync, stay_in_touch
from llmworker_operator.store import Key, Store
from llmworker_operator.watches import Watches

KEY = Key("prod", "chat")
OWNER = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "name": "chat", "uid": "u", "controller": True}
LABELS = {"llmworker.dev/worker": "chat"}


class Lists:
    """A cluster that can be listed and read."""

    def __init__(self) -> None:
        self.objects: dict[Resource, list[dict[str, Any]]] = {kind: [] for kind in (WORKERS, *WATCHED)}

    def put(self, kind: Resource, version: int, name: str = "chat") -> None:
        metadata = {"namespace": "prod", "name": name, "uid": f"{kind.kind}-{name}", "resourceVersion": str(version)}
        more: dict[str, Any] = {
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": version,
            "ownerReferences": [OWNER],
            "labels": LABELS,
        }
        body = {"kind": kind.kind, "metadata": {**metadata, **more}, "spec": {}, "status": {}}
        self.objects[kind] = [old for old in self.objects[kind] if old["metadata"]["name"] != name] + [body]

    async def list(self, resource: Resource) -> AsyncIterator[dict[str, Any]]:
        for body in self.objects[resource]:
            yield body

    async def answers(self) -> None:
        pass

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        return next((body for body in self.objects[resource] if body["metadata"]["name"] == name), None)


class Queue:
    def __init__(self) -> None:
        self.keys: list[Key] = []

    def add(self, key: Key) -> None:
        self.keys.append(key)


@pytest.fixture
def cluster() -> Lists:
    made = Lists()
    made.put(WORKERS, 1)
    made.put(DEPLOYMENTS, 2)
    made.put(PODS, 3, "chat-1")
    return made


@pytest.fixture
def watches() -> Watches:
    return Watches((kind.kind for kind in (WORKERS, *WATCHED)), monotonic(), patience=-1.0)


async def test_the_first_lists_are_all_news_and_the_second_none(cluster: Lists) -> None:
    store = Store()
    assert await resync(cluster, store) == {KEY}  # type: ignore[arg-type]
    assert await resync(cluster, store) == set()  # type: ignore[arg-type]


async def test_what_no_watch_told_is_news_and_the_watch_is_named(cluster: Lists, watches: Watches) -> None:
    store = Store()
    await resync(cluster, store)  # type: ignore[arg-type]
    cluster.put(PODS, 9, "chat-1")
    await resync(cluster, store, watches)  # type: ignore[arg-type]
    (told,) = watches.dead(monotonic())
    assert told.startswith("The watch of Pod has not told of 1 objects")
    assert "prod/chat-1" in told
    watches.told("Pod", Key("prod", "chat-1"), 9)
    assert watches.dead(monotonic()) == []


async def test_what_a_watch_or_our_own_write_told_before_is_not_missed(cluster: Lists, watches: Watches) -> None:
    store = Store()
    await resync(cluster, store)  # type: ignore[arg-type]
    cluster.put(DEPLOYMENTS, 9)
    store.see_child(cluster.objects[DEPLOYMENTS][0])
    await resync(cluster, store, watches)  # type: ignore[arg-type]
    assert watches.dead(monotonic()) == []


async def test_what_vanished_is_news_and_no_longer_missed(cluster: Lists, watches: Watches) -> None:
    store = Store()
    await resync(cluster, store)  # type: ignore[arg-type]
    cluster.put(DEPLOYMENTS, 9)
    await resync(cluster, store, watches)  # type: ignore[arg-type]
    assert len(watches.dead(monotonic())) == 1
    cluster.objects[DEPLOYMENTS] = []
    assert await resync(cluster, store, watches) == {KEY}  # type: ignore[arg-type]
    assert watches.dead(monotonic()) == []
    assert list(store.known("Deployment")) == []


async def test_what_was_deleted_while_it_was_listed_is_forgotten_at_the_next_look(
    cluster: Lists, watches: Watches
) -> None:
    """A list and a watch overtake one another: the list showed it once more after the watch had told of its end."""
    store, queue = Store(), Queue()
    await resync(cluster, store)  # type: ignore[arg-type]
    store.forget("Pod", Key("prod", "chat-1"))
    await resync(cluster, store, watches)  # type: ignore[arg-type]
    cluster.objects[PODS] = []
    assert len(watches.dead(monotonic())) == 1
    looking = asyncio.create_task(stay_in_touch(cluster, store, queue, watches))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    looking.cancel()
    assert watches.dead(monotonic()) == []
    assert queue.keys == [KEY]
    assert list(store.known("Pod")) == []


async def test_what_is_there_and_was_not_told_stays_missed(cluster: Lists, watches: Watches) -> None:
    store, queue = Store(), Queue()
    await resync(cluster, store)  # type: ignore[arg-type]
    cluster.put(PODS, 9, "chat-1")
    await resync(cluster, store, watches)  # type: ignore[arg-type]
    looking = asyncio.create_task(stay_in_touch(cluster, store, queue, watches))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    looking.cancel()
    assert len(watches.dead(monotonic())) == 1
    assert queue.keys == []
