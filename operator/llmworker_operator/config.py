"""What the operator is told by its own environment, read once at start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

_PORT: Final = re.compile(r"[0-9]{1,5}")
_HIGHEST_PORT: Final = 65535
_PREFIX: Final = "LLMWORKER_"


class BadConfig(ValueError):
    """The operator's environment cannot be understood; the message holds every problem, one a line."""


@dataclass(frozen=True)
class Config:
    """The operator's own settings. Each is `LLMWORKER_` and its name in capitals."""

    worker_repository: str = "llmworker/worker-vllm"
    """Where worker images are pulled from; the engine profile is the tag."""

    health_port: int = 8080
    """Port of /healthz and /readyz."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""


def config(environ: Mapping[str, str]) -> Config:
    """The operator's settings. Raises `BadConfig` with all problems, unknown names of ours among them."""
    known = {f"{_PREFIX}{field.name.upper()}": field.name for field in fields(Config)}
    problems = [
        f"{name}: is not a setting of the operator: expected one of {', '.join(known)}"
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name not in known
    ]
    given: dict[str, str] = {known[name]: text for name, text in environ.items() if name in known and text}
    port = given.pop("health_port", str(Config.health_port))
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _HIGHEST_PORT:
        problems.append(f"{_PREFIX}HEALTH_PORT: expected a port from 1 to 65535, got {port!r}")
    level = given.get("log_level", Config.log_level)
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        problems.append(f"{_PREFIX}LOG_LEVEL: expected DEBUG, INFO, WARNING or ERROR, got {level!r}")
    if problems:
        raise BadConfig("\n".join(problems))
    return Config(health_port=int(port), **given)
