"""A worker on this machine, watched: its phases, how to ask it, and the signals that are for it."""

import contextlib
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click

from llmworker_operator.cli import telling
from llmworker_operator.cli.local import Place
from llmworker_operator.cli.worker_process import WorkerProcess, answer

_COLOURS: Final = {"ready": "green", "unhealthy": "red", "failed": "red"}
_LOOK: Final = 0.25
"""Seconds between two looks at the worker."""


class Asked:
    """Counts the signals that ask to end; it is for `followed` to pass them on."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Asked":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class _Display:
    """The phase: one line that is written anew on a terminal, else a line for each change."""

    def __init__(self, *, in_place: bool) -> None:
        self._in_place = in_place
        self._phase = ""

    def show(self, status: telling.Status) -> None:
        """Show it if it is news."""
        if self._in_place and not self._phase and status["phase"] != telling.READY:
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r{telling.now(status)[:width]}\x1b[K", nl=False)
        elif status["phase"] != self._phase:
            self.clear()
            self._phase = status["phase"]
            click.secho(telling.change(status), fg=_COLOURS.get(self._phase))

    def clear(self) -> None:
        """Take the line back that is written anew."""
        if self._in_place and not self._phase:
            click.echo("\r\x1b[K", nl=False)


def followed(worker: WorkerProcess, asked: Asked, variables: Mapping[str, str], place: Place, *, in_place: bool) -> int:
    """Show the worker's phases, and how to ask it once it is ready, until it ends. Its exit code."""
    display, introduced, passed_on = _Display(in_place=in_place and sys.stdout.isatty()), False, 0
    while (code := worker.exit_code(_LOOK)) is None:
        if passed_on < asked.count:
            worker.ask_to_end()
            passed_on += 1
        status = worker.status()
        if status is not None:
            display.show(status)
        if status is not None and status["phase"] == telling.READY and not introduced:
            introduced = _introduced(worker.served_name(), variables, place)
    display.clear()
    return code


def _introduced(model: str, variables: Mapping[str, str], place: Place) -> bool:
    """Say how to ask the worker. Whether it was said: not where the worker has not told its name."""
    if not model:
        return False
    keys = variables.get("API_KEYS_FILE", "")
    # Counting a chat's tokens fails where the model has no template of chats. A text it continues in any case, since
    # that is how the worker became ready.
    chat = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    counted = answer(f"{place.url.removesuffix('/v1')}/tokenize", chat, _key(keys))
    proxy = any(place.own.get(name) for name in ("http_proxy", "all_proxy", "ALL_PROXY"))
    line = telling.curl(place.url, model, chat="count" in (counted or {}), keys=bool(keys), proxy=proxy)
    click.echo(f"{place.url} serves {model}")
    if keys:
        click.echo(f"with one of the keys of {keys} in API_KEY:")
    click.secho(f"  {line}", fg="cyan")
    click.echo("Ctrl-C ends it")
    return True


def _key(path: str) -> str:
    """A key that holds; none where no keys are asked for."""
    if not path:
        return ""
    with contextlib.suppress(OSError):
        lines = (line.strip() for line in Path(path).read_text(errors="replace").splitlines())
        return next((line for line in lines if line), "")
    return ""
