"""Settings and engine profile to the command line of vLLM's own OpenAI server. Pure.

Each option is one token, `--flag=value`, since a value may begin with dashes; a switch is given or left out. An
argument that the profile's engine does not have never gets here: its parser would refuse to start.
"""

from collections.abc import Iterator
from typing import Any

from llmworker_contract.catalogue import VARIABLES, Variable
from llmworker_contract.codec import documented_default
from llmworker_contract.engines import EngineProfile
from llmworker_contract.settings import Settings


def engine_args(settings: Settings, profile: EngineProfile) -> list[str]:
    """The options that make this engine do what the settings say, in the catalogue's order."""
    options: list[str] = []
    for variable in VARIABLES:
        argument = variable.engine_argument
        if argument is None or argument not in profile.arguments:
            continue
        value = _value(settings, variable, profile)
        if value is not None:
            options += _option(argument, value, profile)
    return options


def unsupported(settings: Settings, profile: EngineProfile) -> list[Variable]:
    """The variables that were set but are no argument of this engine."""
    return [
        variable
        for variable in VARIABLES
        if variable.engine_argument is not None
        and variable.engine_argument not in profile.arguments
        and _stated(settings, variable) is not None
    ]


def _stated(settings: Settings, variable: Variable) -> Any:
    return getattr(getattr(settings, variable.group), variable.attribute)


def _value(settings: Settings, variable: Variable, profile: EngineProfile) -> Any:
    """What was stated; else the documented default, if this is a documented image and its engine's own differs."""
    stated = _stated(settings, variable)
    if stated is not None or not profile.documented or variable.engine_argument is None:
        return stated
    promised = documented_default(variable.name)
    return None if promised == profile.arguments[variable.engine_argument] else promised


def _option(argument: str, value: Any, profile: EngineProfile) -> Iterator[str]:
    flag = argument.replace("_", "-")
    if value is True:
        yield f"--{flag}"
    elif value is False:
        # Off is the absence of the switch, except where the engine would choose to switch it on.
        if profile.arguments[argument] is not False and argument in profile.negatable:
            yield f"--no-{flag}"
    else:
        yield f"--{flag}={value}"
