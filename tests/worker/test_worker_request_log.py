"""What is recorded of a request, and the id that it goes by."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmworker_server import records
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.installed import Layers
from llmworker_server.middleware.request_log import RequestLog

START = {"type": "http.response.start", "status": 200, "headers": [(b"X-Request-Id", b"engines-own")]}
BODY = {"type": "http.response.body", "body": b"x"}
GONE = {"type": "http.disconnect"}


@pytest.fixture(autouse=True)
def _json() -> Iterator[None]:
    records.write_as("json")
    yield
    records.write_as("plain")


class Engine:
    """Sends the messages, after having received as many as are told; then raises, if there is what to raise."""

    def __init__(self, *messages: Message, receives: int = 0, error: BaseException | None = None) -> None:
        self._messages, self._receives, self._error = messages, receives, error
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        for _ in range(self._receives):
            await receive()
        for message in self._messages:
            await send(message)
        if self._error:
            raise self._error


class Client:
    """Sends one request and keeps what it is answered."""

    def __init__(self, path: str = "/v1/completions", given: bytes | None = None, kind: str = "http") -> None:
        headers = [] if given is None else [(b"X-Request-ID", given)]
        secret = [(b"authorization", b"Bearer verysecret")]
        self.scope = {
            "type": kind, "method": "POST", "path": path, "query_string": b"verysecret", "headers": headers + secret
        }  # fmt: skip
        if kind == "websocket":
            del self.scope["method"]
        self.told: list[Message] = [{"type": "http.request", "body": b"verysecret"}, GONE]
        self.answer: list[Message] = []
        self.breaks = False

    async def receive(self) -> Message:
        return self.told.pop(0)

    async def send(self, message: Message) -> None:
        if self.breaks:
            raise OSError("broken pipe")
        self.answer.append(message)

    async def ask(self, app: Application) -> None:
        await app(dict(self.scope), self.receive, self.send)

    def ids(self) -> list[bytes]:
        return [value for key, value in self.answer[0]["headers"] if key.lower() == b"x-request-id"]


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out = capsys.readouterr().out
    assert "verysecret" not in out
    return [json.loads(line) for line in out.splitlines()]


async def test_one_record_of_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.02)
        await send(dict(START))
        await asyncio.sleep(0.02)
        await send(dict(BODY))
        await asyncio.sleep(0.1)

    client = Client(given=b"mine-1")
    await client.ask(RequestLog(slow, silent=False))
    (record,) = told(capsys)
    assert record.pop("time")
    head, total = record.pop("millisecondsToHead"), record.pop("milliseconds")
    assert 20 <= head < head + 20 <= total < 110, "until the answer's end; what the engine tidies up is not in it"
    assert record == {
        "level": "info",
        "source": "request",
        "message": "POST /v1/completions 200",
        "requestId": "mine-1",
        "method": "POST",
        "path": "/v1/completions",
        "status": 200,
        "ended": "complete",
    }


async def test_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    records.write_as("plain")
    await Client(given=b"mine-1").ask(RequestLog(Engine(START, BODY), silent=False))
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"llmworker: POST /v1/completions 200 in [\d.]+ ms, head after [\d.]+ ms, complete, id mine-1", line
    )


@pytest.mark.parametrize("given", [b"a", b"!~" * 64], ids=["one sign", "128 signs"])
async def test_a_clients_id_is_kept_and_the_engines_own_is_not(given: bytes) -> None:
    client, engine = Client(given=given), Engine(START, BODY)
    await client.ask(RequestLog(engine, silent=False))
    assert client.ids() == [given]
    assert engine.scope["headers"] == client.scope["headers"]


@pytest.mark.parametrize(
    "given", [None, b"", b"a b", b"a\tb", "é".encode(), b"a" * 129], ids=["none", "empty", "blank", "tab", "é", "long"]
)
async def test_any_other_request_gets_an_id_that_the_engine_does_not_see(given: bytes | None) -> None:
    ids = set()
    for _ in range(2):
        client, engine = Client(given=given), Engine(START, BODY)
        await client.ask(RequestLog(engine, silent=False))
        ids |= {*client.ids()}
        assert engine.scope["headers"] == client.scope["headers"]
    assert len(ids) == 2
    assert all(re.fullmatch(rb"[0-9a-f]{32}", each) for each in ids)


@pytest.mark.parametrize(
    ("engine", "breaks", "status", "ended", "level"),
    [
        pytest.param(Engine(START, BODY, receives=1), False, 200, "complete", "info", id="whole"),
        pytest.param(Engine(START, receives=2), False, 200, "client gone", "info", id="gone in the middle"),
        pytest.param(Engine(START, BODY, receives=2), False, 200, "client gone", "info", id="answered to nobody"),
        pytest.param(Engine(receives=2), False, None, "client gone", "info", id="gone before the head"),
        pytest.param(Engine(START, BODY), True, 200, "client gone", "info", id="gone while it is sent"),
        pytest.param(Engine(START), False, 200, "error", "error", id="an answer without an end"),
        pytest.param(Engine(START, error=ValueError()), False, 200, "error", "error", id="fails in the middle"),
        pytest.param(Engine(error=ValueError()), False, 500, "error", "error", id="fails before the head"),
        pytest.param(Engine({**START, "status": 503}, BODY), False, 503, "complete", "error", id="says that it failed"),
        pytest.param(Engine(error=asyncio.CancelledError()), False, None, "error", "error", id="stopped"),
    ],
)
async def test_how_a_request_ends(
    *, engine: Engine, breaks: bool, status: int | None, ended: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Client()
    client.breaks = breaks
    try:
        await client.ask(RequestLog(engine, silent=False))
    except (ValueError, OSError, asyncio.CancelledError):
        assert breaks or ended == "error"
    (record,) = told(capsys)
    assert (record["status"], record["ended"], record["level"]) == (status, ended, level)


async def test_an_answer_that_leaves_after_its_end_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    async def waits_for_the_end(scope: Scope, receive: Receive, send: Send) -> None:
        for message in (START, BODY):
            await send(dict(message))
        await receive()
        assert await receive() == GONE

    await Client().ask(RequestLog(waits_for_the_end, silent=False))
    assert told(capsys)[0]["ended"] == "complete"


async def test_a_failure_is_answered_with_the_id_and_raised() -> None:
    client = Client(given=b"mine-1")
    with pytest.raises(ValueError, match="verysecret"):
        await client.ask(RequestLog(Engine(error=ValueError("verysecret")), silent=False))
    assert (client.answer[0]["status"], client.ids()) == (500, [b"mine-1"])
    error = json.loads(client.answer[1]["body"])["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "verysecret" not in error["message"]


@pytest.mark.parametrize("path", ["/health", "/metrics"])
async def test_probes_have_an_id_and_no_record(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(path, given=b"mine-1")
    await client.ask(RequestLog(Engine(START, BODY), silent=False))
    assert (client.ids(), told(capsys)) == ([b"mine-1"], [])


async def test_a_path_can_not_begin_another_line(capsys: pytest.CaptureFixture[str]) -> None:
    records.write_as("plain")
    await Client("/a\nllmworker: ready\u2028é" + "x" * 999).ask(RequestLog(Engine(START, BODY), silent=False))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("llmworker: POST /a%0Allmworker%3A%20ready%E2%80%A8%C3%A9xxx")
    assert len(line) < 700


@pytest.mark.parametrize(
    ("messages", "code", "status", "ended"),
    [
        ([{"type": "websocket.accept"}], 1000, 101, "complete"),
        ([{"type": "websocket.accept"}], 1006, 101, "client gone"),
        ([{"type": "websocket.close"}], None, 403, "complete"),
    ],
)
async def test_a_websocket(
    messages: list[Message], code: int | None, status: int, ended: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Client("/v1/realtime", given=b"mine-1", kind="websocket")
    client.told = [{"type": "websocket.disconnect", "code": code}]

    async def closes(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(dict(message))
        if code:
            await receive()

    await client.ask(RequestLog(closes, silent=False))
    (record,) = told(capsys)
    assert (record["method"], record["status"], record["ended"]) == ("WEBSOCKET", status, ended)
    assert client.answer[0].get("headers") == (None if status == 403 else [(b"x-request-id", b"mine-1")])


@pytest.mark.parametrize(
    ("name", "value", "lines"),
    [
        ("DISABLE_LOG_REQUESTS", "1", 0),
        ("DISABLE_LOGGING_REQUEST", "1", 0),
        ("DISABLE_LOG_REQUESTS", "0", 1),
        ("DISABLE_LOG_REQUESTS", "", 1),
    ],
)
async def test_the_environment_can_switch_records_off_but_not_ids(
    name: str, value: str, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_NAME", "m")
    monkeypatch.setenv(name, value)
    client = Client("/v1/models", given=b"mine-1")
    await client.ask(Layers(Engine(START, BODY)))
    assert (client.ids(), len(told(capsys))) == ([b"mine-1"], lines)


@pytest.mark.parametrize(("limit", "key", "status"), [("1", "", 401), ("0", "verysecret", 429)])
async def test_a_refusal_has_an_id_and_a_record(
    *, limit: str, key: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "keys").write_text(key or "another")
    monkeypatch.setenv("MODEL_NAME", "m")
    monkeypatch.setenv("API_KEYS_FILE", str(tmp_path / "keys"))
    monkeypatch.setattr("llmworker_server.middleware.installed._effective", lambda stated, name: int(limit))
    client = Client("/pooling", given=b"mine-1")
    await client.ask(Layers(Engine(START, BODY)))
    records_told = [record for record in told(capsys) if record["source"] == "request"]
    assert (client.answer[0]["status"], client.ids()) == (status, [b"mine-1"])
    assert [record["status"] for record in records_told] == [status]
