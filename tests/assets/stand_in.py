"""Small programs in the engine's place, for tests of what supervises it."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from llmworker_server.command import Command
from llmworker_server.engine_client import EngineClient
from llmworker_server.supervisor import Supervisor

FOREVER = "import time; time.sleep(600)"

GOOD_TOKEN = httpx.Response(200, json={"usage": {"completion_tokens": 1}})


def engine(program: str) -> Command:
    return Command((sys.executable, "-c", program), dict(os.environ))


class Server:
    """Answers as the engine's server would, by what its two attributes say."""

    def __init__(self) -> None:
        self.health = 200
        self.token = GOOD_TOKEN
        self.asked_for: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked_for.append(request.url.path)
        if self.health == 0:
            raise httpx.ConnectError("refused")
        return httpx.Response(self.health) if request.url.path == "/health" else self.token

    def client(self) -> EngineClient:
        http = httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(self))
        return EngineClient(http, "m")


async def until(condition: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def stopped(supervisor: Supervisor, running: Awaitable[object]) -> object:
    supervisor.stop()
    return await asyncio.wait_for(running, 10)
