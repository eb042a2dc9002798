"""The demo without a Kubernetes: the same manifest, rendered by the operator's own code, served by the same worker."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from assets.engine import engine_python
from assets.worker_process import free_port
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.cli.local import Environment, Place, environment
from llmworker_operator.cli.worker_process import WorkerProcess

Say = Callable[[str], None]

_ROOT: Final = Path(__file__).parents[1]
_START: Final = 300.0


def place(ports: tuple[int, int], log: Path, own: Mapping[str, str]) -> Place:
    """This machine, with the worker out of this checkout: the engine's interpreter has the engine only."""
    return Place({**own, "PYTHONPATH": str(_ROOT / "worker")}, str(log), openai_port=ports[0], admin_port=ports[1])


def prepared(manifest: dict[str, Any], model: Path, where: Place) -> Environment:
    """What the pod's container would be given, with the model of this machine in the place of the mounted one.

    Raises `BadEnvironment` for a variable that only a cluster can give a value.
    """
    return environment(LLMWorkerSpec.model_validate(manifest["spec"]), where, {"MODEL_NAME": str(model)})


def serve(manifest: dict[str, Any], model: Path, question: str, say: Say) -> int:
    """Start the worker, ask it, stop it. Exit status 0 when the answer arrived in pieces."""
    name = manifest["metadata"]["name"]
    say("serving the same manifest as a process on this machine instead")
    python, ports = str(engine_python()), (free_port(), free_port())
    with tempfile.TemporaryDirectory() as folder:
        where = place(ports, Path(folder) / "termination-log", os.environ)
        given = prepared(manifest, model, where)
        for note in given.notes:
            say(note)
        with WorkerProcess(python, given.variables, where.admin_url) as worker:
            _wait(worker)
            say(f"asking {where.url}: {question}")
            chat = str(Path(__file__).parent / "chat.py")
            status = subprocess.run([sys.executable, chat, where.url, name, question], check=False).returncode
    say("the worker is stopped")
    return status


def _wait(worker: WorkerProcess) -> None:
    """Until the worker is ready. Raises RuntimeError when it ended or took too long; it has said why by then."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        code = worker.exit_code(0.5)
        if code is not None:
            raise RuntimeError(f"the worker ended with exit status {code}")
        if (worker.status() or {}).get("ready"):
            return
    raise RuntimeError(f"the worker is not ready after {_START:.0f} s")
