"""From the engine's log and exit code to a cause and a remedy. Pure.

The last line of a log is hardly ever the cause: releases wrap it in several layers, each with words of its own.
So the whole log is searched, the most specific signature first, and an exit code decides only what no signature
does: every vLLM ends with code 1 on any failure of its start, and some with 0 when their engine was killed.
Lines that only tell or warn are no cause: healthy engines quote there what would be one.
"""

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llmworker_server.signatures import SIGNATURES, WHILE_SERVING

_LAST_WORDS: Final = 12
"""Lines of the log that are kept when no signature fits."""

_NOISE: Final = re.compile(
    r"[\s^~]*$|.*(?:resource_tracker|For further information visit"
    r"|Engine core initialization failed\. See root cause above|Engine process failed to start)"
)
"""Of the last words: blank lines, carets below a traceback's code, and wrappers."""

_PROMPT: Final = re.compile(r"\bReceived request ")
"""Lines that quote what a client wrote: no sign of anything, and nobody else's business."""

_NO_CAUSE: Final = re.compile(r"(?:\([^)]*\) )*(?:DEBUG|INFO|WARNING)\b|.* thrown while requesting |Retrying in ")
"""Lines of vLLM's log below an error, with or without its process in front, and tries of the hub's client."""


@dataclass(frozen=True)
class Failure:
    """Why a worker ended that nobody had asked to."""

    reason: str
    """In CamelCase, for a condition of the resource."""
    message: str
    """What happened, in a sentence."""
    remedy: str
    """What to do about it, in a sentence."""
    exit_code: int
    """The engine's; negative: the number of the signal that ended it."""

    def __str__(self) -> str:
        """In one line, for the log: the engine's last words stand there above it."""
        lines = (line.strip() for line in self.message.splitlines())
        return f"{self.reason}: {' | '.join(lines)} {self.remedy}"


def failure(log: Sequence[str], exit_code: int, *, served: bool = False) -> Failure:
    """The cause of an end that nobody asked for; `served`: the engine had been ready.

    What ends a start is later the answer to one request, and not what ended an engine.
    """
    log = [line for line in log if not _PROMPT.search(line)]
    text = "\n".join(line for line in log if not _NO_CAUSE.match(line))
    for signature in SIGNATURES:
        if served and signature.reason not in WHILE_SERVING:
            continue
        if found := signature.pattern.search(text):
            words = {name: value.strip() for name, value in found.groupdict(default="").items()}
            message, remedy = _filled(signature.message, words), _filled(signature.remedy, words)
            return Failure(signature.reason, message, remedy, exit_code)
    return _unrecognized(log, exit_code)


def _filled(text: str, words: Mapping[str, str]) -> str:
    """The text with its words; one that was not found leaves no gap."""
    return " ".join(text.format(**words).split())


def _unrecognized(log: Sequence[str], exit_code: int) -> Failure:
    words = "\n".join([line for line in log if not _NOISE.match(line)][-_LAST_WORDS:])
    said = f" Its last words:\n{words}" if words else " It had written nothing."
    if exit_code == -signal.SIGBUS:
        return Failure(
            "SharedMemoryTooSmall",
            f"The engine ended with a bus error.{said}",
            "Raise spec.gpu.sharedMemory; elsewhere give the container a larger /dev/shm.",
            exit_code,
        )
    if exit_code == -signal.SIGKILL:
        return Failure(
            "Killed",
            f"The engine's server was killed (signal 9).{said}",
            "Mostly this is the memory limit of the container: raise it, or lower what the engine needs.",
            exit_code,
        )
    ending = f"by signal {-exit_code}" if exit_code < 0 else f"with code {exit_code}"
    return Failure(
        "EngineFailed",
        f"The engine ended by itself {ending}.{said}",
        "Read the worker's log from its start; the first traceback names the cause.",
        exit_code,
    )
