"""Lists everything and compares it with the store: at the start, so that no reconcile races the first lists, and
from time to time, since a watch that was cut never tells what was deleted meanwhile."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from time import monotonic
from typing import Any, NoReturn

from llmworker_operator.cluster import BY_KIND, PODS, WATCHED, WORKERS, ApiError, Cluster, Resource
from llmworker_operator.store import Key, Store
from llmworker_operator.watches import Watches
from llmworker_operator.work import WorkQueue

_RETRY = 1.0

_SOON = 2.0
"""Seconds after a watch has listed again in which the others do so too."""

_ASKED_ONE_BY_ONE = 50
"""Objects at a look; there are more only where a watch is dead indeed."""

_LOOK = 15.0
"""Seconds between two looks at the API server, whose being away explains silent watches."""

log = logging.getLogger(__name__)


async def resync(cluster: Cluster, store: Store, watches: Watches | None = None) -> set[Key]:
    """List all kinds, children first. Returns the keys with news. Raises `ApiError`.

    `watches` are told what they have yet to tell; the first lists, which are made before any watch, leave them out.
    """
    news: set[Key | None] = set()
    for resource in (*WATCHED, WORKERS):
        vanished = set(store.known(resource.kind))
        async for body in cluster.list(resource):
            place = Key(body["metadata"]["namespace"], body["metadata"]["name"])
            vanished.discard(place)
            known = store.version(resource.kind, place)
            news.add(_take_in(store, resource, body))
            listed = store.version(resource.kind, place)
            if watches and listed > known:
                watches.listed(resource.kind, place, listed, monotonic())
        for key in vanished:
            # Made by a watch event while the list was under way? Then reading it again is cheaper than a mistake.
            if await cluster.read(resource, *key) is None:
                news.add(store.forget(resource.kind, key))
                if watches:
                    watches.vanished(resource.kind, key)
    return {key for key in news if key}


def _take_in(store: Store, resource: Resource, body: dict[str, Any]) -> Key | None:
    if resource == WORKERS:
        return store.see_worker(body)
    return store.see_pod(body) if resource == PODS else store.see_child(body)


async def _gone(cluster: Cluster, store: Store, watches: Watches) -> set[Key]:
    """Forget what a list had shown while a watch told of its end: no watch tells that twice. Returns keys with news."""
    news: set[Key | None] = set()
    for kind, key in watches.missing()[:_ASKED_ONE_BY_ONE]:
        if await cluster.read(BY_KIND[kind], *key) is None:
            watches.vanished(kind, key)
            news.add(store.forget(kind, key))
    return {key for key in news if key}


async def prime(cluster: Cluster, store: Store, queue: WorkQueue) -> None:
    """The first lists, tried until the API server answers."""
    while True:
        try:
            found = await resync(cluster, store)
        except ApiError as error:
            log.warning("first lists: %s; trying again", error)
            await asyncio.sleep(_RETRY)
        else:
            break
    for key in found:
        queue.add(key)


async def keep_in_step(
    cluster: Cluster,
    store: Store,
    queue: WorkQueue,
    watches: Watches,
    *,
    every: float,
    sooner: asyncio.Event,
    count: Callable[[str], None],
) -> NoReturn:
    """Resync for ever, at moments that spread around `every` seconds, and soon after `sooner` was set.

    `count` is told how each ended: ok or failed.
    """
    while True:
        pause = every * random.uniform(0.9, 1.1)  # noqa: S311  (spreads load, keeps no secret)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(sooner.wait(), pause)
            await asyncio.sleep(_SOON)
            sooner.clear()
        try:
            for key in await resync(cluster, store, watches):
                queue.add(key)
        except ApiError as error:
            log.warning("resync: %s; the next one will tell", error)
            count("failed")
        else:
            count("ok")


async def stay_in_touch(cluster: Cluster, store: Store, queue: WorkQueue, watches: Watches) -> NoReturn:
    """Look for ever whether the API server answers, and whether what is missed is there."""
    while True:
        try:
            await cluster.answers()
            for key in await _gone(cluster, store, watches):
                queue.add(key)
        except ApiError as error:
            watches.does_not_answer(str(error))
        else:
            watches.answers(monotonic())
        await asyncio.sleep(_LOOK)
