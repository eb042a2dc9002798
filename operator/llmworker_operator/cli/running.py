"""`run`: a worker of a manifest on this machine, with its phases to watch, until somebody asks it to end."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from llmworker_contract import endpoints, engines
from llmworker_contract.problems import BadEnvironment
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.cli import telling
from llmworker_operator.cli.documents import Document, file_option, sound
from llmworker_operator.cli.following import Asked, followed
from llmworker_operator.cli.local import LOOPBACK, Environment, Place, environment, inherited
from llmworker_operator.cli.worker_process import WorkerProcess, missing

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_TAIL: Final = 65_536
"""Bytes of the log's end that are read for its last lines."""


def _assignments(_ctx: click.Context, _param: click.Parameter, texts: Sequence[str]) -> dict[str, str]:
    found = [_ASSIGNMENT.fullmatch(text) for text in texts]
    for match in found:
        if match is None:  # the text is not shown: it may hold a secret
            raise click.BadParameter("expected NAME=VALUE")
    return {match[1]: match[2] for match in found if match is not None}


_PORT: Final = click.IntRange(1, 65535)


@click.command()
@file_option
@click.option("--name", help="The LLMWorker of this name; needed where there are several.")
@click.option(
    "--set",
    "replaced",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_assignments,
    help="A variable of the worker in the place of the manifest's, several times if needed; no value unsets it.",
)
@click.option("--profile", type=click.Choice(engines.names()), help="The engine profile. Unset: the manifest's.")
@click.option("--python", default=sys.executable, help="The interpreter that has the worker and vLLM. Unset: this one.")
@click.option("--host", default=LOOPBACK, show_default=True, help="The address to listen on.")
@click.option("--port", type=_PORT, default=endpoints.OPENAI_PORT, show_default=True, help="The OpenAI API's port.")
@click.option("--admin-port", type=_PORT, default=endpoints.ADMIN_PORT, show_default=True, help="The admin app's port.")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="The file that the worker's log is added to; - is standard error. Unset: a temporary file.",
)
def run(
    *,
    paths: Sequence[str],
    name: str | None,
    replaced: dict[str, str],
    profile: str | None,
    python: str,
    host: str,
    port: int,
    admin_port: int,
    log: str | None,
) -> None:
    """Run the worker of an LLMWorker on this machine, in the environment that the operator would give it.

    Shows what it is doing, then its URL and a line to ask it with. Ctrl-C lets open requests end, a second one does
    not. What a Secret holds is taken from the variable of the same name in this command's own environment.

    \b
    Examples:
      llmworker run -f worker.yaml
      HF_TOKEN=… llmworker run -f worker.yaml --profile cpu --set MODEL_NAME=./model
    """
    document, spec = _chosen(paths, name)
    with tempfile.TemporaryDirectory(prefix="llmworker-") as folder:
        place = Place(
            own=_with_programs_of(python, os.environ),
            termination_log=str(Path(folder) / "termination-log"),
            profile=profile,
            host=host,
            openai_port=port,
            admin_port=admin_port,
            has_model_mount=Path(endpoints.MODEL_MOUNT).is_dir(),
        )
        found = _prepared(document.place, spec, place, replaced, python)
        raise click.exceptions.Exit(_served(document.owner.name, found, place, python, log))


def _served(name: str, found: Environment, place: Place, python: str, log: str | None) -> int:
    """Run the worker until it ends. The exit code."""
    with _log(log, name) as (output, path):
        click.echo(f"{name}: the worker's log goes to {path or 'standard error'}")
        for note in found.notes:
            click.secho(f"note: {note}", fg="yellow", err=True)
        with Asked() as asked, WorkerProcess(python, found.variables, place.admin_url, output) as worker:
            code = followed(worker, asked, found.variables, place, in_place=path is not None)
        return _told(code, Path(place.termination_log), path, asked=bool(asked.count))


def _chosen(paths: Sequence[str], name: str | None) -> tuple[Document, LLMWorkerSpec]:
    # What the engine refuses depends on what replaces the manifest's settings, and is told with all other problems.
    found = [document for document in sound(paths, for_engine=False) if name in {None, document.owner.name}]
    if not found:
        raise click.UsageError(f"no LLMWorker is named {name}")
    if len(found) > 1:
        raise click.UsageError(f"choose one with --name: {', '.join(document.owner.name for document in found)}")
    (document,) = found
    if document.spec is None:
        raise TypeError(f"{document.place} was taken for sound")
    return document, document.spec


def _prepared(where: str, spec: LLMWorkerSpec, place: Place, replaced: Mapping[str, str], python: str) -> Environment:
    """What the worker is started with. Ends with exit code 1, and every problem, if it cannot be."""
    found, problems = None, []
    try:
        found = environment(spec, place, replaced)
    except BadEnvironment as error:
        problems = [f"{where}: {problem}" for problem in error.problems]
    profile = engines.profile(place.profile) if place.profile else spec.image.engine_profile()
    problems += [*_interpreter_problems(python, place, profile), *_port_problems(place)]
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    if found is None or problems:
        raise click.exceptions.Exit(1)
    return found


def _interpreter_problems(python: str, place: Place, profile: engines.EngineProfile) -> Iterator[str]:
    try:
        absent = missing(python, inherited(place.own))
    except (OSError, subprocess.SubprocessError) as error:
        yield f"--python: {python} is no Python that can be started: {error}"
        return
    if absent:
        yield f"--python: {telling.lacking(python, absent, f'{profile.distribution}=={profile.vllm}')}"


def _port_problems(place: Place) -> Iterator[str]:
    with contextlib.ExitStack() as taken:
        for option, port in (("--port", place.openai_port), ("--admin-port", place.admin_port)):
            try:
                taken.enter_context(socket.create_server((place.host, port)))
            except OSError as error:
                why = str(error.strerror).partition(" (")[0]  # Python adds the address
                yield f"{option}: {place.host}:{port} cannot be listened on: {why}; choose another"


def _with_programs_of(python: str, own: Mapping[str, str]) -> dict[str, str]:
    """The environment with the interpreter's programs found first, as in an image: the engine looks for some."""
    folder = Path(shutil.which(python) or python).absolute().parent
    return {**own, "PATH": os.pathsep.join([str(folder), *([own["PATH"]] if own.get("PATH") else [])])}


@contextlib.contextmanager
def _log(choice: str | None, name: str) -> Iterator[tuple[int, Path | None]]:
    """Where the worker's log goes, and its path if it is a file."""
    if choice == "-":
        yield 2, None
        return
    try:
        if choice is None:
            descriptor, choice = tempfile.mkstemp(prefix=f"llmworker-{name}-", suffix=".log")
        else:
            descriptor = os.open(choice, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise click.BadParameter(f"{choice}: {error.strerror}", param_hint="--log") from error
    try:
        yield descriptor, Path(choice)
    finally:
        os.close(descriptor)


def _told(code: int, termination: Path, log: Path | None, *, asked: bool) -> int:
    """Say how it ended. The exit code for it."""
    if code == 0 or (asked and code == -signal.SIGTERM):  # so it ends before it can know of the signal
        click.echo("ended as asked")
        return 0
    message = _message(termination)
    if log is not None:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode(errors="replace")
        for line in telling.last_lines(text, message):
            click.secho(f"  {line}", dim=True, err=True)
        click.secho(f"the last lines of {log}", err=True)
    for line in telling.failed(code, message):
        click.secho(line, fg="red", err=True)
    return 1


def _message(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
