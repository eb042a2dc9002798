"""Where two documents differ, place by place, and a document with one of its places changed. Pure.

Lists of named things, as a container's variables, are compared name by name; other lists are one value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias


class Named(NamedTuple):
    """The item of that name in a list of named things."""

    name: str


Step: TypeAlias = str | Named


@dataclass(frozen=True)
class Difference:
    """One place at which two documents differ; None: it is not there."""

    steps: tuple[Step, ...]
    before: Any
    after: Any

    @property
    def path(self) -> str:
        """As people write it, `spec.env[NCCL_DEBUG].value`."""
        return path(self.steps)


def path(steps: Sequence[Step]) -> str:
    """Steps in one word; a key that a dot would cut stands in brackets."""
    return "".join(_word(step) for step in steps).lstrip(".")


def differences(before: Any, after: Any, steps: tuple[Step, ...] = ()) -> Iterator[Difference]:
    """Every place at which they differ, as deep as both have it."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), (*steps, key))
    elif _both_named(before, after):
        earlier, later = _by_name(before), _by_name(after)
        for name in [*earlier, *(name for name in later if name not in earlier)]:
            yield from differences(earlier.get(name), later.get(name), (*steps, Named(name)))
    elif before != after:
        yield Difference(steps, before, after)


def put(document: Any, steps: Sequence[Step], value: Any) -> Any:
    """A copy of the document with that value at that place; None takes the place away."""
    first, *rest = steps
    if isinstance(first, Named):
        items = list(document or ())
        found = next((item for item in items if item["name"] == first.name), None)
        fresh = put(found or {"name": first.name}, rest, value) if rest else value
        changed = [fresh if item is found else item for item in items] if found else [*items, fresh]
        return [item for item in changed if item is not None]
    held = dict(document or {})
    held[first] = put(held.get(first), rest, value) if rest else value
    return {key: item for key, item in held.items() if key != first or item is not None}


def _word(step: Step) -> str:
    if isinstance(step, Named):
        return f"[{step.name}]"
    return f".{step}" if step.isidentifier() else f"[{step}]"


def _both_named(before: Any, after: Any) -> bool:
    """Whether both are lists of named things, and those that both have are in one order: it counts for variables."""
    if not (_named(before) and _named(after)):
        return False
    earlier, later = _by_name(before), _by_name(after)
    return [name for name in earlier if name in later] == [name for name in later if name in earlier]


def _named(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) and "name" in item for item in value):
        return False
    return bool(value) and len({item["name"] for item in value}) == len(value)


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {item["name"]: item for item in items}
