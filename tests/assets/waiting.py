"""Waiting in tests: bounded, and with words for what did not happen."""

import time
from collections.abc import Callable


def until(happened: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Return when it has happened; fail with `what` when it has not in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.1)
