"""Asking workers how far they are, over real sockets; and when it is worth it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web

from assets.pods import CREATED, pod_body, running, waiting
from llmworker_contract import endpoints
from llmworker_operator.asking import Asker, again, look
from llmworker_operator.conditions import Look
from llmworker_operator.pods import pod

BORN = datetime.fromisoformat(CREATED.replace("Z", "+00:00"))
LOADS = pod_body("a", container=running(), podIP="127.0.0.1")


@asynccontextmanager
async def worker(monkeypatch: pytest.MonkeyPatch, status: int, text: str, wait: float = 0) -> AsyncIterator[None]:
    """A worker's admin port on loopback."""

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(wait)
        return web.Response(status=status, text=text)

    app = web.Application()
    app.add_routes([web.get(endpoints.STARTUPZ, answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(endpoints, "ADMIN_PORT", runner.addresses[0][1])
    try:
        yield
    finally:
        await runner.cleanup()


async def asked(*bodies: dict[str, Any]) -> dict[str, Look]:
    asker = Asker()
    try:
        return await asker([pod(body) for body in bodies])
    finally:
        await asker.close()


async def test_a_worker_that_loads_tells_its_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"phase": "loading_weights", "percent": 47, "detail": ""})
    async with worker(monkeypatch, 503, text):
        assert await asked(LOADS) == {"uid-a": Look("loading_weights", 40)}


async def test_one_that_has_been_ready_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"phase": "unhealthy", "percent": None, "detail": "no token for 300 s"})
    async with worker(monkeypatch, 200, text):
        assert await asked(LOADS) == {"uid-a": Look("unhealthy", detail="no token for 300 s", loaded=True)}


@pytest.mark.parametrize(
    ("text", "wait"), [("<html>", 0), ("[]", 0), ('{"phase": 3}', 0), ("{", 0), ('{"phase": "ready"}', 1.5)]
)
async def test_one_that_says_nothing_of_use_is_left_out(
    monkeypatch: pytest.MonkeyPatch, text: str, wait: float
) -> None:
    async with worker(monkeypatch, 200, text, wait):
        assert await asked(LOADS) == {}


async def test_one_that_cannot_be_reached_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ADMIN_PORT", 1)
    assert await asked(LOADS) == {}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pod_body("a", ready=True, container=running(), podIP="127.0.0.1"), id="it serves"),
        pytest.param(pod_body("a", container=waiting("CrashLoopBackOff"), podIP="127.0.0.1"), id="it does not run"),
        pytest.param(pod_body("a", container=running()), id="it has no address"),
    ],
)
async def test_nobody_else_is_asked(monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]) -> None:
    async with worker(monkeypatch, 200, '{"phase": "ready"}'):
        assert await asked(body) == {}


def test_percents_are_told_in_steps() -> None:
    found = [look({"phase": "downloading", "percent": percent}, loaded=False) for percent in (0, 9, 10, 99, 100)]
    assert [each.percent for each in found if each] == [0, 0, 10, 90, 100]


@pytest.mark.parametrize(
    ("body", "age", "seconds"),
    [
        pytest.param(LOADS, 0, 5.0, id="young"),
        pytest.param(LOADS, 300, 30.0, id="older"),
        pytest.param(LOADS, 9000, 60.0, id="old"),
        pytest.param(pod_body(phase="Pending", container=waiting("ContainerCreating")), 1, 5.0, id="being set up"),
        pytest.param(pod_body(phase="Pending", container=waiting("ContainerCreating")), 99, 9.9, id="for long"),
        pytest.param(pod_body(container=waiting("ImagePullBackOff")), 99, None, id="the kubelet tells why"),
        pytest.param(pod_body(ready=True, container=running(), podIP="1.2.3.4"), 1, None, id="it serves"),
        pytest.param(pod_body(node=None, phase="Pending"), 1, None, id="the scheduler tells why"),
        pytest.param(pod_body(phase="Failed"), 1, None, id="it is over"),
    ],
)
def test_when_to_look_again(body: dict[str, Any], age: float, seconds: float | None) -> None:
    assert again([pod(body)], BORN + timedelta(seconds=age)) == seconds
    assert again([], BORN.astimezone(timezone.utc)) is None
