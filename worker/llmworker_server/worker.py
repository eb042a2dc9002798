"""One worker: the admin app and the supervised engine in one event loop, from start to exit code."""

import asyncio
import contextlib
import secrets
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from llmworker_contract.argv import files
from llmworker_contract.settings import Settings
from llmworker_contract.verdicts import not_honoured
from llmworker_server import admin, termination
from llmworker_server.command import Command, command
from llmworker_server.configuration import Configuration
from llmworker_server.engine_client import engine_client
from llmworker_server.failure import Failure
from llmworker_server.records import MARK_VARIABLE, say
from llmworker_server.scoreboard import FILE, Scoreboard
from llmworker_server.state import State
from llmworker_server.supervisor import DEFAULTS, Limits, Supervisor


class _AdminServer(uvicorn.Server):
    """uvicorn without signal handlers: a signal is for the supervisor, and probes are answered until the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def work(configuration: Configuration, environ: Mapping[str, str], termination_log: Path) -> int:
    """Run the worker. The exit code: 0 if it was asked to end, else 1, with the cause left for Kubernetes."""
    _tell_what_is_not_simply_honoured(configuration)
    try:
        listener = socket.create_server((configuration.host, configuration.admin_port))
    except OSError as error:
        return _failed(_admin_port_in_use(configuration, error), termination_log)
    with tempfile.TemporaryDirectory(prefix="llmworker-") as scratch:
        for name, content in files(configuration.settings).items():
            (Path(scratch) / name).write_text(content, encoding="utf-8")
        board = Scoreboard(Path(scratch) / FILE)
        marked = {**environ, MARK_VARIABLE: secrets.token_hex(16)}
        cause = await _supervised(command(configuration, marked, scratch=scratch), configuration, listener, board)
    if cause is not None:
        return _failed(cause, termination_log)
    say("the engine has ended as asked")
    return 0


def _tell_what_is_not_simply_honoured(configuration: Configuration) -> None:
    for variable, judged in not_honoured(configuration.settings, configuration.profile):
        say(f"{variable.name}: {judged.verdict}: {judged.detail}", "warning")


async def _supervised(
    started: Command, configuration: Configuration, listener: socket.socket, board: Scoreboard
) -> Failure | None:
    """Run the engine until it ends, with the admin app beside it. Why it did, or None if it was asked to."""
    say(f"starting {' '.join(started.argv)}")
    state = State()
    keys = configuration.settings.serving.api_keys_file
    async with engine_client(configuration.engine_url, configuration.served_name, keys) as client:
        supervisor = Supervisor(started, client, state, board, _limits(configuration.settings))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stop)
        async with _served(admin.app(state, configuration, board, client), listener):
            return await supervisor.run()


@contextlib.asynccontextmanager
async def _served(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    """The admin app answers as long as this is entered."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = _AdminServer(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _limits(settings: Settings) -> Limits:
    stated = {
        "drain_timeout": settings.serving.drain_timeout_seconds,
        "hang_timeout": settings.serving.hang_timeout_seconds,
    }
    return replace(DEFAULTS, **{name: float(value) for name, value in stated.items() if value is not None})


def _failed(cause: Failure, termination_log: Path) -> int:
    termination.tell(termination_log, cause)
    return 1


def _admin_port_in_use(configuration: Configuration, error: OSError) -> Failure:
    return Failure(
        "PortInUse",
        f"The admin port {configuration.admin_port} can not be listened on: {error}.",
        "Nothing else may listen there in the pod.",
        1,
    )
