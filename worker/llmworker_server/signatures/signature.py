"""One thing that a failing engine says."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """One cause. Message and remedy may name the pattern's groups."""

    reason: str
    pattern: re.Pattern[str]
    message: str
    remedy: str


def signatures(*rows: tuple[str, str, str, str]) -> tuple[Signature, ...]:
    """Reason, pattern, message and remedy of each. A pattern matches within one line."""
    return tuple(Signature(reason, re.compile(pattern), message, remedy) for reason, pattern, message, remedy in rows)
