"""Token batching as ASGI middleware, around small applications."""

import asyncio
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.batching import TokenBatching
from llmworker_server.middleware.schedule import Schedule

GROWING = Schedule(largest=50, first=1, growth=3)
EVENT_STREAM = b"text/event-stream; charset=utf-8"


class ClientGoneError(Exception):
    pass


def events(count: int) -> list[bytes]:
    return [b"data: %d\n\n" % number for number in range(count)]


def app(
    chunks: Iterable[bytes],
    content_type: bytes = EVENT_STREAM,
    *headers: tuple[bytes, bytes],
    error: Exception | None = None,
) -> Application:
    """Answers with the chunks as vLLM does: each in a message of its own, then an empty last one."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        all_headers = [(b"content-type", content_type), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": all_headers})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if error:
            raise error
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return answer


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def sent(application: Application, scope_type: str = "http") -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await application({"type": scope_type}, receive, send)
    return messages


def bodies(messages: list[Message]) -> list[bytes]:
    return [message["body"] for message in messages if message["type"] == "http.response.body"]


def counts(messages: list[Message]) -> list[int]:
    return [body.count(b"\n\n") for body in bodies(messages)]


@pytest.mark.parametrize(
    ("count", "pieces"),
    [
        pytest.param(203, [1, 3, 9, 27, 50, 50, 50, 13], id="long answer"),
        pytest.param(3, [1, 2], id="rest goes out with the end"),
        pytest.param(4, [1, 3, 0], id="nothing left at the end"),
        pytest.param(0, [0], id="empty answer"),
    ],
)
async def test_events_go_out_in_growing_pieces(count: int, pieces: list[int]) -> None:
    messages = await sent(TokenBatching(app(events(count)), GROWING))
    assert counts(messages) == pieces
    assert b"".join(bodies(messages)) == b"".join(events(count))
    assert [m["more_body"] for m in messages[1:]] == [True] * (len(pieces) - 1) + [False]


@pytest.mark.parametrize("width", [1, 7, 100, 100_000])
async def test_the_servers_own_cuts_do_not_matter(width: int) -> None:
    whole = b"".join(events(203))
    chunks = [whole[at : at + width] for at in range(0, len(whole), width)]
    messages = await sent(TokenBatching(app(chunks), GROWING))
    assert counts(messages) == [1, 3, 9, 27, 50, 50, 50, 13]
    assert b"".join(bodies(messages)) == whole


async def test_an_event_without_an_end_is_not_lost() -> None:
    messages = await sent(TokenBatching(app([b"data: 1\n\ndata: 2\n\ndata: cut"]), GROWING))
    assert bodies(messages) == [b"data: 1\n\n", b"data: 2\n\ndata: cut"]


@pytest.mark.parametrize(
    "application",
    [
        pytest.param(app(events(9), b"application/json"), id="another content type"),
        pytest.param(app(events(9), EVENT_STREAM, (b"content-encoding", b"gzip")), id="compressed events"),
    ],
)
async def test_other_answers_pass_untouched(application: Application) -> None:
    assert await sent(TokenBatching(application, GROWING)) == await sent(application)


async def test_other_scopes_pass_untouched() -> None:
    seen: list[Any] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["type"], send))
        await send({"type": "lifespan.startup.complete"})

    assert await sent(TokenBatching(lifespan, GROWING), "lifespan") == [{"type": "lifespan.startup.complete"}]


async def test_what_was_held_back_goes_out_before_an_error() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    batching = TokenBatching(app(events(3), error=RuntimeError("engine died")), GROWING)
    with pytest.raises(RuntimeError, match="engine died"):
        await batching({"type": "http"}, receive, send)
    assert b"".join(bodies(messages)) == b"".join(events(3))
    assert all(message["more_body"] for message in messages[1:])


async def test_a_clients_disconnect_reaches_the_application() -> None:
    received: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(await receive())

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await TokenBatching(application, GROWING)({"type": "http"}, gone, send)
    assert received == [{"type": "http.disconnect"}]


async def test_an_error_of_sending_reaches_the_application() -> None:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise ClientGoneError

    with pytest.raises(ClientGoneError):
        await TokenBatching(app(events(9)), GROWING)({"type": "http"}, receive, send)


async def test_two_answers_at_a_time_do_not_mix() -> None:
    batching = TokenBatching(app(events(13)), GROWING)
    assert counts(await sent(batching)) == counts(await sent(batching)) == [1, 3, 9, 0]


def slow(*steps: bytes | float) -> Application:
    """Answers with the events and pauses."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", EVENT_STREAM)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for step in steps:
            if isinstance(step, bytes):
                await send({"type": "http.response.body", "body": step, "more_body": True})
            else:
                await asyncio.sleep(step)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return answer


TEN = Schedule(largest=10, first=10, growth=1)


async def test_events_that_wait_for_too_long_go_out_before_their_piece_is_full() -> None:
    one = b"data: 1\n\n"
    application = slow(one, one, 0.3, one, 0.3, one)
    assert counts(await sent(TokenBatching(application, TEN, max_wait=0.05))) == [2, 1, 1]
    assert counts(await sent(TokenBatching(application, TEN))) == [4]


async def test_a_piece_that_went_out_early_does_not_make_the_next_one_larger() -> None:
    batching = TokenBatching(slow(*events(2), 0.3, *events(9)), GROWING, max_wait=0.05)
    assert counts(await sent(batching)) == [1, 1, 3, 6]


async def test_half_an_event_never_goes_out_early() -> None:
    batching = TokenBatching(slow(b"data: 1\n\ndata", 0.3, b": 2\n\n"), TEN, max_wait=0.05)
    assert bodies(await sent(batching)) == [b"data: 1\n\n", b"data: 2\n\n"]


async def test_an_error_loses_nothing_of_what_is_on_its_way_early() -> None:
    """The client reads slowly: the early piece is still being sent when the engine fails."""
    got: list[bytes] = []

    async def engine(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", EVENT_STREAM)]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.sleep(0.1)
        raise ClientGoneError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(0.3)
            got.append(message["body"])

    with pytest.raises(ClientGoneError):
        await TokenBatching(engine, TEN, max_wait=0.05)({"type": "http"}, receive, send)
    assert got == [b"data: 1\n\n"]


async def test_what_could_not_be_sent_early_is_the_applications_to_know() -> None:
    bodies_sent = 0

    async def send(message: Message) -> None:
        nonlocal bodies_sent
        bodies_sent += message["type"] == "http.response.body"
        if bodies_sent == 1:
            raise ClientGoneError

    with pytest.raises(ClientGoneError):
        await TokenBatching(slow(*events(1), 0.2, *events(1)), TEN, max_wait=0.05)({"type": "http"}, receive, send)


async def test_a_full_piece_does_not_wait() -> None:
    batching = TokenBatching(slow(*events(10), 0.2, *events(10)), TEN, max_wait=0.1)
    assert counts(await sent(batching)) == [10, 10, 0]


def test_it_imports_no_server_and_no_engine() -> None:
    program = (
        "import sys, llmworker_server.middleware.installed\n"
        "print([m for m in ('vllm', 'torch', 'fastapi', 'starlette', 'httpx', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
