"""One active operator among several, by a Lease: what a Lease says, whose it is, and the holding of it.

The decisions are functions of a Lease as it was seen and of a clock of our own. Whether another's Lease has run out is
told by how long it has not changed while we looked, never by the times in it: two machines' clocks need not agree.
"""

import asyncio
import logging
import random
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, NoReturn, Protocol

from llmworker_operator.cluster import LEASES, ApiError, Resource

_RENEWED: Final = 2 / 3
"""Part of the Lease's time for which a renewal holds: after it we write nothing. The rest is room for clocks that run
unevenly and for a write that the API server received late."""

_TRY: Final = 2 / 15
"""Part of the Lease's time between two tries: 2 s of 15."""

_CONFLICTS: Final = frozenset({404, 409})
"""What the API server answers when the Lease is not, or no longer, the one that we saw."""

log = logging.getLogger(__name__)


class Lost(Exception):
    """The Lease is another's, or could not be renewed in time: nothing may be written any longer."""


class Leases(Protocol):
    """What the election needs of the cluster. Everything raises `ApiError`."""

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None: ...

    async def create(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]: ...

    async def replace(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Seen:
    """A Lease as it was last read."""

    body: Mapping[str, Any] | None
    """None where there is none."""
    since: float
    """When it was first seen so, in seconds of our own clock."""

    @property
    def holder(self) -> str:
        """Who has it; empty when nobody does."""
        return str((self.body or {}).get("spec", {}).get("holderIdentity") or "")

    @property
    def version(self) -> str:
        """Changes with every renewal; a write with an older one is refused, which is the fence between two holders."""
        return str(self.body["metadata"]["resourceVersion"]) if self.body else ""


def seen(body: Mapping[str, Any] | None, before: Seen | None, now: float) -> Seen:
    """What was read now, on top of what was read before."""
    after = Seen(body, now)
    return Seen(body, before.since) if before and before.version == after.version else after


def free(lease: Seen, me: str, seconds: int, now: float) -> bool:
    """Whether we may take it: nobody's, ours already, or not renewed for as long as its holder promised to.

    `seconds` counts where the Lease itself names no time.
    """
    promised = float(((lease.body or {}).get("spec") or {}).get("leaseDurationSeconds") or seconds)
    return lease.holder in {"", me} or now >= lease.since + promised


def taken(lease: Seen, at: tuple[str, str], me: str, seconds: int, now: datetime) -> dict[str, Any]:
    """The Lease as we write it: taken if it was not ours, else renewed. `at` is its namespace and name."""
    body = dict(lease.body or {})
    spec = dict(body.get("spec") or {})
    if lease.holder != me:
        spec["acquireTime"] = _micro_time(now)
        spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (1 if lease.body else 0)
    spec |= {"holderIdentity": me, "leaseDurationSeconds": seconds, "renewTime": _micro_time(now)}
    namespace, name = at
    head = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": {"namespace": namespace, "name": name}}
    return {**head, **body, "spec": spec}


def released(lease: Seen, now: datetime) -> dict[str, Any]:
    """The Lease as we leave it: anybody's, at once."""
    spec = {**(lease.body or {}).get("spec", {}), "holderIdentity": "", "renewTime": _micro_time(now)}
    return {**(lease.body or {}), "spec": spec}


def _micro_time(moment: datetime) -> str:
    """As Kubernetes' MicroTime wants it: UTC, always with six digits, also when they are zeros."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def identity() -> str:
    """The pod's name, which is its host's, and what tells a pod's containers apart over restarts."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system has such a clock: a leader that was suspended
    must see that its time is over."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _utc() -> datetime:
    return datetime.now(timezone.utc)


class Elector:
    """Tries for the Lease, holds it and gives it back."""

    def __init__(
        self, leases: Leases, at: tuple[str, str], me: str, seconds: int, clock: Callable[[], float] = clock
    ) -> None:
        self._leases = leases
        self._at = at
        self._me = me
        self._seconds = seconds
        self._clock = clock
        self._seen: Seen | None = None
        self._until = 0.0
        self._answered = False

    @property
    def leader(self) -> str | None:
        """Who has it, as far as the last try could tell; None where there was no answer."""
        return self.holder if self._answered else None

    @property
    def holder(self) -> str | None:
        """Who had it when it was last seen; None before that."""
        return self._seen.holder if self._seen else None

    def left(self) -> float:
        """Seconds for which it is certainly ours; what we write has to be written in them."""
        return max(0.0, self._until - self._clock())

    async def win(self) -> None:
        """Return once the Lease is ours, however long that takes."""
        rival: str | None = None
        while not await self._attempt():
            if self.holder and self.holder != rival:
                rival = self.holder
                log.info("standing by: %s holds the Lease %s/%s", rival, *self._at)
            await self._pause()
        log.info("holding the Lease %s/%s as %s", *self._at, self._me)

    async def keep(self) -> NoReturn:
        """Renew until that fails for too long. Raises `Lost`."""
        while True:
            await self._pause()
            if not self.left():
                raise Lost(f"the Lease {self._at[0]}/{self._at[1]} could not be renewed in time")
            if not await self._attempt() and self.holder != self._me:
                self._until = 0.0
                raise Lost(f"the Lease {self._at[0]}/{self._at[1]} was taken from us by {self.holder or 'nobody'}")

    async def release(self) -> None:
        """Give it back, if it is still ours, so that another need not wait until it runs out."""
        if self._seen is None or not self.left():
            return
        self._until = 0.0
        try:
            await self._leases.replace(LEASES, released(self._seen, _utc()))
        except ApiError as error:
            log.warning("the Lease %s/%s could not be given back and has to run out: %s", *self._at, error)
        else:
            log.info("gave the Lease %s/%s back", *self._at)

    async def _pause(self) -> None:
        await asyncio.sleep(self._seconds * _TRY * random.uniform(0.8, 1.0))  # noqa: S311  (spreads load, no secret)

    async def _attempt(self) -> bool:
        """One try to take or renew, ended before the next is due twice: a connection that went silent must not cost
        the Lease. What cannot be reached is no news of the Lease."""
        try:
            won = await asyncio.wait_for(self._take(), 2 * self._seconds * _TRY)
        except asyncio.TimeoutError:
            log.warning("the Lease %s/%s: no answer", *self._at)
        except ApiError as error:
            log.warning("the Lease %s/%s: %s", *self._at, error)
        else:
            self._answered = True
            return won
        self._answered = False
        return False

    async def _take(self) -> bool:
        """Whether it is ours now. Raises `ApiError`."""
        started = self._clock()
        if self._seen is None or not self.left():
            self._seen = await self._look()
        if not free(self._seen, self._me, self._seconds, started):
            return False
        body = taken(self._seen, self._at, self._me, self._seconds, _utc())
        write = self._leases.replace if self._seen.body else self._leases.create
        try:
            self._seen = seen(await write(LEASES, body), None, started)
        except ApiError as error:
            if error.status not in _CONFLICTS:
                raise
            # Another was faster, or somebody else wrote to it, or our own last write came through unheard.
            self._seen = await self._look()
            return False
        self._until = started + self._seconds * _RENEWED
        return True

    async def _look(self) -> Seen:
        return seen(await self._leases.read(LEASES, *self._at), self._seen, self._clock())
