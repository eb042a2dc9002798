"""The time between the wish to end and the end: open requests go on, for as long as they may."""

import asyncio
from collections.abc import Callable
from typing import Final

from llmworker_server.records import say
from llmworker_server.scoreboard import Scoreboard, Slot

_CHECK_INTERVAL: Final = 0.1

_LAST_WORDS: Final = 2.0
"""Seconds for telling the clients of requests that have to end."""


async def drained(board: Scoreboard, timeout: float, hurried: Callable[[], bool], lost: Callable[[], bool]) -> None:
    """Refuse further requests, and return when none is open.

    When the time is over or `hurried`, what is open is ended with an error that says so. Nothing is waited for once
    the engine is `lost`.
    """
    loop = asyncio.get_running_loop()
    board[Slot.DRAINING] = 1
    if board[Slot.RUNNING]:
        say(f"{board[Slot.RUNNING]} requests are open and have {timeout:.0f} s")
    deadline = loop.time() + timeout
    # The first look is late, for a request that was let in just before.
    await asyncio.sleep(_CHECK_INTERVAL)
    while board[Slot.RUNNING] and not lost():
        if not board[Slot.ENDING] and (hurried() or loop.time() >= deadline):
            say(f"{board[Slot.RUNNING]} open requests are ended: {'asked again' if hurried() else 'the time is over'}")
            board[Slot.ENDING] = 1
            deadline = loop.time() + _LAST_WORDS
        elif board[Slot.ENDING] and loop.time() >= deadline:
            say(f"{board[Slot.RUNNING]} clients take no more and are cut off")
            return
        await asyncio.sleep(_CHECK_INTERVAL)
