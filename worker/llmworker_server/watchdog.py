"""Whether anything comes of the requests: an engine that hangs goes on answering its health checks.

An answer that is not streamed shows nothing until its end, so the engine's own count of tokens is a sign of life as
well. An engine that keeps no count (DISABLE_LOG_STATS) is only judged while it has streams to feed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmworker_server.engine_client import EngineClient
from llmworker_server.failure import Failure
from llmworker_server.scoreboard import Scoreboard, Slot

LOOK_CLOSER: Final = 5.0
"""Seconds without a token at the clients' side before the engine's own count is asked for."""


@dataclass(frozen=True)
class Finding:
    """What one look found."""

    healthy: bool
    """Whether the server answers its health check."""
    quiet: float
    """Seconds without a sign of life, 0 while nothing is asked of the engine."""
    working: int
    """Requests that wait for the engine."""

    @property
    def sentence(self) -> str:
        """What is wrong."""
        if not self.healthy:
            return f"the engine's health check fails, for {self.quiet:.0f} s"
        return f"no token for {self.quiet:.0f} s with {self.working} requests at work"


class Watchdog:
    """Looks after one engine that has been ready."""

    def __init__(self, board: Scoreboard, client: EngineClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._client = client
        self._clock = clock
        self._tokens: float | None = None
        self._last_sign = clock()

    async def look(self) -> Finding:
        """Ask the engine how it is."""
        working = self._board[Slot.WORKING]
        healthy = await self._client.healthy()
        # A server that is too busy to answer checks in time may give tokens all the same.
        if self._gave_of_late() or (healthy and (not working or await self._counts())):
            self._last_sign = self._clock()
        return Finding(healthy, self._clock() - self._last_sign, working)

    def _gave_of_late(self) -> bool:
        return self._clock() - self._board[Slot.PROGRESS] / 1e9 < LOOK_CLOSER

    async def _counts(self) -> bool:
        """Whether the engine has counted tokens since the last look."""
        before, self._tokens = self._tokens, await self._client.tokens()
        if self._tokens is None:
            return self._board[Slot.STREAMS] == 0
        return before is not None and self._tokens != before


def hung(found: Finding) -> Failure:
    """The failure of an engine that has been silent for too long."""
    return Failure(
        "EngineHung",
        f"The engine hangs: {found.sentence}.",
        "The worker starts again by itself; if answers truly take so long, raise HANG_TIMEOUT_SECONDS.",
        0,
    )
