"""Files of `NAME=value` lines, as `docker run --env-file` takes them. Pure.

A number sign within a value is part of it, as Docker has it and chat templates need it; libraries for .env files
would cut the value there. Quotes around a whole value are taken off, as shells and Compose do.
"""

import re
from collections.abc import Iterable
from typing import Final

from llmworker_contract.problems import Problem

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_QUOTES: Final = ("'", '"')


def variables(lines: Iterable[str]) -> tuple[dict[str, str], list[Problem]]:
    """The variables that the lines set, the last of a name winning, and every line that sets none."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        text = line.strip("\r\n")
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(text.lstrip())
        if match is None:
            # The line is not shown: it may hold a secret.
            problems.append(Problem(f"line {number}", "expected NAME=value: correct or remove it"))
        elif (value := _unquoted(match[2])) is None:
            problems.append(Problem(match[1], f"line {number} opens a quote and does not close it: correct it"))
        else:
            found[match[1]] = value
    return found, problems


def _unquoted(value: str) -> str | None:
    """The value without the quotes around it; None where only the first is there."""
    bare = value.strip()
    if not bare.startswith(_QUOTES):
        return value
    return bare[1:-1] if len(bare) > 1 and bare[-1] == bare[0] else None
