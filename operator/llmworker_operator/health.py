"""/healthz, /readyz and /metrics of the operator's own pod."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic

from aiohttp import web

from llmworker_operator import metrics
from llmworker_operator.store import Store
from llmworker_operator.watches import Watches


class Phase(Enum):
    """How far the process has come."""

    ELECTING = "asks for the Lease"
    LISTING = "the first lists are not complete"
    WORKING = "working"


@dataclass
class State:
    """What the answers are made of."""

    store: Store
    watches: Watches
    metrics: metrics.Metrics
    phase: Phase = Phase.LISTING
    leader: Callable[[], str | None] = field(default=lambda: None)
    """Who holds the Lease, as far as the API server told lately; None where it did not."""


def healthz(state: State, now: float) -> tuple[int, str]:
    """Whether starting anew would help: 503 with a sentence for each dead watch."""
    if state.phase is not Phase.WORKING:
        return 200, f"ok: {state.phase.value}"
    if dead := state.watches.dead(now):
        return 503, "\n".join(dead)
    if state.watches.away:
        return 200, f"ok: the API server does not answer, and starting anew would not help: {state.watches.away}"
    ages = (f"{kind} last heard {age:.0f} s ago" for kind, age in state.watches.ages(now).items())
    return 200, "\n".join(("ok", *ages))


def readyz(state: State) -> tuple[int, str]:
    """Whether it does what it is there for: work, or stand by for the one that works."""
    if state.phase is Phase.WORKING:
        return 200, f"ok: {len(state.store.workers)} LLMWorkers"
    leader = state.leader()
    if state.phase is Phase.ELECTING and leader:
        return 200, f"ok: standing by for {leader}"
    return 503, state.phase.value


def application(state: State) -> web.Application:
    """The three paths."""

    def answer(found: tuple[int, str]) -> web.Response:
        status, text = found
        return web.Response(status=status, text=f"{text}\n")

    async def health(_: web.Request) -> web.Response:
        return answer(healthz(state, monotonic()))

    async def ready(_: web.Request) -> web.Response:
        return answer(readyz(state))

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=state.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", health), web.get("/readyz", ready), web.get("/metrics", measured)])
    return app
