"""Translation as ASGI middleware: what the engine gets, what the client and the log are told."""

import json
from typing import Any

import pytest

from llmworker_contract.engines import profile
from llmworker_server.middleware.asgi import Message, Receive, Scope, Send
from llmworker_server.middleware.dialect import Dialect
from llmworker_server.middleware.installed import Layers
from llmworker_server.middleware.translation import Translation

OLD = "stable-cuda12.1.0"
CHAT = "/v1/chat/completions"
NEW = b'{"max_completion_tokens": 5, "store": "a secret", "n": 1}'
SUMMARY = b"max_completion_tokens=max_tokens, -store"


class Engine:
    """Answers, and keeps what it received."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.headers: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = dict(scope["headers"])
        self.received.append(await receive())
        self.received.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def sent(application: Any, *parts: bytes, path: str = CHAT) -> list[Message]:
    last = len(parts) - 1
    waiting = [{"type": "http.request", "body": part, "more_body": at < last} for at, part in enumerate(parts)]
    messages: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % sum(map(len, parts)))]
    await application({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    return messages


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
async def test_the_engine_gets_its_own_words_and_the_client_is_told(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine()
    start, _ = await sent(Translation(engine, Dialect(profile(OLD))), NEW[:9], NEW[9:], path=path)
    assert engine.received[0]["body"] == b'{"max_tokens": 5, "n": 1}'
    assert engine.headers[b"content-length"] == b"%d" % len(engine.received[0]["body"])
    assert engine.received[1]["type"] == "http.disconnect"
    assert start["headers"] == [(b"a", b"b"), (b"x-llmworker-translated", SUMMARY)]
    assert capsys.readouterr().out == f"llmworker: {path}: translated for the engine: {SUMMARY.decode()}\n"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        pytest.param(b'{"max_tokens": 5}', CHAT, id="nothing new"),
        pytest.param(b"{cut null", CHAT, id="not JSON"),
        pytest.param(NEW, "/v1/embeddings", id="another path"),
    ],
)
async def test_other_requests_pass_in_silence(body: bytes, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Engine()
    start, _ = await sent(Translation(engine, Dialect(profile(OLD))), body, path=path)
    assert engine.received[0] == {"type": "http.request", "body": body, "more_body": False}
    assert start["headers"] == [(b"a", b"b")]
    assert capsys.readouterr().out == ""


async def test_two_limits_are_refused_in_openais_shape() -> None:
    engine = Engine()
    body = b'{"max_completion_tokens": 5, "max_tokens": 4}'
    start, answer = await sent(Translation(engine, Dialect(profile(OLD))), body)
    error = json.loads(answer["body"])["error"]
    assert (start["status"], error["param"], error["code"]) == (400, "max_completion_tokens", "invalid_value")
    assert engine.received == []


@pytest.mark.parametrize(("name", "translated"), [(OLD, True), ("cpu", False), (None, False)])
async def test_as_installed_the_profile_decides(
    name: str | None, translated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_NAME", "m")
    monkeypatch.delenv("LLMWORKER_ENGINE_PROFILE", raising=False)
    if name is not None:
        monkeypatch.setenv("LLMWORKER_ENGINE_PROFILE", name)
    engine = Engine()
    await sent(Layers(engine), b'{"max_batch_size": 50, ' + NEW[1:])
    assert (b"max_completion_tokens" in engine.received[0]["body"]) is not translated
    assert b"max_batch_size" not in engine.received[0]["body"]
