"""What a field of the catalogue says about itself beside its type: `Annotated[int | None, Unit("tokens")]`.

A field without markers is a documented variable whose name is the field's in capitals and which the engine has
as an argument of the field's name.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Env:
    """The variable's name, where it is not the field's name in capitals."""

    name: str


@dataclass(frozen=True)
class Aliases:
    """Further names that state the same, which the documented era's code read."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@dataclass(frozen=True)
class EngineArgument:
    """The engine argument's name, where it is not the field's name."""

    name: str


@dataclass(frozen=True)
class Worker:
    """The setting is honoured by the worker itself, or by the environment, and never becomes an engine argument."""


@dataclass(frozen=True)
class Ours:
    """The document does not list the variable: workers of its era read it, or users need it beside those listed."""


@dataclass(frozen=True)
class Documented:
    """The default that the document promises for the documented worker images, as the document writes it."""

    default: str


@dataclass(frozen=True)
class Unit:
    """What a number counts."""

    name: str


@dataclass(frozen=True)
class ZeroIsUnset:
    """In the environment 0 means unset, as workers of the document's era took it."""


@dataclass(frozen=True)
class Reference:
    """The resource holds a reference in the value's place: the suffix of its field's name."""

    suffix: str
    stem: str | None = None
    """The field's name before the suffix, where it is not that of the setting."""


@dataclass(frozen=True)
class Retired:
    """The engine's argument of that name is gone in newer releases."""

    version: str | None
    """First vLLM release without it."""
    instead: str | None
    """What takes its place; None where the worker translates it."""


@dataclass(frozen=True)
class NeverExisted:
    """No engine ever had it."""

    instead: str
    """What is there instead."""
