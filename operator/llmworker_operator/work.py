"""A keyed work queue: one reconcile at a time for each key, changes meanwhile are joined, failures back off."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from llmworker_operator.logs import about
from llmworker_operator.store import Key

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 30.0

log = logging.getLogger(__name__)


class WorkQueue:
    """Keys in, `reconcile(key)` out. `reconcile` returns seconds after which to look again, or None."""

    def __init__(self, reconcile: Callable[[Key], Awaitable[float | None]]) -> None:
        self._reconcile = reconcile
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._running: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: dict[Key, asyncio.TimerHandle] = {}
        """One for a key: what a reconcile says of the next look replaces what the one before it said."""

    @property
    def depth(self) -> int:
        """How many keys wait for a reconcile to begin."""
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Ask for a reconcile; asking again before it begins is the same request."""
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._running:
            self._ready.put_nowait(key)

    async def work(self) -> None:
        """Take keys for ever; several of these run side by side."""
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._running.add(key)
            if later := self._later.pop(key, None):
                later.cancel()
            try:
                await self._once(key)
            finally:
                self._running.discard(key)
                if key in self._waiting:
                    self._ready.put_nowait(key)

    async def _once(self, key: Key) -> None:
        try:
            again = await self._reconcile(key)
        except Exception:
            # Not swallowed: logged, counted and tried again; one broken object must not stop the others.
            about(log, key).exception("reconcile failed")
            again = self._backoff(key)
        else:
            self._failures.pop(key, None)
        if again is not None:
            self._later[key] = asyncio.get_running_loop().call_later(again, self.add, key)

    def _backoff(self, key: Key) -> float:
        """Seconds until the next try: doubled each time, a fifth at random so that failures do not march in step."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay: float = min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY)
        return delay * random.uniform(0.8, 1.2)  # noqa: S311  (spreads load, keeps no secret)
