"""Errors of the engine's server in one shape: as bodies, and as ASGI messages of small applications."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.error_shape import shaped
from llmworker_server.middleware.errors import OneErrorShape

JSON = b"application/json"
STREAM = b"text/event-stream; charset=utf-8"
NDJSON = b"application/x-ndjson"


def answering(
    *parts: bytes, status: int = 400, kind: bytes = JSON, error: Exception | None = None, **headers: str
) -> Application:
    """Answers with the parts; with an error in the place of the end, and without parts in the place of the head."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if parts or error is None:
            more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *more]})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if error:
            raise error
        await send({"type": "http.response.body", "body": b""})

    return answer


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def sent(application: Application, expect: type[Exception] | None = None, **scope: Any) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    if expect is None:
        await application({"type": "http", **scope}, receive, send)
    else:
        with pytest.raises(expect):
            await application({"type": "http", **scope}, receive, send)
    return messages


def error(message: str, kind: str, code: Any, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(
            400,
            {"object": "error", "message": "no", "type": "BadRequestError", "param": "n", "code": 40001},
            error("no", "BadRequestError", 40001, "n"),
            id="flat",
        ),
        pytest.param(404, {"object": "error", "message": "no"}, error("no", "Not Found", 404), id="flat and short"),
        pytest.param(404, {"detail": "Not Found"}, error("Not Found", "Not Found", 404), id="no such path"),
        pytest.param(401, {"error": "Unauthorized"}, error("Unauthorized", "Unauthorized", 401), id="no key"),
        pytest.param(
            422,
            {"detail": [{"loc": ["body", "n", 0], "msg": "too few"}, {"loc": ["body"], "msg": "no object"}, "odd"]},
            error("n.0: too few; no object; odd", "Unprocessable Entity", 422, "n.0"),
            id="not what the model says",
        ),
    ],
)
def test_json(status: int, body: Any, expected: dict[str, Any]) -> None:
    if status == 422:  # Python 3.13 has a newer name
        expected["error"]["type"] = json.loads(shaped(b"", 422, JSON))["error"]["type"]
    assert json.loads(shaped(json.dumps(body).encode(), status, JSON)) == expected


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(500, b"Internal Server Error", "Internal Server Error"), (500, b"", "Internal Server Error"), (599, b"", None)],
)
def test_text_and_nothing(status: int, body: bytes, message: str | None) -> None:
    found = json.loads(shaped(body, status, b"text/plain; charset=utf-8"))
    assert found == error(message or "Internal Server Error", "Internal Server Error", status)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"error" : {"message":"no","code":"x"}}', id="the shape"),
        pytest.param(b'{"message":"a", "error":{"message":"b"}}', id="the shape and more"),
        pytest.param(b'{"type":"error", "error":{"type":"a","message":"b"}}', id="Anthropic's"),
        pytest.param(b'{"errors": []}', id="unknown"),
        pytest.param(b'["no"]', id="a list"),
        pytest.param(b"{cut", id="not JSON"),
        pytest.param(b"[" * 100_000, id="nested too deeply"),
    ],
)
async def test_other_bodies_stay_byte_for_byte(body: bytes) -> None:
    messages = await sent(OneErrorShape(answering(body[:5], body[5:], content_length=str(len(body)))))
    assert messages[0]["headers"] == [(b"content-type", JSON), (b"content-length", str(len(body)).encode())]
    assert b"".join(message["body"] for message in messages[1:]) == body


async def test_status_and_other_headers_are_kept_and_the_length_is_right() -> None:
    application = answering(b'{"detail"', b': "no"}', status=405, content_length="16", allow="POST")
    start, body = await sent(OneErrorShape(application))
    headers = dict(start["headers"])
    assert (start["status"], headers[b"allow"], headers[b"content-type"]) == (405, b"POST", JSON)
    assert headers[b"content-length"] == b"%d" % len(body["body"])
    assert len(start["headers"]) == 3
    assert json.loads(body["body"])["error"]["message"] == "no"
    assert body["more_body"] is False


@pytest.mark.parametrize(
    "application",
    [
        pytest.param(answering(b'{"detail": "no"}', status=200), id="no error"),
        pytest.param(answering(b'{"detail": "no"}', content_encoding="gzip"), id="compressed"),
        pytest.param(answering(b'{"detail": "no"}', content_length=str(2**20 + 1)), id="said to be long"),
        pytest.param(answering(b"data: 1\n\n", kind=STREAM), id="a stream"),
        pytest.param(answering(b'data: {"object":"error"}\n\n', b"data: 2\n\n", status=200, kind=STREAM), id="events"),
    ],
)
async def test_other_answers_pass_message_by_message(application: Application) -> None:
    assert await sent(OneErrorShape(application)) == await sent(application)


async def test_a_long_error_is_not_held_to_its_end() -> None:
    parts = [b'{"detail": "', b"a" * 2**20, b"b", b'"}']
    messages = await sent(OneErrorShape(answering(*parts)))
    assert [len(message["body"]) for message in messages[1:]] == [12 + 2**20, 1, 2, 0]
    assert b"".join(message["body"] for message in messages[1:]) == b"".join(parts)


async def test_an_engine_that_fails_before_its_answer() -> None:
    start, body = await sent(OneErrorShape(answering(error=KeyError("secret"))), expect=KeyError)
    assert start["status"] == 500
    assert json.loads(body["body"]) == error("Internal Server Error", "Internal Server Error", 500)


async def test_an_engine_that_fails_while_it_says_what_is_wrong() -> None:
    start, body = await sent(OneErrorShape(answering(b'{"det', error=KeyError("secret"))), expect=KeyError)
    assert (start["status"], json.loads(body["body"])["error"]["code"]) == (500, 500)


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [pytest.param(STREAM, b"data: ", b"\n\n", id="events"), pytest.param(NDJSON, b"[", b"]\n", id="NDJSON")],
)
async def test_an_engine_that_fails_in_a_stream_has_a_last_word(kind: bytes, begin: bytes, end: bytes) -> None:
    application = answering(b"a piece", status=200, kind=kind, error=KeyError("secret"))
    *_, first, last = await sent(OneErrorShape(application), expect=KeyError)
    assert (first["body"], last["more_body"]) == (b"a piece", True)
    assert last["body"].startswith(begin)
    assert last["body"].endswith(end)
    assert json.loads(last["body"].removeprefix(begin).removesuffix(end))["error"]["code"] == 500
    assert b"secret" not in last["body"]


async def test_a_server_that_fails_after_a_stream_adds_nothing_to_it() -> None:
    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(b"data: 1\n\n", status=200, kind=STREAM)(scope, receive, send)
        raise KeyError("late")

    assert [message["body"] for message in (await sent(OneErrorShape(late), expect=KeyError))[1:]] == [
        b"data: 1\n\n", b""
    ]  # fmt: skip


async def test_another_answer_that_breaks_off_gets_nothing_added() -> None:
    application = answering(b'{"a"', status=200, error=KeyError("secret"))
    assert await sent(OneErrorShape(application), expect=KeyError) == await sent(application, expect=KeyError)


@pytest.mark.parametrize("handled", [Exception, 500])
async def test_a_server_with_an_answer_of_its_own_gives_it(handled: Any) -> None:
    app = SimpleNamespace(exception_handlers={handled: None})
    assert await sent(OneErrorShape(answering(error=KeyError("a"))), expect=KeyError, app=app) == []


async def test_a_client_that_has_gone_is_sent_nothing_more() -> None:
    calls: list[Message] = []

    async def gone(message: Message) -> None:
        calls.append(message)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await OneErrorShape(answering(b"data: 1\n\n", status=200, kind=STREAM))({"type": "http"}, receive, gone)
    assert len(calls) == 1


async def test_other_scopes_pass_untouched() -> None:
    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await OneErrorShape(lifespan)({"type": "lifespan"}, receive, send)
    assert messages == [{"type": "lifespan.startup.complete"}]
