"""The operator as a process of its own against a rig, as its pod would run it."""

import subprocess
import sys
from pathlib import Path

from assets.waiting import until
from cluster.rig import Rig


class OperatorProcess:
    """Started and stopped by a test; its log is kept over restarts."""

    def __init__(self, rig: Rig, log: Path, health_port: int) -> None:
        self._environment = {**rig.environment(), "LLMWORKER_HEALTH_PORT": str(health_port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until everything was listed and is watched."""
        with self._log.open("ab") as log:
            before = log.tell()
            command = [sys.executable, "-m", "llmworker_operator"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        until(lambda: b"watching" in self._log.read_bytes()[before:], "the operator watches")

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        assert self._process
        self._process.terminate()
        return self._process.wait(15)
