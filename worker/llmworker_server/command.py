"""How the engine is started: its command line and its environment. Pure.

No secret is in the command line: it shows in process listings, and every vLLM logs its arguments.
"""

import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmworker_contract.argv import SCRATCH, engine_args
from llmworker_contract.spelling import REFUSED
from llmworker_server import scoreboard
from llmworker_server.configuration import Configuration
from llmworker_server.download import cache
from llmworker_server.middleware import installed

# Named through the class itself: a wrong import path would show only after a whole model was loaded.
MIDDLEWARE: Final = f"{installed.Layers.__module__}.{installed.Layers.__qualname__}"
"""What vLLM loads into its application."""

SERVER_MODULE: Final = "vllm.entrypoints.openai.api_server"
"""The same in every profile; the `vllm` script is broken in some builds."""

_POLICY: Final = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""Nothing is reported to anybody, unless the environment says otherwise."""


@dataclass(frozen=True)
class Command:
    """A program to run."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    model_cache: Path | None = None
    """Where it keeps models that it downloads."""


def command(
    configuration: Configuration, environ: Mapping[str, str], python: str = sys.executable, scratch: str = SCRATCH
) -> Command:
    """The command of vLLM's own OpenAI server with our middleware in it; `scratch` holds the files it refers to."""
    argv = (
        python,
        "-m",
        SERVER_MODULE,
        *engine_args(configuration.settings, configuration.profile, scratch),
        f"--host={configuration.host}",
        f"--port={configuration.openai_port}",
        f"--middleware={MIDDLEWARE}",
        "--uvicorn-log-level=warning",  # its line about each request is our record's affair
    )
    board = {scoreboard.VARIABLE: f"{scratch}/{scoreboard.FILE}"}
    child = _child_environ(configuration, environ) | board
    return Command(argv, child, cache(child, configuration.settings.model.download_dir))


def _child_environ(configuration: Configuration, environ: Mapping[str, str]) -> dict[str, str]:
    settings = configuration.settings
    child = _POLICY | dict(configuration.profile.environment) | dict(environ) | {"PYTHONUNBUFFERED": "1"}
    # "None" and blanks around a secret mean nothing in the document, but those who read it there would take them in.
    for name in ("HF_TOKEN", *REFUSED):
        child.pop(name, None)
    if settings.model.hf_token is not None:
        child["HF_TOKEN"] = settings.model.hf_token.get_secret_value()
    path = _module_path(environ.get("PYTHONPATH", ""))
    return child | ({"PYTHONPATH": path} if path else {})


def _module_path(inherited: str) -> str:
    """PYTHONPATH on which the child finds our middleware from any working directory.

    An installed package is found anyway, and site-packages must not come before the standard library.
    """
    root = str(Path(__file__).parents[1])
    entries = [entry for entry in inherited.split(os.pathsep) if entry]
    if root == sysconfig.get_path("purelib") or root in entries:
        return os.pathsep.join(entries)
    return os.pathsep.join([root, *entries])
