"""Long-running processes of a rig: started apart from us, remembered by pid and start time, stopped by pid only."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_GRACE = 10.0


@dataclass(frozen=True)
class Daemon:
    """One process; the start time tells it from a later one with the same pid."""

    name: str
    pid: int
    started: int
    command: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.alive:
            os.kill(self.pid, number)


class Daemons:
    """The processes of one rig, kept in a file so that a later command can stop them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "daemons.json"
        self._logs = folder / "logs"

    def all(self) -> dict[str, Daemon]:
        """Name to process, alive or not, in the order of their start."""
        if not self._file.exists():
            return {}
        entries = json.loads(self._file.read_text())
        return {entry["name"]: Daemon(**{**entry, "command": tuple(entry["command"])}) for entry in entries}

    def start(self, name: str, command: list[str]) -> None:
        """Start a process with its output in logs/NAME.log."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("ab") as log, Path(os.devnull).open("rb") as nothing:
            streams = [(os.POSIX_SPAWN_DUP2, source.fileno(), target) for source, target in ((nothing, 0), (log, 1))]
            streams.append((os.POSIX_SPAWN_DUP2, log.fileno(), 2))
            # Spawned and not kept as a subprocess: it outlives this program by intent.
            pid = os.posix_spawnp(command[0], command, os.environ, file_actions=streams, setsid=True)
        started = start_time(pid)
        if started is None:
            raise RuntimeError(f"{name} ended at once: {self.log(name)}")
        self._keep({**self.all(), name: Daemon(name, pid, started, tuple(command))})

    def stop(self, name: str, *, hard: bool = False) -> None:
        """Stop a process and wait until it is gone; `hard` kills at once."""
        daemon = self.all().get(name)
        if daemon is None:
            return
        daemon.signal(signal.SIGKILL if hard else signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while daemon.alive:
            if time.monotonic() > deadline:
                daemon.signal(signal.SIGKILL)
                deadline += _GRACE
            _reap(daemon.pid)
            time.sleep(0.02)

    def restart(self, name: str) -> None:
        """Start a stopped process again with the same command."""
        self.start(name, list(self.all()[name].command))

    def log(self, name: str) -> str:
        """The end of a process's output."""
        path = self._logs / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def _keep(self, daemons: dict[str, Daemon]) -> None:
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps([asdict(daemon) for daemon in daemons.values()]))
        partial.rename(self._file)


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # an earlier command's child: init collects it
