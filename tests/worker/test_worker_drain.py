"""What clients see of a worker's end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.batching import TokenBatching
from llmworker_server.middleware.drain import Drain
from llmworker_server.middleware.schedule import Schedule
from llmworker_server.scoreboard import Scoreboard, Slot

CHAT = "/v1/chat/completions"


class Engine:
    """Begins an answer of a content type, if any, and goes on until it may end."""

    def __init__(self, content_type: bytes | None = b"text/event-stream", error: Exception | None = None) -> None:
        self.content_type = content_type
        self.error = error
        self.end = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self.content_type is not None:
                await self._begin(send)
                await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
            await self.end.wait()
            if self.error:
                raise self.error
            if self.content_type is None:
                await self._begin(send)
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _begin(self, send: Send) -> None:
        headers = [(b"content-type", self.content_type or b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


@asynccontextmanager
async def asked(
    application: Application, path: str = CHAT, method: str = "POST"
) -> AsyncIterator[tuple["asyncio.Task[None]", list[Message]]]:
    """A request, and what has been answered so far; the client never goes."""
    messages: list[Message] = []

    async def receive() -> Message:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    task = asyncio.ensure_future(application(scope, receive, send))
    await asyncio.sleep(0.05)
    try:
        yield task, messages
    finally:
        task.cancel()


def error(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message["body"])["error"]
    return found


async def test_running_requests_are_counted_until_they_are_answered() -> None:
    engine, board = Engine(), Scoreboard()
    async with asked(Drain(engine, board)) as (first, _), asked(Drain(engine, board)) as (second, _):
        assert board[Slot.RUNNING] == 2
        engine.end.set()
        await asyncio.gather(first, second)
        assert board[Slot.RUNNING] == 0
    assert board.answers() == {200: 2}


@pytest.mark.parametrize("how", ["the client goes", "the application fails"])
async def test_no_count_is_left(how: str) -> None:
    engine, board = Engine(error=RuntimeError("broken")), Scoreboard()
    async with asked(Drain(engine, board)) as (task, _):
        if how == "the client goes":
            task.cancel()
        engine.end.set()
        with pytest.raises((RuntimeError, asyncio.CancelledError)):
            await task
        await asyncio.sleep(0)
    assert board[Slot.RUNNING] == 0
    assert engine.cancelled == (how == "the client goes")


async def test_streams_are_told_apart() -> None:
    board = Scoreboard()
    async with asked(Drain(Engine(), board)), asked(Drain(Engine(None), board)):
        await asyncio.sleep(0.15)
        assert (board[Slot.RUNNING], board[Slot.STREAMS]) == (2, 1)


async def test_draining_refuses_new_work_and_lets_open_streams_end() -> None:
    engine, board = Engine(), Scoreboard()
    drain = Drain(engine, board)
    async with asked(drain) as (task, messages):
        board[Slot.DRAINING] = 1
        async with asked(drain) as (_, (start, body)):
            assert start["status"] == 503
            assert {(b"retry-after", b"2"), (b"connection", b"close")} <= set(start["headers"])
            assert error(body)["code"] == "worker_ending"
        engine.end.set()
        await task
        assert [message.get("body") for message in messages[1:]] == [b"data: 1\n\n", b"data: [DONE]\n\n"]
    assert board.answers() == {200: 1, 503: 1}


async def test_what_computes_nothing_is_answered_while_draining_and_closes_its_connection() -> None:
    board = Scoreboard()
    board[Slot.DRAINING] = 1
    engine = Engine(None)
    engine.end.set()
    async with asked(Drain(engine, board), "/v1/models", "GET") as (_, (start, _)):
        assert start["status"] == 200
        assert (b"connection", b"close") in start["headers"]


@pytest.mark.parametrize(
    ("content_type", "before", "after"),
    [(b"text/event-stream; charset=utf-8", b"data: ", b"\n\n"), (b"application/x-ndjson", b"[", b"]\n")],
)
async def test_an_open_stream_is_ended_with_an_error_that_says_so(
    content_type: bytes, before: bytes, after: bytes
) -> None:
    engine, board = Engine(content_type), Scoreboard()
    async with asked(Drain(engine, board)) as (task, messages):
        board[Slot.DRAINING] = board[Slot.ENDING] = 1
        await asyncio.wait_for(task, 1)
        assert engine.cancelled == 1
        last = messages[-1]
        assert last["body"].startswith(before)
        assert last["body"].endswith(after)
        assert not last["more_body"]
        told = json.loads(last["body"].removeprefix(before).removesuffix(after))["error"]
        assert (told["code"], told["type"]) == ("worker_ending", "server_error")
        assert "DRAIN_TIMEOUT_SECONDS" in told["message"]


async def test_tokens_held_back_come_before_the_error() -> None:
    board = Scoreboard()
    batching = TokenBatching(Engine(), Schedule(largest=50, first=50, growth=1))
    async with asked(Drain(batching, board)) as (task, messages):
        board[Slot.ENDING] = 1
        await asyncio.wait_for(task, 1)
        assert [message["body"][:9] for message in messages[1:]] == [b"data: 1\n\n", b'data: {"e']


async def test_a_request_whose_answer_has_not_begun_gets_503() -> None:
    board = Scoreboard()
    async with asked(Drain(Engine(None), board)) as (task, messages):
        board[Slot.ENDING] = 1
        await asyncio.wait_for(task, 1)
        start, body = messages
        assert start["status"] == 503
        assert error(body)["code"] == "worker_ending"


async def test_an_answer_that_has_no_place_for_an_error_is_cut() -> None:
    """The server closes the connection of an answer without its end, so that the client sees it is not whole."""
    board = Scoreboard()
    async with asked(Drain(Engine(b"application/json"), board)) as (task, messages):
        board[Slot.ENDING] = 1
        await asyncio.wait_for(task, 1)
        assert [message.get("more_body") for message in messages[1:]] == [True]


async def test_the_next_requests_are_watched_as_well() -> None:
    engine, board = Engine(), Scoreboard()
    drain = Drain(engine, board)
    engine.end.set()
    async with asked(drain) as (task, _):
        await task
    await asyncio.sleep(0.2)
    engine.end.clear()
    async with asked(drain) as (task, _):
        board[Slot.ENDING] = 1
        await asyncio.wait_for(task, 1)
