"""The demo without a Kubernetes: the same manifest, rendered by the operator's own code, served by the same worker."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from assets.engine import engine_python
from llmworker_contract import endpoints
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.render.env import env

Say = Callable[[str], None]

_ROOT: Final = Path(__file__).parents[1]
_START: Final = 300.0


def environment(manifest: dict[str, Any], model: Path, ports: tuple[int, int], log: Path) -> dict[str, str]:
    """What the pod's container would be given, with the mounted model and the ports of this machine.

    Raises ValueError for a variable that only a cluster can give a value.
    """
    spec = LLMWorkerSpec.model_validate(manifest["spec"])
    given = {entry["name"]: entry.get("value") for entry in env(spec)}
    missing = sorted(name for name, value in given.items() if value is None)
    if missing:
        raise ValueError(f"{', '.join(missing)}: refers to an object of a cluster, and there is none")
    own = {
        "MODEL_NAME": str(model),
        endpoints.PROFILE_VARIABLE: spec.image.engine_profile().name,
        "LLMWORKER_HOST": "127.0.0.1",
        "LLMWORKER_OPENAI_PORT": str(ports[0]),
        "LLMWORKER_ADMIN_PORT": str(ports[1]),
        "LLMWORKER_TERMINATION_LOG": str(log),
        "PYTHONPATH": str(_ROOT / "worker"),
    }
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**inherited, **{name: str(value) for name, value in given.items()}, **own}


def serve(manifest: dict[str, Any], model: Path, question: str, say: Say) -> int:
    """Start the worker, ask it, stop it. Exit status 0 when the answer arrived in pieces."""
    name = manifest["metadata"]["name"]
    say("serving the same manifest as a process on this machine instead")
    python, ports = engine_python(), (_free_port(), _free_port())
    with tempfile.TemporaryDirectory() as folder:
        given = environment(manifest, model, ports, Path(folder) / "termination-log")
        worker = subprocess.Popen([python, "-m", "llmworker_server"], env=given)
        try:
            _wait(worker, f"http://127.0.0.1:{ports[1]}{endpoints.READYZ}")
            say(f"asking http://127.0.0.1:{ports[0]}/v1: {question}")
            chat = str(Path(__file__).parent / "chat.py")
            url = f"http://127.0.0.1:{ports[0]}/v1"
            return subprocess.run([sys.executable, chat, url, name, question], check=False).returncode
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(endpoints.TERMINATION_GRACE)
            say("the worker is stopped")


def _wait(worker: "subprocess.Popen[bytes]", url: str) -> None:
    """Until the worker is ready. Raises RuntimeError when it ended or took too long; it has said why by then."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if worker.poll() is not None:
            raise RuntimeError(f"the worker ended with exit status {worker.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  (our own address)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the worker is not ready after {_START:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
