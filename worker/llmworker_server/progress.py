"""How far a start has come, read from the engine's log. Pure.

The lines are those of vLLM 0.6.3 to 0.32; a release that words them differently shows a coarser progress and
nothing worse, since readiness never depends on a line.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final


class Phase(str, Enum):
    """Where a worker is, in the order of a start."""

    STARTING = "starting"
    """The process runs; Python is importing the engine."""
    RESOLVING = "resolving"
    """The engine reads the model's configuration."""
    DOWNLOADING = "downloading"
    LOADING_WEIGHTS = "loading_weights"
    WARMING_UP = "warming_up"
    """Profiling, allocating the KV cache, compiling."""
    CAPTURING_GRAPHS = "capturing_graphs"
    FIRST_TOKEN = "first_token"  # noqa: S105 - a token of text
    """The server listens and one real token is asked of it."""
    READY = "ready"
    UNHEALTHY = "unhealthy"
    """It was ready, and its health check now fails."""
    DRAINING = "draining"
    """Asked to end; open requests go on."""
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """A phase, and how much of it is done where the engine counts."""

    phase: Phase = Phase.STARTING
    percent: int | None = None
    downloaded: int | None = None
    """Bytes that have come from the hub, while they come."""

    def __str__(self) -> str:
        words = self.phase.value if self.percent is None else f"{self.phase.value} {self.percent} %"
        return words if self.downloaded is None else f"{words} {self.downloaded / 1e6:,.0f} MB"


_ORDER: Final = tuple(Phase)

_PERCENT: Final = r".*?(?P<percent>\d{1,3})%"

_SIGNS: Final = tuple(
    (phase, re.compile(pattern))
    for phase, pattern in (
        (Phase.RESOLVING, r"non-default args:|vLLM API server version|args: Namespace\("),
        (Phase.DOWNLOADING, r"(?:Fetching \d+ files|\.safetensors|\.bin|\.gguf):" + _PERCENT),
        (Phase.LOADING_WEIGHTS, r"Loading \S+ checkpoint shards:" + _PERCENT),
        (Phase.LOADING_WEIGHTS, r"Starting to load model|Loading (?:model )?weights from"),
        (Phase.WARMING_UP, r"Loading (?:model )?weights took|Model loading took|torch\.compile (?:takes|took)"),
        (Phase.CAPTURING_GRAPHS, r"Capturing (?:CUDA )?graphs?[^:]*:" + _PERCENT),
        (Phase.CAPTURING_GRAPHS, r"Capturing (?:the model for CUDA graphs|cudagraphs)|Graph capturing finished"),
    )
)


def advanced(progress: Progress, line: str) -> Progress:
    """The progress after one more line of the engine's log."""
    if _ORDER.index(progress.phase) >= _ORDER.index(Phase.FIRST_TOKEN):
        return progress
    for phase, sign in _SIGNS:
        if found := sign.search(line):
            percent = found.groupdict().get("percent")
            return _forward(progress, Progress(phase, None if percent is None else min(int(percent), 100)))
    return progress


def downloading(progress: Progress, count: int) -> Progress:
    """The progress when so many bytes have come and more do. No phase after the first weights is left for it."""
    if progress.percent is None and _ORDER.index(progress.phase) <= _ORDER.index(Phase.LOADING_WEIGHTS):
        return Progress(Phase.DOWNLOADING, None, count)
    return replace(progress, downloaded=count) if progress.phase is Phase.DOWNLOADING else progress


def _forward(old: Progress, new: Progress) -> Progress:
    """Never backwards: the processes of one engine load at different speeds into one log.

    The exception is a download, which begins after the engine has said that it loads the model.
    """
    if new.phase is old.phase:
        return replace(new, downloaded=old.downloaded) if (new.percent or 0) > (old.percent or 0) else old
    starts_download = new.phase is Phase.DOWNLOADING and old == Progress(Phase.LOADING_WEIGHTS)
    return new if starts_download or _ORDER.index(new.phase) > _ORDER.index(old.phase) else old
