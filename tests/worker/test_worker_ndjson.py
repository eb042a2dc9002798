"""Pieces as lines of JSON: alone, and as what token batching writes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.batching import TokenBatching
from llmworker_server.middleware.ndjson import NDJSON, line
from llmworker_server.middleware.schedule import Schedule

GROWING = Schedule(largest=50, first=1, growth=3)
DONE = b"data: [DONE]\n\n"
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")


def chunk(number: int) -> dict[str, Any]:
    return {"id": number, "choices": [{"delta": {"content": "é€😀\n\u2028 "}}]}


def event(value: object) -> bytes:
    """As vLLM writes it: the characters themselves, not their numbers."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def answering(*parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = (EVENT_STREAM,)) -> Application:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return answer


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def sent(application: Application) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await application({"type": "http"}, receive, send)
    return messages


async def pieces(application: Application) -> list[Any]:
    """The value of each message with bytes; each is one line."""
    bodies = [message["body"] for message in (await sent(application))[1:]]
    written = [body for body in bodies if body]
    assert all(body.endswith(b"\n") and len(body.decode().splitlines()) == 1 for body in written)
    return [json.loads(body) for body in written]


@pytest.mark.parametrize(
    ("events", "values"),
    [
        pytest.param([event({"a": 1})], [{"a": 1}], id="one object"),
        pytest.param([event({"a": 1}), event({"a": 2})], [{"a": 1}, {"a": 2}], id="objects in their order"),
        pytest.param([event({"a": 1}), DONE], [{"a": 1}], id="no end mark"),
        pytest.param([event({"error": {"code": 500}})], [{"error": {"code": 500}}], id="an error"),
        pytest.param([b': ping\n\ndata: {"a": 1}\n\n'], [{"a": 1}], id="comments"),
        pytest.param([b'event: x\nid: 7\nretry: 9\ndata: {"a": 1}\n\n'], [{"a": 1}], id="other fields"),
        pytest.param([b'dataset: 9\ndata : 9\ndata: {"a": 1}\n\n'], [{"a": 1}], id="names that only look like data"),
        pytest.param([b'data: {"a":\ndata: 1}\n\n'], [{"a": 1}], id="data on several lines"),
        pytest.param([b"data: a\ndata:\ndata: b\n\n"], ["a\n\nb"], id="lines of data joined by line feeds"),
        pytest.param([b'data: {"a":\r\ndata: 1}\r\n\r\n'], [{"a": 1}], id="both characters at the end of a line"),
        pytest.param([b'data: {"a":\rdata: 1}\r\r'], [{"a": 1}], id="carriage returns"),
        pytest.param([b'data:{"a": 1}\n\n'], [{"a": 1}], id="no blank after the colon"),
        pytest.param([b"data:  two\n\n"], [" two"], id="one blank after the colon is not data"),
        pytest.param([b"data: \n\n", b"data\n\n", event(1)], [1], id="no data in an event"),
        pytest.param([b"data: {cut\n\n"], ["{cut"], id="what is not JSON is text"),
        pytest.param([b"data: [NaN, 1e999]\n\n"], ["[NaN, 1e999]"], id="what only Python takes for JSON is text"),
        pytest.param([b"data: \xff\n\n"], ["\N{REPLACEMENT CHARACTER}"], id="no characters at all"),
        pytest.param([b'data: {"a": "\\ud83d"}\n\n'], [{"a": "\ud83d"}], id="half of a character, escaped"),
        pytest.param([b'data: {"a": 1}'], [{"a": 1}], id="an event without an end"),
    ],
)
def test_the_data_of_a_piece_is_one_line(events: list[bytes], values: list[Any]) -> None:
    written = line(events)
    assert written.endswith(b"]\n")
    assert written.count(b"\n") == 1
    assert json.loads(written) == values


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="no event"),
        pytest.param([b": ping\n\n"], id="a comment"),
        pytest.param([DONE], id="the end mark"),
        pytest.param([b"data:[DONE]\r\n\r\n"], id="the end mark in another spelling"),
    ],
)
def test_nothing_is_written_for_a_piece_without_data(events: list[bytes]) -> None:
    assert line(events) == b""


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON_VALUES, min_size=1, max_size=4))
def test_every_value_comes_through_as_it_was(values: list[Any]) -> None:
    written = line([f"data: {json.dumps(value)}\n\n".encode() for value in values])
    assert json.loads(written) == values
    assert len(written.decode().splitlines()) == 1


async def test_each_growing_piece_is_one_list() -> None:
    chunks = [chunk(number) for number in range(203)]
    lists = await pieces(TokenBatching(answering(*(event(c) for c in chunks), DONE), GROWING, NDJSON))
    assert [len(values) for values in lists] == [1, 3, 9, 27, 50, 50, 50, 13]
    assert [value for values in lists for value in values] == chunks


@pytest.mark.parametrize("width", [1, 2, 7, 100, 100_000])
async def test_the_servers_own_cuts_do_not_matter(width: int) -> None:
    chunks = [chunk(number) for number in range(13)]
    whole = b"".join(event(c) for c in chunks) + DONE
    parts = [whole[at : at + width] for at in range(0, len(whole), width)]
    lists = await pieces(TokenBatching(answering(*parts), GROWING, NDJSON))
    assert lists == [chunks[:1], chunks[1:4], chunks[4:]]


@pytest.mark.parametrize(
    ("parts", "lists"),
    [
        pytest.param([event(1), event(2)], [[1], [2]], id="no end mark"),
        pytest.param([event(1), b"data: 2"], [[1], [2]], id="no end of the last event"),
        pytest.param([event(1), *[event(2)] * 3, DONE], [[1], [2, 2, 2]], id="the end mark alone in its piece"),
        pytest.param([b": ping\n\n", event(1), event(2)], [[1], [2]], id="an empty piece does not count"),
        pytest.param([DONE], [], id="nothing but the end mark"),
        pytest.param([], [], id="nothing"),
    ],
)
async def test_how_an_answer_may_end(parts: list[bytes], lists: list[Any]) -> None:
    application = TokenBatching(answering(*parts), GROWING, NDJSON)
    assert await pieces(application) == lists
    messages = await sent(application)
    assert [message["more_body"] for message in messages[1:]][-1] is False
    assert all(message["body"] for message in messages[1:-1])


async def test_what_was_held_back_goes_out_before_an_error() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(event(1), event(2), event(3))(scope, receive, _without_end(send))
        raise RuntimeError("engine died")

    with pytest.raises(RuntimeError, match="engine died"):
        await TokenBatching(broken, GROWING, NDJSON)({"type": "http"}, receive, send)
    assert [message["body"] for message in messages[1:]] == [b"[1]\n", b"[2,3]\n"]


def _without_end(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message.get("more_body", True):
            await send(message)

    return sending


async def test_the_head_says_what_follows_and_not_how_long_it_is() -> None:
    headers = (EVENT_STREAM, (b"Content-Length", b"99"), (b"x-request-id", b"7"))
    start = (await sent(TokenBatching(answering(event(1), headers=headers), GROWING, NDJSON)))[0]
    assert start["headers"] == [(b"content-type", b"application/x-ndjson"), (b"x-request-id", b"7")]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(((b"content-type", b"application/json"), (b"content-length", b"9")), id="another content type"),
        pytest.param((EVENT_STREAM, (b"content-encoding", b"gzip")), id="compressed events"),
    ],
)
async def test_other_answers_pass_untouched(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    application = answering(b'{"a": 1}\n', headers=headers)
    assert await sent(TokenBatching(application, GROWING, NDJSON)) == await sent(application)
