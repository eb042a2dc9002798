"""The two servers that are compared: the worker, and vLLM's own server with the same engine settings."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from assets.engine import engine_python
from assets.models import TINY_LLAMA
from assets.waiting import until
from assets.worker_process import ENGINE_ENVIRON, START_TIMEOUT, free_port, ready_environ, ready_worker
from llmworker_server.command import command
from llmworker_server.configuration import configuration

MODEL: Final = "tiny"
SETTINGS: Final = {"MAX_NUM_SEQS": "256", "DISABLE_LOG_REQUESTS": "1"}
_OURS: Final = ("--middleware", "--host", "--port", "--uvicorn-log-level")


@dataclass(frozen=True)
class Server:
    """One of them, ready."""

    port: int
    pid: int
    """Of the process that serves the OpenAI API; the engine has processes of its own."""

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def worker(folder: Path, **environ: str) -> Iterator[Server]:
    """The worker."""
    with ready_worker(folder, **SETTINGS, **environ) as started:
        serving = [pid for pid, name in started.pids().items() if "api_server" in name]
        yield Server(started.openai_port, serving[0])


@contextmanager
def plain(folder: Path, **environ: str) -> Iterator[Server]:
    """vLLM's own server."""
    port = free_port()
    own = {**ready_environ(TINY_LLAMA), **SETTINGS, **ENGINE_ENVIRON, **environ}
    told = configuration({**own, "LLMWORKER_ENGINE_PROFILE": "cpu"})
    ours = command(told, own, python=str(engine_python()), scratch=str(folder))
    argv = [part for part in ours.argv if not part.startswith(_OURS)]
    child = {name: value for name, value in ours.environ.items() if not name.startswith("LLMWORKER_")}
    with (folder / "plain.log").open("wb") as log:
        process = subprocess.Popen(
            [*argv, "--host=127.0.0.1", f"--port={port}"],
            env={**os.environ, **child},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: _ready(process, port), "vLLM's own server is ready", START_TIMEOUT)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"vLLM's own server ended with {process.returncode}")
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False
