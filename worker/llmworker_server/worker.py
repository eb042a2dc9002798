"""One worker: the admin app and the supervised engine in one event loop, from start to exit code."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import uvicorn

from llmworker_contract.argv import unsupported
from llmworker_server import admin, termination
from llmworker_server.command import command
from llmworker_server.configuration import Configuration
from llmworker_server.engine_client import engine_client
from llmworker_server.failure import Failure
from llmworker_server.state import State
from llmworker_server.supervisor import Supervisor


class _AdminServer(uvicorn.Server):
    """uvicorn without signal handlers: a signal is for the supervisor, and probes are answered until the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def work(configuration: Configuration, environ: Mapping[str, str], termination_log: Path) -> int:
    """Run the worker. The exit code: 0 if it was asked to end, else 1, with the cause left for Kubernetes."""
    for variable in unsupported(configuration.settings, configuration.profile):
        print(f"llmworker: {variable.name} has no effect: this vLLM has no such argument", flush=True)
    try:
        listener = socket.create_server((configuration.host, configuration.admin_port))
    except OSError as error:
        return _failed(_admin_port_in_use(configuration, error), termination_log)
    started = command(configuration, environ)
    print(f"llmworker: starting {' '.join(started.argv)}", flush=True)
    state = State()
    async with engine_client(configuration.engine_url, configuration.served_name) as client:
        supervisor = Supervisor(started, client, state)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stop)
        async with _served(state, configuration, listener):
            cause = await supervisor.run()
    if cause is not None:
        return _failed(cause, termination_log)
    print("llmworker: the engine has ended as asked", flush=True)
    return 0


@contextlib.asynccontextmanager
async def _served(state: State, configuration: Configuration, listener: socket.socket) -> AsyncIterator[None]:
    """The admin app answers as long as this is entered."""
    config = uvicorn.Config(
        admin.app(state, configuration),
        lifespan="off",
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


def _failed(cause: Failure, termination_log: Path) -> int:
    print(f"llmworker: {cause}", flush=True)
    termination.write(termination_log, cause)
    return 1


def _admin_port_in_use(configuration: Configuration, error: OSError) -> Failure:
    return Failure(
        "PortInUse",
        f"The admin port {configuration.admin_port} can not be listened on: {error}.",
        "Nothing else may listen there in the pod.",
        1,
    )
