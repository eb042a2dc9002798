"""What is known of the worker at this moment: written by the supervisor, read by the admin app."""

import time
from collections.abc import Callable

from llmworker_server.progress import Phase, Progress, advanced


class State:
    """The phase, since when, and what was last said about it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = self._phase_began = clock()
        self.progress = Progress()
        self.was_ready = False
        """Whether the worker has been ready at any time."""
        self.detail = ""
        """Why it is no further, where there is more to say than the phase."""

    @property
    def ready(self) -> bool:
        """Whether requests may come."""
        return self.progress.phase is Phase.READY

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

    def enter(self, phase: Phase, detail: str = "") -> None:
        """Be in a phase, by the supervisor's own knowledge. Nothing follows stopping and failing."""
        if self.progress.phase is Phase.FAILED or (self.progress.phase is Phase.STOPPING and phase is not Phase.FAILED):
            return
        self.detail = detail
        self.was_ready = self.was_ready or phase is Phase.READY
        self._set(Progress(phase))

    def _set(self, progress: Progress) -> None:
        if progress.phase is not self.progress.phase:
            self._phase_began = self._clock()
            print(f"llmworker: {progress.phase.value} after {self.seconds:.0f} s", flush=True)
        self.progress = progress
