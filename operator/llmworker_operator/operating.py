"""The running operator: elected where that is asked for, then working, until any part of it ends.

Every part runs for ever. The first that ends, ends them all, and the process with them, so that a pod that lives also
works. Nothing is carried over a lost Lease: whoever has it next starts from lists.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Coroutine
from datetime import datetime, timezone
from time import monotonic
from typing import Any, Final

import kopf
from aiohttp import web

from llmworker_operator import health
from llmworker_operator.asking import Asker
from llmworker_operator.cluster import BY_KIND, Cluster
from llmworker_operator.config import Config
from llmworker_operator.election import Elector, Lost, identity
from llmworker_operator.handlers import registry, settings
from llmworker_operator.listening import listen
from llmworker_operator.metrics import Metrics
from llmworker_operator.names import FIELD_MANAGER
from llmworker_operator.reconcile import Reconciler
from llmworker_operator.resync import keep_in_step, prime, stay_in_touch
from llmworker_operator.store import Store
from llmworker_operator.watches import Watches
from llmworker_operator.work import WorkQueue

_WORKERS: Final = 16
_WATCHES: Final = "watches"

_ENDING: Final = 5.0
"""Seconds in which the process must have ended once anything makes it end; below the pod's grace period of 10."""

_GENTLY: Final = 1.0
"""Seconds of them in which kopf may end by itself; it takes a tenth of one where nothing has failed."""

_PATIENCE: Final = 0.2
"""Part of the time between two resyncs in which a watch must have told what the last one showed."""

log = logging.getLogger("llmworker_operator")


class Stop:
    """Set by SIGTERM and SIGINT, and by what ends the process otherwise."""

    def __init__(self) -> None:
        self.flag = asyncio.Event()

    def listen(self) -> None:
        """Take the signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._asked, number)

    def _asked(self, number: signal.Signals) -> None:
        log.info("%s: stopping", number.name)
        self.flag.set()


class Operator:
    """What every part needs."""

    def __init__(self, chosen: Config, cluster: Cluster, state: health.State, asker: Asker) -> None:
        self._chosen = chosen
        self._cluster = cluster
        self._state = state
        self._stop = Stop()
        self._relisted = asyncio.Event()
        self._kopf: asyncio.Task[None] | None = None
        clock = lambda: datetime.now(timezone.utc)  # noqa: E731
        reconcile = Reconciler(state.store, cluster, chosen, clock, asker)
        self._queue = WorkQueue(state.metrics.measured(reconcile))
        state.metrics.queue(lambda: self._queue.depth)

    async def run(self) -> int:
        """Until any part ends. The exit status: 0 after a signal, 1 where one ended by itself."""
        self._stop.listen()
        elector = self._elector()
        if elector and not await self._won(elector):
            await elector.release()
            return 0
        self._state.phase = health.Phase.LISTING
        self._state.metrics.leads()
        parts = self._parts(elector)
        tasks = {asyncio.create_task(part, name=name) for name, part in parts.items()}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        asked = self._stop.flag.is_set()
        _leave_within(_ENDING)
        if not asked:
            for task in done:
                _tell(task)
        await _cancelled(tasks)
        if elector:
            await elector.release()  # nobody writes any longer
        await self._end_kopf()
        return 0 if asked else 1

    def _elector(self) -> Elector | None:
        if not self._chosen.leader_election:
            return None
        at = (self._chosen.pod_namespace, self._chosen.lease_name)
        elector = Elector(self._cluster, at, identity(), self._chosen.lease_seconds)
        self._cluster.may_write_for = elector.left
        self._state.phase = health.Phase.ELECTING
        self._state.leader = lambda: elector.leader
        return elector

    async def _won(self, elector: Elector) -> bool:
        """Whether we have the Lease; False where we were told to stop before."""
        winning, stopped = (asyncio.create_task(part) for part in (elector.win(), self._stop.flag.wait()))
        await asyncio.wait({winning, stopped}, return_when=asyncio.FIRST_COMPLETED)
        won = winning.done() and winning.result() is None
        await _cancelled({winning, stopped})
        return won

    def _parts(self, elector: Elector | None) -> dict[str, Coroutine[Any, Any, Any]]:
        """Everything that must exist before kopf starts, since kopf cancels in the end what was started after it."""
        watches = self._state.watches
        resyncs = keep_in_step(
            self._cluster,
            self._state.store,
            self._queue,
            watches,
            every=float(self._chosen.resync_seconds),
            sooner=self._relisted,
            count=self._state.metrics.resynced,
        )
        parts: dict[str, Coroutine[Any, Any, Any]] = {
            "signals": self._stop.flag.wait(),
            "resync": resyncs,
            "look at the API server": stay_in_touch(self._cluster, self._state.store, self._queue, watches),
            **{f"worker {number}": self._queue.work() for number in range(_WORKERS)},
        }
        if elector:
            parts["lease"] = elector.keep()
        return parts | {_WATCHES: self._watch()}

    async def _watch(self) -> None:
        """The first lists, then kopf, until the first of its tasks ends: its own end may hang for ever after that."""
        store, watches = self._state.store, self._state.watches
        await prime(self._cluster, store, self._queue)
        listen(lambda kind: watches.heard(kind, monotonic()))
        for kind in BY_KIND:
            watches.heard(kind, monotonic())
        ours = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=registry(store, self._queue, watches, self._relisted.set),
            settings=settings(),
            clusterwide=not self._chosen.namespaces,
            namespaces=self._chosen.namespaces,
            standalone=True,
            # kopf would ask for the user's name, and a container's numeric user has none.
            identity=FIELD_MANAGER,  # type: ignore[arg-type]  # a str by another, private name
            stop_flag=self._stop.flag,
        )
        # kopf has taken the signals: while its end hangs, they would be lost on it.
        self._stop.listen()
        self._kopf = asyncio.create_task(kopf.run_tasks(tasks, ignored=ours))
        self._state.phase = health.Phase.WORKING
        where = ", ".join(self._chosen.namespaces) or "the whole cluster"
        log.info("listed %d LLMWorkers; watching %s", len(store.workers), where)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _end_kopf(self) -> None:
        """By its flag, so that it closes what it opened; by force where it waits for watches that nothing ends, as
        after one of them has failed. Why it ended, if it did so first, has been told."""
        self._stop.flag.set()
        if self._kopf:
            await asyncio.wait({self._kopf}, timeout=_GENTLY)
            self._kopf.cancel()
            await asyncio.gather(self._kopf, return_exceptions=True)


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _tell(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, Lost):
        log.error("%s; leaving, so that the next one starts from lists", error)
    else:
        log.error("%s ended; leaving, so that the pod starts anew", task.get_name(), exc_info=error)


def _leave_within(seconds: float) -> None:
    """The process ends by then, whatever hangs: alive with its watches ended, it would look healthy and do nothing."""

    def leave() -> None:
        log.error("not all parts ended within %.0f s; leaving without them", seconds)
        os._exit(1)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


async def run(chosen: Config) -> int:
    """The exit status. Raises `NoCluster`."""
    store = Store()
    watches = Watches(BY_KIND, monotonic(), chosen.resync_seconds * _PATIENCE)
    state = health.State(store, watches, Metrics(store, watches))
    cluster = await Cluster.connect(state.metrics.answered, chosen.namespaces)
    asker = Asker()
    server = web.AppRunner(health.application(state), access_log=None, shutdown_timeout=1.0)
    try:
        operator = Operator(chosen, cluster, state, asker)
        await server.setup()
        await web.TCPSite(server, port=chosen.health_port).start()
        return await operator.run()
    finally:
        await server.cleanup()
        await asker.close()
        await cluster.close()
