"""What a request's body says about the pieces of its own answer. Pure."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmworker_server.middleware.members import Cut, cut
from llmworker_server.middleware.schedule import Schedule

MAX: Final = "max_batch_size"
MIN: Final = "min_batch_size"
GROWTH: Final = "batch_size_growth_factor"

_NO_ANSWER_IS_LONGER: Final = 2**53
"""In events. Larger sizes mean the same, but no float holds them."""

_SHOWN: Final = 40
"""Characters of a wrong value that are told back."""


@dataclass(frozen=True)
class _Rule:
    expected: str
    allows: Callable[[Any], bool]


# What JSON calls true is an int to Python, hence the exact types.
_SIZE: Final = _Rule("a whole number of 1 or more", lambda value: type(value) is int and value >= 1)
_FACTOR: Final = _Rule(
    "a finite number of 0 or more", lambda value: type(value) in (int, float) and 0 <= value <= sys.float_info.max
)
_RULES: Final = {MAX: _SIZE, MIN: _SIZE, GROWTH: _FACTOR}

_NAMES: Final = tuple(name.encode() for name in _RULES)


class OverrideError(ValueError):
    """Overrides that can not be honoured; the message names each of them."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {problem}." for name, problem in problems.items()))
        self.param = next(iter(problems))


def taken(body: bytes) -> Cut:
    """The overrides in a body, and the body for the engine: old ones answer 400 to fields that they do not know.

    A body in which no override is named is not even read. What is no JSON object is the engine's to answer.
    """
    if not any(name in body for name in _NAMES):
        return Cut({}, body)
    try:
        return cut(body, _RULES)
    except ValueError:
        return Cut({}, body)


def combined(given: Mapping[str, bytes], own: Schedule) -> Schedule:
    """The worker's own schedule with what was given, as JSON, in its place. Raises OverrideError."""
    values = {name: _value(given[name]) for name in _RULES if name in given}
    wrong = {
        name: f"expected {_RULES[name].expected}, not {_shown(given[name])}"
        for name, value in values.items()
        if not _RULES[name].allows(value)
    }
    largest, first = values.get(MAX, own.largest), values.get(MIN, own.first)
    if values.keys() & {MAX, MIN} and not wrong.keys() & {MAX, MIN} and first > largest:
        wrong[MIN if MIN in values else MAX] = (
            f"the pieces may not begin with {first} events{_whose(MIN, values)} "
            f"where the largest has {largest}{_whose(MAX, values)}"
        )
    if wrong:
        raise OverrideError(wrong)
    return Schedule(
        largest=min(largest, _NO_ANSWER_IS_LONGER),
        first=first,
        growth=float(values.get(GROWTH, own.growth)),
    )


def _value(written: bytes) -> Any:
    try:
        return json.loads(written)
    except ValueError:  # a number of more digits than Python reads
        return None


def _shown(written: bytes) -> str:
    text = written.decode(errors="replace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _whose(name: str, values: Mapping[str, Any]) -> str:
    return f" ({name})" if name in values else f" (this worker's own {name})"
