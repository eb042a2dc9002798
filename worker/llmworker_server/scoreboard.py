"""What the supervisor and the serving process tell each other: numbers in one page of memory that both have mapped.

The page is a file, so it needs no port and no protocol, costs nanoseconds a token, and can be read when the other side
hangs or is gone. Every number has one writer, the supervisor or the serving process, and is one aligned word.
"""

import mmap
import time
from enum import IntEnum
from pathlib import Path
from typing import Final

VARIABLE: Final = "LLMWORKER_SCOREBOARD"
"""Names the file to the serving process."""

FILE: Final = "scoreboard"
"""Its name in the folder of the worker's own files."""


class Slot(IntEnum):
    """The numbers, but for the counts of answers."""

    DRAINING = 0
    """By the supervisor: 1 when no further requests may be taken."""
    ENDING = 1
    """By the supervisor: 1 when open requests have to end now."""
    RUNNING = 2
    """By the serving process: requests that make the engine compute and are not answered yet."""
    WORKING = 3
    """By the serving process: those of them that wait for the engine, and not for their client to send or to read."""
    STREAMS = 4
    """By the serving process: those that are running whose answer is a stream that has begun."""
    PROGRESS = 5
    """By the serving process: when the engine last gave a part of an answer, in ns of the system's monotonic clock."""


_STATUSES: Final = range(100, 600)
_FIRST_STATUS_SLOT: Final = 8
_WORD: Final = 8
_SIZE: Final = (_FIRST_STATUS_SLOT + len(_STATUSES)) * _WORD


class Scoreboard:
    """The numbers. Without a path they are this process's own."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            memory = mmap.mmap(-1, _SIZE)
        else:
            with path.open("a+b") as file:
                file.truncate(_SIZE)
                memory = mmap.mmap(file.fileno(), _SIZE)
        self._words = memoryview(memory).cast("q")

    def __getitem__(self, slot: Slot) -> int:
        return self._words[slot]

    def __setitem__(self, slot: Slot, value: int) -> None:
        self._words[slot] = value

    def progressed(self) -> None:
        """Note that the engine has just given a part of an answer."""
        self._words[Slot.PROGRESS] = time.monotonic_ns()

    def answered(self, status: int) -> None:
        """Count an answer that has begun."""
        if status in _STATUSES:
            self._words[_FIRST_STATUS_SLOT + status - _STATUSES.start] += 1

    def answers(self) -> dict[int, int]:
        """How many answers have begun with each status."""
        counts = zip(_STATUSES, self._words[_FIRST_STATUS_SLOT:], strict=True)
        return {status: count for status, count in counts if count}
