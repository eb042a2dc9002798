"""What is sent, and what is not any longer. The real API server answers in the tests that are marked l1."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client

from llmworker_operator.cluster import LEASES, ApiError, Cluster

MANIFEST = {"kind": "Service", "metadata": {"namespace": "n", "name": "a"}}
LEASE = {"metadata": {"namespace": "n", "name": "l"}}


class Server:
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        self.got: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(f"{request.method} {request.path}")
        return web.json_response({})


@pytest.fixture
async def reached(unused_tcp_port: int) -> AsyncIterator[tuple[Cluster, Server, list[tuple[str, int]]]]:
    server, answers = Server(), []
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    cluster = Cluster(
        client.Configuration(host=f"http://127.0.0.1:{unused_tcp_port}"), lambda *answer: answers.append(answer)
    )
    yield cluster, server, answers
    await cluster.close()
    await runner.cleanup()


def left(*seconds: float) -> Any:
    """What each look finds, one after the other."""
    found: Iterator[float] = iter(seconds)
    return lambda: next(found)


async def test_a_write_goes_out_while_there_is_time(reached: Any) -> None:
    cluster, server, answers = reached
    cluster.may_write_for = left(5.0, 4.0)
    await cluster.apply(MANIFEST)
    assert server.got == ["PATCH /api/v1/namespaces/n/services/a"]
    assert answers == [("PATCH", 200)]


@pytest.mark.parametrize("found", [(0.0,), (5.0, 0.0)], ids=["at the first look", "frozen after the first look"])
async def test_a_write_does_not_go_out_when_the_time_is_over(reached: Any, found: tuple[float, ...]) -> None:
    cluster, server, _ = reached
    cluster.may_write_for = left(*found)
    with pytest.raises(ApiError) as refused:
        await cluster.apply(MANIFEST)
    assert refused.value.status == 0
    assert server.got == []


async def test_the_lease_itself_and_reads_are_not_held_back(reached: Any) -> None:
    cluster, server, _ = reached
    cluster.may_write_for = left()
    await cluster.create(LEASES, LEASE)
    await cluster.replace(LEASES, LEASE)
    await cluster.read(LEASES, "n", "l")
    path = "/apis/coordination.k8s.io/v1/namespaces/n/leases"
    assert server.got == [f"POST {path}", f"PUT {path}/l", f"GET {path}/l"]


async def test_no_answer_is_told_as_such(unused_tcp_port: int) -> None:
    answers: list[tuple[str, int]] = []
    cluster = Cluster(
        client.Configuration(host=f"http://127.0.0.1:{unused_tcp_port}"), lambda *answer: answers.append(answer)
    )
    with pytest.raises(ApiError, match="cannot be reached"):
        await cluster.answers()
    await cluster.close()
    assert answers == [("GET", 0)]
