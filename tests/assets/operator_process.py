"""The operator as a process of its own against a rig, as its pod would run it."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assets.waiting import until
from assets.worker_process import free_port
from cluster.rig import Rig


class OperatorProcess:
    """Started and stopped by a test; its log is kept over restarts. `settings`: further environment of it."""

    def __init__(self, rig: Rig, log: Path, settings: Mapping[str, str]) -> None:
        self._port = free_port()
        self._environment = {**rig.environment(), "LLMWORKER_HEALTH_PORT": str(self._port), **settings}
        self._log = log
        self._began = 0
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
        self.begin()
        until(lambda: self.says(words), f"the operator says: {words}")

    def begin(self, *arguments: str) -> None:
        """Start it, and return at once. `arguments`: Python's, in place of those that run the operator."""
        with self._log.open("ab") as log:
            self._began = log.tell()
            command = [sys.executable, *(arguments or ("-m", "llmworker_operator"))]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def says(self, words: str = "watching") -> bool:
        """Whether it has said so since its last start."""
        return words.encode() in self._log.read_bytes()[self._began :]

    def log(self) -> str:
        """All that it has said, over all of its starts."""
        return self._log.read_text()

    def stop(self) -> int:
        """Ask it to end; its exit status. One that does not is killed, and the test fails."""
        self.send(signal.SIGTERM)
        try:
            return self.ended(15)
        finally:
            self.kill()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, whatever that does."""
        assert self._process
        self._process.send_signal(number)

    def ended(self, seconds: float) -> int:
        """Its exit status, once it has ended by itself; fails where it has not in time."""
        assert self._process
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it, if it runs, whatever state it is in."""
        if self._process and self.alive:
            self._process.kill()
            self._process.wait(15)

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text of its health port; 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError:
            return 0, ""


@contextmanager
def running_operator(rig: Rig, folder: Path, **settings: str) -> Iterator[OperatorProcess]:
    """One that watches, and in the end stops as it should. The cluster has to know the definition."""
    operator = OperatorProcess(rig, folder / "operator.log", settings)
    operator.start()
    yield operator
    assert operator.stop() == 0
