"""A worker with the real engine on the CPU, as a process of this machine on loopback ports."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from assets.engine import engine_python
from assets.models import TINY_LLAMA, model_path

SOURCES: Final = Path(__file__).parents[2] / "worker"

ENGINE_ENVIRON: Final = {
    "HF_HUB_OFFLINE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "ENFORCE_EAGER": "1",
}
"""What the engine needs on a small machine: no hub, no compiler, a KV cache of 1 GiB, no graphs."""

START_TIMEOUT: Final = 240.0
"""Seconds. Three processes import torch, which takes 20 s on an idle machine and minutes on a busy one."""


@dataclass
class WorkerProcess:
    """One running worker."""

    process: subprocess.Popen[bytes]
    openai_port: int
    admin_port: int
    log_path: Path
    termination_path: Path
    phases: list[str] = field(default_factory=list)
    """The phases that `/startupz` has shown so far, each once, in order."""

    @property
    def url(self) -> str:
        """The OpenAI API."""
        return f"http://127.0.0.1:{self.openai_port}/v1"

    @property
    def log(self) -> str:
        """All that the worker has written."""
        return self.log_path.read_text(errors="replace")

    @property
    def termination(self) -> dict[str, Any]:
        """The message that it left."""
        content: dict[str, Any] = json.loads(self.termination_path.read_text())
        return content

    def admin(self, path: str) -> httpx.Response:
        """An answer of the admin app."""
        return httpx.get(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10, trust_env=False)

    def phase(self) -> str:
        """The phase now; empty while, or because, nobody answers."""
        try:
            shown = str(self.admin("/startupz").json()["phase"])
        except httpx.TransportError:
            return ""
        if shown not in self.phases:
            self.phases.append(shown)
        return shown

    def wait_for_phase(self, phase: str, timeout: float = START_TIMEOUT) -> None:
        """Wait until `/startupz` shows the phase. Raises AssertionError, with the log, if the worker ends before."""
        self._wait(lambda: self.phase() == phase, timeout, f"phase {phase}")

    def wait_for_end(self, timeout: float = START_TIMEOUT) -> int:
        """The worker's exit code, once it has ended."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s:\n{self.log[-3000:]}") from None

    def pids(self) -> dict[int, str]:
        """The worker's living processes, itself first, with their command lines."""
        found, names = [self.process.pid], {}
        for pid in found:
            if (name := _command_line(pid)) is not None:
                names[pid] = name
            found += _children(pid)
        return names

    def _wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                state = f"ended with {self.process.returncode}" if ended else f"not after {timeout} s"
                raise AssertionError(f"{what}: {state}:\n{self.log[-3000:]}")
            time.sleep(0.1)


@contextmanager
def worker_process(folder: Path, **environ: str) -> Iterator[WorkerProcess]:
    """Start a worker with these variables; end it, and whatever it left, on leaving."""
    openai_port, admin_port = free_port(), free_port()
    log, termination = folder / "worker.log", folder / "termination.json"
    own = {
        "PYTHONPATH": str(SOURCES),
        "LLMWORKER_ENGINE_PROFILE": "cpu",
        "LLMWORKER_HOST": "127.0.0.1",
        "LLMWORKER_OPENAI_PORT": str(openai_port),
        "LLMWORKER_ADMIN_PORT": str(admin_port),
        "LLMWORKER_TERMINATION_LOG": str(termination),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(engine_python()), "-m", "llmworker_server"],
            cwd=folder,
            env=os.environ | own | ENGINE_ENVIRON | environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    worker = WorkerProcess(process, openai_port, admin_port, log, termination)
    try:
        yield worker
    finally:
        left = worker.pids()
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            for pid in left:
                _kill(pid)
            process.wait(10)


def ready_environ(model: str) -> dict[str, str]:
    """The settings of `ready_worker`."""
    served = {"OPENAI_SERVED_MODEL_NAME_OVERRIDE": "tiny", "MAX_MODEL_LEN": "2048"}
    return {"MODEL_NAME": str(model_path(model)), **served}


@contextmanager
def ready_worker(folder: Path, model: str = TINY_LLAMA, **environ: str) -> Iterator[WorkerProcess]:
    """A worker that serves the model as `tiny` and may be asked."""
    with worker_process(folder, **ready_environ(model), **environ) as worker:
        worker.wait_for_phase("ready")
        yield worker


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def running(pids: dict[int, str]) -> dict[int, str]:
    """Those of the processes that still run under their names; a zombie does not."""
    return {pid: name for pid, name in pids.items() if _command_line(pid) == name}


def _command_line(pid: int) -> str | None:
    """None for a process that has ended; one that has and was not waited for has no command line."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text or None


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
