"""All layers together, as vLLM loads them: what the environment says reaches each."""

import asyncio
import json
from pathlib import Path

import pytest

from llmworker_server.middleware.asgi import Message, Receive, Scope, Send
from llmworker_server.middleware.installed import Layers
from llmworker_server.scoreboard import VARIABLE, Scoreboard, Slot

CHAT = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}


async def engine(scope: Scope, receive: Receive, send: Send) -> None:
    """Streams five events and ends."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(5):
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Never answers."""
    await asyncio.get_running_loop().create_future()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAW_OPENAI_OUTPUT", "MAX_CONCURRENCY", "DEFAULT_BATCH_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODEL_NAME", "m")


async def answer(layers: Layers) -> list[Message]:
    messages: list[Message] = []
    body = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> Message:
        return body.pop() if body else await asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        messages.append(message)

    await layers(dict(CHAT), receive, send)
    return messages


def sizes(messages: list[Message]) -> list[int]:
    return [message["body"].count(b"data: ") for message in messages[1:]]


async def test_batching_is_as_documented_by_default() -> None:
    assert sizes(await answer(Layers(engine))) == [1, 3, 1]


async def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_BATCH_SIZE", "2")
    layers = Layers(engine)
    monkeypatch.setenv("DEFAULT_BATCH_SIZE", "5")
    assert sizes(await answer(layers)) == [1, 2, 2, 0]


@pytest.mark.parametrize(
    ("raw", "content_type"), [("0", b"application/x-ndjson"), ("1", b"text/event-stream"), ("", b"text/event-stream")]
)
async def test_raw_output(raw: str, content_type: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAW_OPENAI_OUTPUT", raw)
    start, *_ = await answer(Layers(engine))
    assert (b"content-type", content_type) in start["headers"]


@pytest.mark.parametrize(("stated", "places"), [("3", 3), ("", 300)])
async def test_max_concurrency(stated: str, places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_CONCURRENCY", stated)
    layers = Layers(silent)
    waiting = [asyncio.create_task(answer(layers)) for _ in range(places)]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in waiting)
    refused, _ = await answer(layers)
    assert refused["status"] == 429
    for task in waiting:
        task.cancel()


async def test_a_token_is_a_sign_of_life_though_it_is_held_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "board"))
    board, seen = Scoreboard(tmp_path / "board"), []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            board[Slot.PROGRESS] = 0
            await send(message)
            seen.append(board[Slot.PROGRESS] > 0)

        await engine(scope, receive, noting)

    assert sizes(await answer(Layers(watched))) == [1, 3, 1]
    assert seen[:6] == [False, True, True, True, True, True]


@pytest.mark.parametrize(("raw", "held", "last"), [("1", b"data: 1\n\n", b"data: %b\n\n"), ("0", b"[1]\n", b"[%b]\n")])
async def test_a_stream_that_breaks_gives_what_was_held_back_and_then_a_last_word(
    raw: str, held: bytes, last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(2):
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        raise KeyError("secret")

    monkeypatch.setenv("RAW_OPENAI_OUTPUT", raw)
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    with pytest.raises(KeyError):
        await Layers(dying)(dict(CHAT), receive, send)
    _, first, second, third = [message.get("body") for message in messages]
    assert (first, second) == (held, held)
    begin, _, end = last.partition(b"%b")
    assert json.loads(third.removeprefix(begin).removesuffix(end))["error"]["code"] == 500
