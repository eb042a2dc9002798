"""The environment of a worker as one value, or everything that is wrong with it. Pure.

Beside the documented variables there are a few of our own, for images and tests:

- `LLMWORKER_ENGINE_PROFILE`: which engine the image holds; set when the image is built, required.
- `LLMWORKER_HOST`: the address that both servers listen on; unset: all.
- `LLMWORKER_OPENAI_PORT`, `LLMWORKER_ADMIN_PORT`: their ports; unset: those that probes and Service know.
- `LLMWORKER_TERMINATION_LOG`: where the cause of a failure is left; unset: where the kubelet looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmworker_contract import endpoints
from llmworker_contract.codec import BadEnvironment, Problem, parse
from llmworker_contract.engines import EngineProfile, names, profile
from llmworker_contract.settings import Settings

HOST_VARIABLE: Final = "LLMWORKER_HOST"
OPENAI_PORT_VARIABLE: Final = "LLMWORKER_OPENAI_PORT"
ADMIN_PORT_VARIABLE: Final = "LLMWORKER_ADMIN_PORT"
TERMINATION_LOG_VARIABLE: Final = "LLMWORKER_TERMINATION_LOG"

_EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a pod is reached from outside, that is what it is for
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True)
class Configuration:
    """What a worker was told, and where it listens."""

    settings: Settings
    profile: EngineProfile
    host: str = _EVERY_ADDRESS
    openai_port: int = endpoints.OPENAI_PORT
    admin_port: int = endpoints.ADMIN_PORT

    @property
    def served_name(self) -> str:
        """The name by which requests ask for the model."""
        name = self.settings.openai.served_model_name_override or self.settings.model.name
        if name is None:
            raise ValueError("these settings name no model, so no environment was parsed to them")
        return name

    @property
    def engine_url(self) -> str:
        """Where this machine reaches the engine's server."""
        host = "127.0.0.1" if self.host == _EVERY_ADDRESS else self.host
        return f"http://{host}:{self.openai_port}"


def configuration(environ: Mapping[str, str]) -> Configuration:
    """What the environment states. Raises `BadEnvironment` with every problem found."""
    problems: list[Problem] = []
    settings = None
    try:
        settings = parse(environ)
    except BadEnvironment as error:
        problems += error.problems
    openai_port = _port(environ, OPENAI_PORT_VARIABLE, endpoints.OPENAI_PORT, problems)
    admin_port = _port(environ, ADMIN_PORT_VARIABLE, endpoints.ADMIN_PORT, problems)
    engine = _profile(environ, problems)
    if settings is None or engine is None or problems:
        raise BadEnvironment(tuple(problems))
    host = environ.get(HOST_VARIABLE) or _EVERY_ADDRESS
    return Configuration(settings, engine, host, openai_port, admin_port)


def termination_log(environ: Mapping[str, str]) -> Path:
    """Where to leave the cause of a failure. Asked for by itself, since it must work in a bad environment."""
    return Path(environ.get(TERMINATION_LOG_VARIABLE) or endpoints.TERMINATION_LOG)


def _port(environ: Mapping[str, str], name: str, default: int, problems: list[Problem]) -> int:
    text = environ.get(name)
    if not text:
        return default
    if text.isascii() and text.isdigit() and 0 < int(text) <= _HIGHEST_PORT:
        return int(text)
    problems.append(Problem(name, f"expected a port from 1 to {_HIGHEST_PORT}, got {text!r}"))
    return default


def _profile(environ: Mapping[str, str], problems: list[Problem]) -> EngineProfile | None:
    name = environ.get(endpoints.PROFILE_VARIABLE)
    if name in names():
        return profile(name)
    given = f"got {name!r}" if name else "it is not set"
    message = f"expected the engine profile of this image, one of {', '.join(names())}, but {given}"
    problems.append(Problem(endpoints.PROFILE_VARIABLE, message))
    return None
