"""Environment to settings and back: `parse` and `render`, inverse to each other, both pure.

Parsing is strict and complete: a value is never guessed at, and all problems of an environment are reported
together. The empty string and `None` mean unset, as the document writes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmworker_contract import rules, values
from llmworker_contract.catalogue import VARIABLES, Variable
from llmworker_contract.problems import BadEnvironment, Problem
from llmworker_contract.settings import Settings
from llmworker_contract.spelling import REFUSED

_LONGEST_SHOWN: Final = 80


def parse(environ: Mapping[str, str]) -> Settings:
    """The settings that an environment states. Names unlike any of ours are not looked at.

    Raises `BadEnvironment` with every problem found.
    """
    settings, problems = read(environ)
    if problems:
        raise BadEnvironment(tuple(problems))
    return settings


def read(environ: Mapping[str, str]) -> tuple[Settings, list[Problem]]:
    """The settings that can be understood, and everything that is wrong with the environment."""
    groups: dict[str, dict[str, Any]] = {}
    problems = [*_refused(environ), *_needed(environ)]
    doubtful = {problem.variable for problem in problems}
    for variable in VARIABLES:
        try:
            value = _stated(variable, environ)
        except _Unreadable as error:
            problems.append(Problem(error.name, str(error)))
            doubtful |= {*variable.names}
            continue
        if value is not None:
            groups.setdefault(variable.group, {})[variable.attribute] = value
    settings = Settings.model_validate(groups)
    broken = [rule for rule in rules.broken(settings) if not rule.variables & doubtful]
    return settings, problems + [rule.in_environment() for rule in broken]


def render(settings: Settings) -> dict[str, str]:
    """The variables that state the settings, sorted by name, secrets left out: those are only ever referenced."""
    written = {}
    for variable in VARIABLES:
        value = variable.stated(settings)
        if value is not None and not variable.secret:
            written[variable.name] = values.write(variable, value)
    return dict(sorted(written.items()))


class _Unreadable(ValueError):
    """A variable's text is not a value of it; the message says what is."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def _refused(environ: Mapping[str, str]) -> Iterator[Problem]:
    for name, instead in REFUSED.items():
        if not values.unset(environ.get(name, "")):
            yield Problem(name, f"is refused: {instead}")


def _needed(environ: Mapping[str, str]) -> Iterator[Problem]:
    if values.unset(environ.get("MODEL_NAME", "")):
        yield Problem("MODEL_NAME", "is required: the model to serve, by its hub name or its path")


def _stated(variable: Variable, environ: Mapping[str, str]) -> Any:
    """The value that the variable's names state; None for unset. Raises `_Unreadable`."""
    found: dict[str, Any] = {}
    for name in variable.names:
        text = environ.get(name, "")
        if values.unset(text):
            continue
        try:
            value = values.read(variable, text)
        except ValueError as error:
            raise _Unreadable(name, f"{error}, got {_shown(variable, text)}") from None
        if not (value == 0 and variable.zero_is_unset):
            found[name] = value
    first, *others = found.items() or [("", None)]
    for name, value in others:
        if value != first[1]:
            raise _Unreadable(name, f"states the same as {first[0]}, with another value: remove one of the two")
    return first[1]


def _shown(variable: Variable, text: str) -> str:
    if variable.secret:
        return "a secret value"
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
