"""Who gets in: the layer alone, and in its place among the others."""

import json
from pathlib import Path

import pytest

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.installed import Layers
from llmworker_server.middleware.keys import KeyCheck, matches

KEYS = (b"sk-one", b"sk-two")
PREFLIGHT = {"origin": "http://page", "access-control-request-method": "POST"}


async def engine(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"computed"})


async def no_body() -> Message:
    return pytest.fail("a stranger's body was asked for")


async def answer(
    app: Application, path: str, method: str = "POST", kind: str = "http", **headers: str
) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await app({"type": kind, "method": method, "path": path, "headers": raw}, no_body, send)
    return messages


def guarded() -> KeyCheck:
    return KeyCheck(engine, lambda: KEYS)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        pytest.param("Bearer sk-one", 200, id="the first key"),
        pytest.param("bearer sk-two", 200, id="another, with the scheme in small letters"),
        pytest.param("Bearer sk-on", 401, id="a part of a key"),
        pytest.param("Bearer sk-one2", 401, id="more than a key"),
        pytest.param("Bearer SK-ONE", 401, id="another case"),
        pytest.param("Bearer sk-one sk-two", 401, id="two keys"),
        pytest.param("Bearer ", 401, id="no key in it"),
        pytest.param("Basic sk-one", 401, id="another scheme"),
        pytest.param("sk-one", 401, id="no scheme"),
        pytest.param("", 401, id="nothing"),
    ],
)
async def test_only_a_key_opens(authorization: str, status: int) -> None:
    start, *_ = await answer(guarded(), "/v1/completions", authorization=authorization)
    assert start["status"] == status


def test_without_keys_nobody_gets_in() -> None:
    assert not matches(b"Bearer ", ())
    assert not matches(b"", ())


async def test_every_key_is_compared_whichever_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert matches(b"Bearer sk-one", KEYS)
    assert not matches(b"Bearer x", KEYS)
    assert compared == [(32, 32)] * 4


@pytest.mark.parametrize(
    "path",
    """/ /v1/models /v1/chat/completions /metrics /metrics/ /version /tokenize /invocations /pooling /docs /openapi.json
    /health/ //health /healthz /HEALTH /never/heard/of""".split(),
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_what_is_not_known_to_be_open_is_closed(path: str, method: str) -> None:
    start, body = await answer(guarded(), path, method, authorization="Bearer verysecret")
    headers = dict(start["headers"])
    assert (start["status"], headers[b"www-authenticate"]) == (401, b"Bearer")
    error = json.loads(body["body"])["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, "invalid_api_key")
    assert b"secret" not in body["body"]


@pytest.mark.parametrize("path", ["/health", "/ping"])
async def test_probes_need_no_key(path: str) -> None:
    start, _ = await answer(guarded(), path, "GET")
    assert start["status"] == 200


@pytest.mark.parametrize(("missing", "status"), [(None, 200), *((name, 401) for name in PREFLIGHT)])
async def test_a_browsers_question_needs_no_key_if_it_is_one(missing: str | None, status: int) -> None:
    """To any other OPTIONS the application behind /metrics answers with its metrics."""
    headers = {name: value for name, value in PREFLIGHT.items() if name != missing}
    start, *_ = await answer(guarded(), "/metrics", "OPTIONS", **headers)
    assert start["status"] == status


async def test_a_websocket_is_closed() -> None:
    (message,) = await answer(guarded(), "/health", kind="websocket")
    assert (message["type"], message["code"]) == ("websocket.close", 1008)


async def test_a_websocket_with_a_key_gets_in() -> None:
    assert len(await answer(guarded(), "/v1/realtime", kind="websocket", authorization="Bearer sk-one")) == 2


async def test_the_start_of_the_server_needs_no_key() -> None:
    assert len(await answer(guarded(), "", kind="lifespan")) == 2


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layers:
    """All layers around the engine, with one place and a key in a file."""
    (tmp_path / "keys").write_text("sk-one")
    monkeypatch.setenv("MODEL_NAME", "m")
    monkeypatch.setenv("MAX_CONCURRENCY", "1")
    monkeypatch.setenv("API_KEYS_FILE", str(tmp_path / "keys"))
    return Layers(engine)


async def test_a_strangers_body_is_not_collected(layers: Layers) -> None:
    start, _ = await answer(layers, "/v1/chat/completions")
    assert start["status"] == 401


async def test_a_stranger_is_told_of_the_key_and_takes_no_place(tmp_path: Path, layers: Layers) -> None:
    async def asks_while_another_is_served(scope: Scope, receive: Receive, send: Send) -> None:
        start, _ = await answer(limited, "/pooling")
        assert start["status"] == 401
        await engine(scope, receive, send)

    limited = Layers(asks_while_another_is_served)
    start, _ = await answer(limited, "/pooling", authorization="Bearer sk-one")
    assert start["status"] == 200


async def test_a_new_key_holds_at_the_next_request(tmp_path: Path, layers: Layers) -> None:
    await answer(layers, "/version", authorization="Bearer sk-one")
    (tmp_path / "keys").write_text("sk-newer")
    for key, status in (("sk-one", 401), ("sk-newer", 200)):
        start, *_ = await answer(layers, "/version", authorization=f"Bearer {key}")
        assert start["status"] == status
