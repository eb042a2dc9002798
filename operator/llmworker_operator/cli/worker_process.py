"""A worker as a process of this machine: started, looked at, asked to end, and never left behind."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from llmworker_contract import endpoints

_MODULE: Final = "llmworker_server"
_TIMEOUT: Final = 2.0
"""Seconds for an answer of the admin app."""

_NEEDED: Final = (_MODULE, "fastapi", "uvicorn", "httpx", "jinja2", "prometheus_client", "vllm")
_PROBE: Final = "import sys, importlib.util as u; print(*(n for n in sys.argv[1:] if u.find_spec(n) is None))"
"""Looks for packages without importing them, which takes vLLM 20 seconds."""

# A proxy of the environment is never asked for what is on this machine.
_HTTP: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WorkerProcess:
    """One worker, which runs while this is entered; on leaving it is ended with all that it had started.

    `log`: a descriptor for its log. Unset: our standard output.
    """

    def __init__(self, python: str, variables: Mapping[str, str], admin_url: str, log: int | None = None) -> None:
        self._admin_url = admin_url
        self._answered = False
        self._began = time.monotonic()
        # In a session of its own: Ctrl-C is for us alone to pass on, and what belongs to it can be found.
        self._process = subprocess.Popen(
            [python, "-m", _MODULE],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ask_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(endpoints.STOP_GRACE + endpoints.TERMINATION_MARGIN)
        self._process.kill()
        _kill_session(self._process.pid)
        self._process.wait()

    def ask_to_end(self) -> None:
        """Have it drain and end; asked again, at once."""
        self._process.send_signal(signal.SIGTERM)

    def exit_code(self, within: float = 0) -> int | None:
        """Wait so many seconds for its end. None while it runs; negative: the signal that ended it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(within)
        return None

    def status(self) -> dict[str, Any] | None:
        """How it is, as `/startupz` says it; None when it does not answer any more."""
        found = answer(self._admin_url + endpoints.STARTUPZ)
        if found is None and not self._answered:
            seconds = time.monotonic() - self._began
            return {"phase": "starting", "secondsInPhase": seconds, "seconds": seconds}
        self._answered = True
        return found

    def served_name(self) -> str:
        """The name by which requests ask for the model."""
        return str((answer(self._admin_url + endpoints.SETTINGS) or {}).get("servedModelName", ""))


def missing(python: str, variables: Mapping[str, str]) -> list[str]:
    """The packages that a worker needs and this interpreter does not find.

    Raises OSError, or `subprocess.SubprocessError`, if it is none.
    """
    command = [python, "-c", _PROBE, *_NEEDED]
    done = subprocess.run(
        command, env=dict(variables), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def answer(url: str, body: Mapping[str, Any] | None = None, key: str = "") -> dict[str, Any] | None:
    """The JSON object that the address answers with, whatever the status; None if there is none."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310  (our own address)
    try:
        with _HTTP.open(request, timeout=_TIMEOUT) as found:
            content = json.load(found)
    except urllib.error.HTTPError as error:
        content = _json(error.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return content if isinstance(content, dict) else None


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _kill_session(leader: int) -> None:
    """End what is left of the leader's processes: the engine has a group of its own, but not a session."""
    for pid in [int(path.name) for path in Path("/proc").glob("[0-9]*")]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)
