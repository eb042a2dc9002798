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

from llmworker_contract.argv import engine_args
from llmworker_server.configuration import Configuration
from llmworker_server.middleware import installed

# Named through the class itself: a wrong import path would show only after a whole model was loaded.
MIDDLEWARE: Final = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in (installed.Batching,))

SERVER_MODULE: Final = "vllm.entrypoints.openai.api_server"
"""The same in every profile; the `vllm` script is broken in some builds."""

_POLICY: Final = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""Nothing is reported to anybody, unless the environment says otherwise."""


@dataclass(frozen=True)
class Command:
    """A program to run."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]


def command(configuration: Configuration, environ: Mapping[str, str], python: str = sys.executable) -> Command:
    """The command of vLLM's own OpenAI server with our middleware in it."""
    argv = (
        python,
        "-m",
        SERVER_MODULE,
        *engine_args(configuration.settings, configuration.profile),
        f"--host={configuration.host}",
        f"--port={configuration.openai_port}",
        *(f"--middleware={path}" for path in MIDDLEWARE),
    )
    return Command(argv, _child_environ(configuration, environ))


def _child_environ(configuration: Configuration, environ: Mapping[str, str]) -> dict[str, str]:
    token = configuration.settings.model.hf_token
    child = _POLICY | dict(configuration.profile.environment) | dict(environ) | {"PYTHONUNBUFFERED": "1"}
    # HF_TOKEN=None means unset in the document, but the hub's client would send the word as a token.
    child.pop("HF_TOKEN", None)
    if token is not None:
        child["HF_TOKEN"] = token.get_secret_value()
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
