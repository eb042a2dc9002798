"""Environment to settings and back: `parse` and `render`, inverse to each other, both pure.

Parsing is strict and complete: a value is never guessed at, and all problems of an environment are reported
together. The empty string and `None` mean unset, as the document writes it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import SecretStr, TypeAdapter, ValidationError

from llmworker_contract.catalogue import BY_NAME, VARIABLES, Variable
from llmworker_contract.document import NAMES
from llmworker_contract.settings import Settings

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_UNSET: Final = frozenset({"", "None"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one variable."""

    variable: str
    message: str
    """What is allowed, what was given, what to do. Never holds the value of a secret."""

    def __str__(self) -> str:
        return f"{self.variable}: {self.message}"


class BadEnvironment(ValueError):
    """The environment cannot be understood; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def parse(environ: Mapping[str, str]) -> Settings:
    """The settings that an environment states. Names that are not in the document are not looked at.

    Raises `BadEnvironment` with every problem found.
    """
    groups: dict[str, dict[str, Any]] = {}
    problems = list(_unsupported(environ))
    for variable in VARIABLES:
        text = environ.get(variable.name, "").strip()
        if text in _UNSET:
            continue
        try:
            groups.setdefault(variable.group, {})[variable.attribute] = _read(variable, text)
        except ValueError as error:
            given = "a secret value" if variable.secret else repr(text)
            problems.append(Problem(variable.name, f"{error}, got {given}"))
    if environ.get("MODEL_NAME", "").strip() in _UNSET:
        problems.append(Problem("MODEL_NAME", "is required: the model to serve, by its hub name or its path"))
    if problems:
        raise BadEnvironment(tuple(problems))
    return Settings.model_validate(groups)


def render(settings: Settings) -> dict[str, str]:
    """The variables that state the settings, sorted by name, secrets left out: those are only ever referenced."""
    written = {}
    for variable in VARIABLES:
        value = getattr(getattr(settings, variable.group), variable.attribute)
        if value is not None and not variable.secret:
            written[variable.name] = _write(value)
    return dict(sorted(written.items()))


def documented_default(name: str) -> Any:
    """What the document promises for the variable on the documented images, typed; None where it promises none.

    Raises KeyError for a name that the catalogue does not hold.
    """
    variable = BY_NAME[name]
    return None if variable.default is None else _read(variable, variable.default)


def _unsupported(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Documented names that this version cannot honour yet: silence would be a broken promise."""
    for name in sorted(NAMES - BY_NAME.keys()):
        if environ.get(name, "").strip() not in _UNSET:
            yield Problem(name, "is documented but not supported by this version; remove it")


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    """Checks a field's bounds; kept, since building one takes a millisecond."""
    return TypeAdapter(BY_NAME[name].annotation)


def _read(variable: Variable, text: str) -> Any:
    value = _convert(variable, text)
    if variable.choices and value not in variable.choices:
        raise ValueError(f"expected one of {', '.join(str(choice) for choice in variable.choices)}")
    try:
        return _adapter(variable.name).validate_python(SecretStr(text) if variable.secret else value)
    except ValidationError as error:
        raise ValueError(_sentence(error)) from None


def _convert(variable: Variable, text: str) -> Any:
    if variable.kind == "bool":
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError("expected 1 or 0 (true, false, yes, no, on, off)")
    if variable.kind == "int":
        if not _WHOLE.fullmatch(text):
            raise ValueError("expected a whole number")
        return int(text)
    if variable.kind == "float":
        return _finite(text)
    return text


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("expected a number") from None
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


def _sentence(error: ValidationError) -> str:
    """pydantic's own words for the first thing wrong, made to begin like ours."""
    return error.errors()[0]["msg"].replace("Input should be", "expected").replace("String should", "text should")


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    return str(value)
