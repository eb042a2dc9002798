"""The limit on concurrent requests: around small applications, and in a real server where connections matter."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from llmworker_server.middleware.admission import ConcurrencyLimit, generates
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send

CHAT = "/v1/chat/completions"


class Engine:
    """An application that streams one part of each answer, then waits until it is told to end or the client goes."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.error: Exception | None = None
        self.working = 0
        self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await self._ended_or_gone(receive)
            if self.error:
                raise self.error
            await send({"type": "http.response.body", "body": b"b"})
        finally:
            self.working -= 1

    async def _ended_or_gone(self, receive: Receive) -> None:
        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        waiting = {asyncio.create_task(gone()), asyncio.create_task(self.end.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()


async def receive() -> Message:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


async def sent(application: Application, path: str = CHAT, method: str = "POST", kind: str = "http") -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await asyncio.wait_for(application({"type": kind, "method": method, "path": path}, receive, send), 10)
    return messages


async def status(application: Application, path: str = CHAT, method: str = "POST") -> int:
    answered: int = (await sent(application, path, method))[0]["status"]
    return answered


async def until(condition: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def busy(limit: ConcurrencyLimit, engine: Engine, requests: int) -> AsyncIterator[list[asyncio.Task[int]]]:
    """Inside, that many requests are being answered; at the end they are told to end."""
    running = [asyncio.create_task(status(limit)) for _ in range(requests)]
    await until(lambda: engine.working == requests)
    yield running
    engine.end.set()
    await asyncio.wait(running)


@asynccontextmanager
async def served(application: Application) -> AsyncIterator[str]:
    """A real server of the application, at the address."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", ws="none", log_level="critical"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def test_one_more_than_the_limit_is_refused_at_once_as_openai_does() -> None:
    engine = Engine()
    limit = ConcurrencyLimit(engine, 2)
    async with busy(limit, engine, 2):
        start, body = await sent(limit)
    headers = dict(start["headers"])
    error = json.loads(body["body"])["error"]
    assert (start["status"], headers[b"retry-after"], body["more_body"]) == (429, b"1", False)
    assert headers[b"content-type"] == b"application/json"
    assert int(headers[b"content-length"]) == len(body["body"])
    assert error.pop("message").startswith("This worker answers at most 2 requests at a time (MAX_CONCURRENCY)")
    assert error == {"type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}


async def test_under_concurrency_exactly_the_limit_is_admitted() -> None:
    engine = Engine()
    asyncio.get_running_loop().call_later(0.2, engine.end.set)
    transport = httpx.ASGITransport(ConcurrencyLimit(engine, 7))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        for _ in range(3):
            answers = await asyncio.gather(*(client.post(CHAT) for _ in range(50)))
            assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 43
            engine.end.clear()
            asyncio.get_running_loop().call_later(0.2, engine.end.set)
    assert (engine.most, engine.working) == (7, 0)


async def ends(running: asyncio.Task[int], engine: Engine) -> None:
    engine.end.set()


async def raises(running: asyncio.Task[int], engine: Engine) -> None:
    engine.error = RuntimeError("engine died")
    engine.end.set()


async def is_cancelled(running: asyncio.Task[int], engine: Engine) -> None:
    running.cancel()


@pytest.mark.parametrize("ending", [ends, raises, is_cancelled])
async def test_a_place_is_free_again_when_a_request(
    ending: Callable[[asyncio.Task[int], Engine], Awaitable[None]],
) -> None:
    engine = Engine()
    limit = ConcurrencyLimit(engine, 1)
    async with busy(limit, engine, 1) as (running,):
        assert await status(limit) == 429
        await ending(running, engine)
        await asyncio.wait({running})
        engine.error = None
        engine.end.set()
        assert await status(limit) == 200
        assert await status(limit) == 200


async def test_an_error_reaches_the_server() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("engine died")

    with pytest.raises(RuntimeError, match="engine died"):
        await sent(ConcurrencyLimit(broken, 1))


async def test_who_has_the_end_of_an_answer_finds_a_place_whatever_the_application_still_does() -> None:
    after: list[int] = []

    async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"all"})
        if not after:
            after.append(0)
            after[0] = await status(limit)

    limit = ConcurrencyLimit(lingering, 1)
    await sent(limit)
    assert after == [200]


@pytest.mark.parametrize(
    ("method", "path", "counted"),
    [
        pytest.param("POST", CHAT, True, id="chat"),
        pytest.param("POST", "/v1/completions", True, id="completions"),
        pytest.param("POST", "/v1/responses", True, id="responses"),
        pytest.param("POST", "/v1/messages", True, id="messages"),
        pytest.param("POST", "/v1/embeddings", True, id="embeddings"),
        pytest.param("POST", "/v1/audio/transcriptions", True, id="audio"),
        pytest.param("POST", "/v1/of/tomorrow", True, id="unknown below v1"),
        pytest.param("POST", "/invocations", True, id="invocations"),
        pytest.param("POST", "/pooling", True, id="pooling"),
        pytest.param("POST", "/v2/rerank", True, id="rerank"),
        pytest.param("POST", "/inference/v1/generate", True, id="tokens in, tokens out"),
        pytest.param("GET", "/v1/models", False, id="models"),
        pytest.param("GET", CHAT, False, id="chat by GET"),
        pytest.param("OPTIONS", CHAT, False, id="a browser's question before a chat"),
        pytest.param("GET", "/health", False, id="health"),
        pytest.param("GET", "/metrics", False, id="metrics"),
        pytest.param("GET", "/version", False, id="version"),
        pytest.param("POST", "/ping", False, id="ping"),
        pytest.param("POST", "/tokenize", False, id="tokenize"),
        pytest.param("POST", "/detokenize", False, id="detokenize"),
        pytest.param("POST", "/v1/messages/count_tokens", False, id="counting tokens"),
        pytest.param("POST", "/v1/chat/completions/render", False, id="the prompt of a chat"),
        pytest.param("POST", "/v1/responses/resp_1/cancel", False, id="cancelling"),
        pytest.param("POST", "/inference/v1/abort_requests", False, id="aborting"),
        pytest.param("POST", "/v1/load_lora_adapter", False, id="loading an adapter"),
    ],
)
async def test_what_counts(method: str, path: str, counted: bool) -> None:
    assert generates({"type": "http", "method": method, "path": path}) is counted
    engine = Engine()
    limit = ConcurrencyLimit(engine, 1)
    async with busy(limit, engine, 1):
        asking = asyncio.create_task(status(limit, path, method))
        await until(lambda: asking.done() or engine.working == 2)
    assert await asking == (429 if counted else 200)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_scopes_pass_untouched_even_at_the_limit(kind: str) -> None:
    engine = Engine()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await (engine(scope, receive, send) if scope["type"] == "http" else send({"type": scope["type"]}))

    limit = ConcurrencyLimit(application, 1)
    async with busy(limit, engine, 1):
        assert await sent(limit, kind=kind) == [{"type": kind}]


async def test_a_client_that_goes_frees_its_place() -> None:
    engine = Engine()
    async with served(ConcurrencyLimit(engine, 1)) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("POST", CHAT) as answer:
            assert await anext(answer.aiter_bytes()) == b"a"
            assert (await client.post(CHAT)).status_code == 429
        await until(lambda: engine.working == 0)
        engine.end.set()
        assert (await client.post(CHAT)).status_code == 200


async def test_a_refused_body_of_any_size_leaves_the_connection_usable() -> None:
    engine = Engine()
    async with (
        served(ConcurrencyLimit(engine, 1)) as url,
        httpx.AsyncClient(base_url=url) as first,
        httpx.AsyncClient(base_url=url) as second,
    ):
        async with first.stream("POST", CHAT):
            answers = [await second.post(CHAT, content=bytes(5_000_000)), await second.post(CHAT)]
            engine.end.set()
        answers.append(await second.post(CHAT, content=bytes(5_000_000)))
        assert [answer.status_code for answer in answers] == [429, 429, 200]
        assert len({id(answer.extensions["network_stream"]) for answer in answers}) == 1
