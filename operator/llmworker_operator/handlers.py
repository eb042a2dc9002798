"""What kopf calls: every event goes to the store, and what is news to the queue. Decides nothing."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import kopf

from llmworker_operator import names
from llmworker_operator.cluster import BY_KIND, PODS, WATCHED, WORKERS
from llmworker_operator.store import Key, Store
from llmworker_operator.watches import Watches
from llmworker_operator.work import WorkQueue

_BETWEEN_LOGINS: Final = 1.0
"""Seconds: so often are credentials tried that were refused."""


class _Backoffs:
    """Seconds between tries to watch, without an end: kopf would otherwise stop its loop after the last one."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.1, 0.2, 0.5), itertools.repeat(1.0))


def settings() -> kopf.OperatorSettings:
    """kopf as list and watch, nothing else: no annotations, no finalizers, no events, no peering."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.queueing.idle_timeout = 0.1  # one task for each object lives that long after a list
    chosen.watching.chunk_size = 100  # halves the peak of memory on a restart
    chosen.watching.connect_timeout = 3
    chosen.watching.inactivity_timeout = 70  # above the API server's bookmarks, which come every 60
    chosen.networking.error_backoffs = _Backoffs()
    for resource in WATCHED:
        group = resource.api_version.rpartition("/")[0]
        chosen.watching.label_selectors[group, resource.plural] = f"{names.MANAGED_BY}={names.FIELD_MANAGER}"
    return chosen


def registry(
    store: Store, queue: WorkQueue, watches: Watches, relisted: Callable[[], None] = lambda: None
) -> kopf.OperatorRegistry:
    """The watches: LLMWorkers, their children and their pods, as plain events.

    `relisted` is called for each object of a list. kopf lists again where a watch cannot go on from where it was, and
    says nothing of what is not in the list any longer.
    """
    found = kopf.OperatorRegistry()

    kopf.on.login(registry=found)(_login())
    for resource in (WORKERS, *WATCHED):
        group, _, version = resource.api_version.rpartition("/")
        kopf.on.event(group, version, resource.plural, registry=found)(
            _watcher(resource.kind, store, queue, watches, relisted)
        )
    return found


def _login() -> Any:
    """Where the API server is, read anew each time it is asked for: a token's file changes.

    Once an API server has answered 401, kopf never takes the same credentials again, and having no others its loop
    fails without ending. But they may be as good as before: while the API server starts, or until the kubelet has
    renewed the token. So each time they are made to differ, by a number that means nothing where there is one login.
    """
    times = itertools.count()

    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        number = next(times)
        if number:
            await asyncio.sleep(_BETWEEN_LOGINS)
        found = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        return found and dataclasses.replace(found, priority=number)

    return login


def _watcher(kind: str, store: Store, queue: WorkQueue, watches: Watches, relisted: Callable[[], None]) -> Any:
    async def seen(event: kopf.RawEvent, body: kopf.Body, **_: Any) -> None:
        if event["type"] is None:
            relisted()
        take_in(kind, event["type"], dict(body), store, queue)
        metadata = body["metadata"]
        watches.told(kind, Key(metadata["namespace"], metadata["name"]), int(metadata["resourceVersion"]))

    seen.__name__ = f"{BY_KIND[kind].plural}_seen"
    return seen


def take_in(kind: str, change: str | None, body: dict[str, Any], store: Store, queue: WorkQueue) -> None:
    """One event: `change` is ADDED, MODIFIED, DELETED, or None for an object of the first list."""
    key: Key | None = Key(body["metadata"]["namespace"], body["metadata"]["name"])
    if change == "DELETED" and key:
        key = store.forget(kind, key)
    elif kind == PODS.kind:
        key = store.see_pod(body)
    elif kind == names.KIND:
        key = store.see_worker(body)
    else:
        key = store.see_child({"kind": kind, **body})
    if key:
        queue.add(key)
