"""What the operator counts, for Prometheus. docs/operator.md describes every name; a test holds the two together."""

import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from llmworker_operator.store import Key, Store
from llmworker_operator.watches import Watches

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

# Without them each counter has a second series that tells when the process began.
disable_created_metrics()  # type: ignore[no-untyped-call]

PREFIX: Final = "llmworker_operator_"

_DURATIONS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from a look that finds nothing to do, to requests that run into their limit."""


class Metrics:
    """One registry of one process, so that tests may have several."""

    def __init__(self, store: Store, watches: Watches) -> None:
        self._registry = CollectorRegistry()
        self._reconciles = Counter(
            f"{PREFIX}reconciles", "Reconciles, by how they ended.", ["result"], registry=self._registry
        )
        self._durations = Histogram(
            f"{PREFIX}reconcile_duration_seconds",
            "Time that a reconcile took.",
            buckets=_DURATIONS,
            registry=self._registry,
        )
        self._requests = Counter(
            f"{PREFIX}api_requests",
            "Requests to the API server but the watches, by method and status.",
            ["verb", "code"],
            registry=self._registry,
        )
        self._resyncs = Counter(
            f"{PREFIX}resyncs", "Comparisons of all lists with what is known.", ["result"], registry=self._registry
        )
        self._leader = Gauge(f"{PREFIX}leader", "Whether this one works: 1, or 0 on standby.", registry=self._registry)
        self._queue = Gauge(f"{PREFIX}queue_depth", "LLMWorkers that wait for a reconcile.", registry=self._registry)
        self._registry.register(_Picture(store, watches))
        # A series that is missing until something fails cannot be alerted on.
        for result in ("done", "again", "error"):
            self._reconciles.labels(result)
        for result in ("ok", "failed"):
            self._resyncs.labels(result)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def queue(self, depth: Callable[[], int]) -> None:
        """Where to ask how many wait."""
        self._queue.set_function(depth)

    def leads(self) -> None:
        """This process works from now on; it ends when that ends."""
        self._leader.set(1)

    def answered(self, method: str, status: int) -> None:
        """A request to the API server has ended."""
        self._requests.labels(method, str(status)).inc()

    def resynced(self, result: str) -> None:
        """A resync has ended."""
        self._resyncs.labels(result).inc()

    def measured(self, reconcile: Callable[[Key], Awaitable[float | None]]) -> Callable[[Key], Awaitable[float | None]]:
        """The reconcile, counted and timed."""

        async def counted(key: Key) -> float | None:
            started, result = time.perf_counter(), "error"
            try:
                again = await reconcile(key)
                result = "done" if again is None else "again"
                return again
            finally:
                self._reconciles.labels(result).inc()
                self._durations.observe(time.perf_counter() - started)

        return counted


class _Picture(Collector):
    """What is read off when it is asked for, so that nothing has to be kept in step."""

    def __init__(self, store: Store, watches: Watches) -> None:
        self._store = store
        self._watches = watches

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called by the registry."""
        workers = GaugeMetricFamily(
            f"{PREFIX}workers", "LLMWorkers, by condition and its status.", labels=["condition", "status"]
        )
        tally = Tally(
            (condition["type"], condition["status"])
            for worker in self._store.workers.values()
            for condition in worker.status.get("conditions", ())
        )
        for labels, count in sorted(tally.items()):
            workers.add_metric(list(labels), count)
        yield workers
        ages = GaugeMetricFamily(
            f"{PREFIX}watch_age_seconds", "Time since the watch of a kind was last heard.", labels=["kind"]
        )
        for kind, age in self._watches.ages(time.monotonic()).items():
            ages.add_metric([kind], age)
        yield ages
