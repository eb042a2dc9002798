"""What is known of the worker at this moment: written by the supervisor, read by the admin app."""

import time
from collections.abc import Callable
from typing import Final

from llmworker_server.progress import Phase, Progress, advanced, downloading
from llmworker_server.records import say

_ENDING: Final = (Phase.DRAINING, Phase.STOPPING, Phase.FAILED)


class State:
    """The phase, since when, and what was last said about it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = self._phase_began = clock()
        self.progress = Progress()
        self.seconds_to_ready: float | None = None
        """From its start until it was ready for the first time."""
        self.detail = ""
        """Why it is no further, where there is more to say than the phase."""

    @property
    def ready(self) -> bool:
        """Whether requests may come."""
        return self.progress.phase is Phase.READY

    @property
    def was_ready(self) -> bool:
        """Whether the worker has been ready at any time."""
        return self.seconds_to_ready is not None

    @property
    def seconds(self) -> float:
        """Since the worker began."""
        return self._clock() - self._started

    @property
    def seconds_in_phase(self) -> float:
        """Since the phase began."""
        return self._clock() - self._phase_began

    def read(self, line: str) -> None:
        """Take one line of the engine's log into account."""
        self._set(advanced(self.progress, line))

    def downloading(self, count: int) -> None:
        """Take into account that so many bytes of the model have come."""
        self._set(downloading(self.progress, count))

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Be in a phase, by the supervisor's own knowledge. A worker that ends only comes nearer to its end."""
        if self.progress.phase in _ENDING and phase not in _ENDING[_ENDING.index(self.progress.phase) :]:
            return
        self.detail = detail
        if phase is Phase.READY and self.seconds_to_ready is None:
            self.seconds_to_ready = self.seconds
        self._set(Progress(phase))

    def _set(self, progress: Progress) -> None:
        if progress.phase is not self.progress.phase:
            self._phase_began = self._clock()
            say(f"{progress.phase.value} after {self.seconds:.0f} s")
        self.progress = progress
