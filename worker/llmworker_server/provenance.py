"""Which settings hold in this worker, and where each comes from. Pure; never a secret's value."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmworker_contract.argv import engine_args, unsupported
from llmworker_contract.catalogue import VARIABLES, Variable
from llmworker_contract.codec import render
from llmworker_server.configuration import Configuration


@dataclass(frozen=True)
class Setting:
    """One variable that holds a value."""

    variable: str
    value: str
    source: str
    """`environment`, or `documented default` where the worker applies what the document promises."""
    effect: str
    """`engine`, `worker`, or `none` where this engine has no such argument."""


def settings(configuration: Configuration) -> list[Setting]:
    """Every variable that was set or that the worker sets by itself, in the catalogue's order."""
    return [setting for variable in VARIABLES for setting in _of(variable, configuration)]


def _of(variable: Variable, configuration: Configuration) -> Iterator[Setting]:
    stated = getattr(getattr(configuration.settings, variable.group), variable.attribute)
    effect = _effect(variable, configuration)
    if stated is not None:
        value = "set" if variable.secret else render(configuration.settings)[variable.name]
        yield Setting(variable.name, value, "environment", effect)
    elif _applied(variable, configuration):
        yield Setting(variable.name, variable.default or "", "documented default", effect)


def _effect(variable: Variable, configuration: Configuration) -> str:
    if variable.engine_argument is None:
        return "worker"
    return "none" if variable in unsupported(configuration.settings, configuration.profile) else "engine"


def _applied(variable: Variable, configuration: Configuration) -> bool:
    """Whether an unset variable has its documented default applied by us."""
    if variable.engine_argument is None:
        return variable.default is not None
    flag = f"--{variable.engine_argument.replace('_', '-')}"
    options = engine_args(configuration.settings, configuration.profile)
    return any(option == flag or option.startswith(f"{flag}=") for option in options)
