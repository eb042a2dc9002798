"""Which settings hold in this worker, and where each comes from. Pure; never a secret's value."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmworker_contract.argv import applied_default
from llmworker_contract.catalogue import VARIABLES, Variable
from llmworker_contract.routes import route
from llmworker_contract.values import documented_default, write
from llmworker_contract.verdicts import verdict
from llmworker_server.configuration import Configuration


@dataclass(frozen=True)
class Setting:
    """One variable that holds a value."""

    variable: str
    value: str
    source: str
    """`environment`, or `documented default` where the worker applies what the document promises."""
    verdict: str
    """What becomes of it, as `explain` says."""
    detail: str


def settings(configuration: Configuration) -> list[Setting]:
    """Every variable that was set or that the worker sets by itself, in the catalogue's order."""
    return [setting for variable in VARIABLES for setting in _of(variable, configuration)]


def _of(variable: Variable, configuration: Configuration) -> Iterator[Setting]:
    judged = verdict(variable, configuration.profile)
    stated = variable.stated(configuration.settings)
    if stated is not None:
        value = "set" if variable.secret else write(variable, stated)
        yield Setting(variable.name, value, "environment", judged.verdict, judged.detail)
        return
    default = _default(variable, configuration)
    if default is not None:
        yield Setting(variable.name, write(variable, default), "documented default", judged.verdict, judged.detail)


def _default(variable: Variable, configuration: Configuration) -> Any:
    """The documented default that we apply where the variable is unset."""
    if variable.never:
        return None
    if variable.engine_argument is None:
        return documented_default(variable.name)
    return applied_default(route(variable, configuration.profile), configuration.profile)
