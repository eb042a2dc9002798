"""From the engine's log and exit code to a cause and a remedy. Pure.

The last line of a log is hardly ever the cause: releases wrap it in several layers, each with words of its own.
So the whole log is searched, the most specific signature first, and an exit code decides only what no signature
does: every vLLM ends with code 1 on any failure of its start, and some with 0 when their engine was killed.
"""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmworker_server.signatures import SIGNATURES

_LAST_WORDS: Final = 12
"""Lines of the log that are kept when no signature fits."""

_NOISE: Final = re.compile(r"^\s*$|resource_tracker|Engine core initialization failed\. See root cause above")

_PROMPT: Final = re.compile(r"\bReceived request ")
"""Lines that quote what a client wrote: no sign of anything, and nobody else's business."""


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
        return f"{self.reason}: {self.message} {self.remedy}"


def failure(log: Sequence[str], exit_code: int) -> Failure:
    """The cause of an end that nobody asked for."""
    log = [line for line in log if not _PROMPT.search(line)]
    text = "\n".join(log)
    for signature in SIGNATURES:
        if found := signature.pattern.search(text):
            words = {name: value.strip() for name, value in found.groupdict(default="").items()}
            return Failure(
                signature.reason,
                signature.message.format(**words),
                signature.remedy.format(**words),
                exit_code,
            )
    return _unrecognized(log, exit_code)


def _unrecognized(log: Sequence[str], exit_code: int) -> Failure:
    words = "\n".join([line for line in log if not _NOISE.search(line)][-_LAST_WORDS:])
    said = f" Its last words:\n{words}" if words else " It had written nothing."
    if exit_code == -signal.SIGBUS:
        return Failure(
            "SharedMemoryTooSmall",
            f"The engine ended with a bus error.{said}",
            "Give the pod a larger /dev/shm.",
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
