"""Workers that load, asked how far they are: the edge to their admin port, and how often it is used.

Nothing of it decides whether a worker is ready: that is the kubelet's to say, whose probes ask the same port.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import aiohttp

from llmworker_contract import endpoints
from llmworker_operator.conditions import Look
from llmworker_operator.pods import Pod
from llmworker_operator.problems import CREATING

_TIMEOUT: Final = aiohttp.ClientTimeout(total=1.0)
_LONGEST_ANSWER: Final = 65_536
_FIRST: Final = 5.0
_LONGEST: Final = 60.0
_GROWTH: Final = 0.1
"""Between two looks: this part of a pod's age, in seconds, and never less or more than those two."""

_SET_UP: Final = 10.0
"""Seconds that a node may take to set a pod up before anybody asks why."""

_STEP: Final = 10
"""Percent: a status that counted each one would be written a hundred times."""


class Asker:
    """One pool of connections to all workers."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False)

    async def __call__(self, pods: Sequence[Pod]) -> dict[str, Look]:
        """What those of them that answer say, by uid. One that does not is left out: a network policy, say."""
        asked = [pod for pod in pods if speaks(pod)]
        looks = await asyncio.gather(*(self._look(pod.address) for pod in asked))
        return {pod.uid: look for pod, look in zip(asked, looks, strict=True) if look}

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def _look(self, address: str) -> Look | None:
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._session.get(f"http://{host}:{endpoints.ADMIN_PORT}{endpoints.STARTUPZ}") as answer:
                content = json.loads(await answer.content.read(_LONGEST_ANSWER))
                return look(content, loaded=answer.ok)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
            return None


def look(content: Any, *, loaded: bool) -> Look | None:
    """What `/startupz` said; None if it is something else."""
    if not isinstance(content, dict) or not isinstance(content.get("phase"), str):
        return None
    percent = content.get("percent")
    return Look(
        phase=content["phase"][:40],
        percent=percent // _STEP * _STEP if isinstance(percent, int) else None,
        detail=str(content.get("detail") or "")[:500],
        loaded=loaded,
    )


def speaks(pod: Pod) -> bool:
    """Whether the pod's worker can be asked, and has something to tell."""
    return pod.running and not pod.ready and not pod.leaving and bool(pod.address)


def puzzles(pod: Pod, now: datetime) -> bool:
    """Whether only events can tell why the pod does not run."""
    set_up = pod.waiting[0] in CREATING or not pod.waiting[0]
    return pod.scheduled and not pod.running and not pod.leaving and set_up and pod.age(now) > _SET_UP


def again(pods: Sequence[Pod], now: datetime) -> float | None:
    """Seconds after which to look at them again, ever less often; None if a change of a pod will tell."""
    open_ = [pod for pod in pods if pod.scheduled and not pod.ready and not pod.leaving and not pod.finished]
    ages = [pod.age(now) for pod in open_ if speaks(pod) or puzzles(pod, now) or pod.age(now) <= _SET_UP]
    return max(_FIRST, min(_LONGEST, min(ages) * _GROWTH)) if ages else None
