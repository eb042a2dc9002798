"""Overrides in a real server: what it makes of a body and its length, and who has gone."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import uvicorn

from llmworker_server.middleware.asgi import Message, Receive, Scope, Send
from llmworker_server.middleware.batching import TokenBatching
from llmworker_server.middleware.request import RequestBatching
from llmworker_server.middleware.schedule import Schedule

CHAT = "/v1/chat/completions"
FILLER = "a" * 3_000_000
ASKED = {"max_batch_size": 10, "prompt": FILLER, "min_batch_size": 4, "batch_size_growth_factor": 2}
LEFT = b'{"prompt":"%b"}' % FILLER.encode()


class Engine:
    """Answers a whole body with 35 events; if it says "wait", they end when the client goes."""

    def __init__(self) -> None:
        self.started = 0
        self.gone = 0
        self.body = b""
        self.head: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started += 1
        self.head, self.body = dict(scope["headers"]), b""
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            self.body += message.get("body", b"")
        if message["type"] == "http.request":
            await self._answer(receive, send)
        else:
            self.gone += 1

    async def _answer(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(35):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        if b"wait" in self.body:
            self.gone += (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b""})


async def until(condition: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server of the engine, batched as each request asks for."""
    batching = RequestBatching(Schedule(largest=50, first=1, growth=3), lambda asked: TokenBatching(engine, asked))
    server = uvicorn.Server(uvicorn.Config(batching, port=0, lifespan="off", ws="none", log_level="critical"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


def answered(answer: httpx.Response) -> int:
    return answer.content.count(b"\n\n")


async def test_a_large_body_arrives_with_the_length_that_is_left() -> None:
    async with served(engine := Engine()) as client:
        answer = await client.post(CHAT, json=ASKED)
    assert (answer.status_code, answered(answer)) == (200, 35)
    assert json.loads(engine.body) == {"prompt": FILLER}
    assert engine.body == LEFT
    assert engine.head[b"content-length"] == b"%d" % len(LEFT)


async def test_a_body_sent_in_chunks_has_no_length_before_and_none_after() -> None:
    async def parts() -> AsyncIterator[bytes]:
        whole = json.dumps(ASKED, separators=(",", ":")).encode()
        for at in range(0, len(whole), 700_001):
            yield whole[at : at + 700_001]

    async with served(engine := Engine()) as client:
        answer = await client.post(CHAT, content=parts(), headers={"content-type": "application/json"})
    assert (answer.status_code, answered(answer)) == (200, 35)
    assert engine.body == LEFT
    assert b"content-length" not in engine.head


async def test_a_refusal_leaves_the_connection_usable() -> None:
    async with served(engine := Engine()) as client:
        refused = await client.post(CHAT, json=ASKED | {"min_batch_size": 11})
        answer = await client.post(CHAT, json=ASKED)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "min_batch_size")
    assert (answer.status_code, engine.started) == (200, 1)
    assert len({id(a.extensions["network_stream"]) for a in (refused, answer)}) == 1


async def test_a_client_that_goes_during_its_answer_is_noticed() -> None:
    async with served(engine := Engine()) as client:
        async with client.stream("POST", CHAT, json={"prompt": "wait", "max_batch_size": 2}) as answer:
            pieces = answer.aiter_bytes()  # forgotten, it would close the connection
            await anext(pieces)
            await asyncio.sleep(0.05)
            assert engine.gone == 0
        await until(lambda: engine.gone == 1)


async def test_a_client_that_goes_while_sending_is_noticed() -> None:
    async with served(engine := Engine()) as client:
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n" % CHAT.encode())
        writer.write(b'{"max_batch_size": 1, ')
        await writer.drain()
        await asyncio.sleep(0.05)
        assert engine.started == 0
        writer.close()
        await until(lambda: engine.gone == 1)
