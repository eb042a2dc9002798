"""The operator as a process of its own against a rig, as its pod would run it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assets.waiting import until
from assets.worker_process import free_port
from cluster.rig import Rig


class OperatorProcess:
    """Started and stopped by a test; its log is kept over restarts. `settings`: further environment of it."""

    def __init__(self, rig: Rig, log: Path, settings: Mapping[str, str]) -> None:
        self._environment = {**rig.environment(), "LLMWORKER_HEALTH_PORT": str(free_port()), **settings}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, words: str = "watching") -> None:
        """Start it and wait until it says these words; unless others are given, everything is listed and watched."""
        with self._log.open("ab") as log:
            before = log.tell()
            command = [sys.executable, "-m", "llmworker_operator"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        until(lambda: words.encode() in self._log.read_bytes()[before:], f"the operator says: {words}")

    def log(self) -> str:
        """All that it has said, over all of its starts."""
        return self._log.read_text()

    def stop(self) -> int:
        """Ask it to end; its exit status. One that does not is killed, and the test fails."""
        assert self._process
        self._process.terminate()
        try:
            return self._process.wait(15)
        finally:
            self._process.kill()


@contextmanager
def running_operator(rig: Rig, folder: Path, **settings: str) -> Iterator[OperatorProcess]:
    """One that watches, and in the end stops as it should. The cluster has to know the definition."""
    operator = OperatorProcess(rig, folder / "operator.log", settings)
    operator.start()
    yield operator
    assert operator.stop() == 0
