"""What a request's body says about the pieces of its own answer: as values, and as ASGI messages."""

import json
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.batching import TokenBatching
from llmworker_server.middleware.installed import Layers
from llmworker_server.middleware.overrides import OverrideError, combined, taken
from llmworker_server.middleware.request import RequestBatching
from llmworker_server.middleware.schedule import Schedule

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}
OWN = Schedule(largest=50, first=3, growth=3)
ASKED = b'{"min_batch_size": 4, "batch_size_growth_factor": 2, "max_batch_size": 10, "prompt": "a"}'
LEFT = b'{ "prompt": "a"}'
DEEP = b'{"max_batch_size": 1, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
GONE = {"type": "http.disconnect"}


class Engine:
    """Streams events, and keeps all that it received: the head, the body and what came after it."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.headers: dict[bytes, bytes] = {}
        self.received: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = dict(scope.get("headers", []))
        self.received = []
        while not self.received or self.received[-1].get("more_body"):
            self.received.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(self.count):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        if self.count == 0:
            self.received.append(await receive())
        await send({"type": "http.response.body", "body": b""})

    @property
    def body(self) -> bytes:
        return self.received[0]["body"]  # type: ignore[no-any-return]


def overridable(engine: Application, own: Schedule = OWN) -> RequestBatching:
    return RequestBatching(own, lambda asked: TokenBatching(engine, asked))


def request(*parts: bytes) -> list[Message]:
    last = len(parts) - 1
    return [{"type": "http.request", "body": p, "more_body": at < last} for at, p in enumerate(parts)]


async def sent(
    application: Application,
    *received: Message,
    path: str = CHAT,
    method: str = "POST",
    headers: dict[str, str] = JSON,
) -> list[Message]:
    messages: list[Message] = []
    waiting = [*received]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else GONE

    async def send(message: Message) -> None:
        messages.append(message)

    head = [(name.encode(), value.encode()) for name, value in headers.items()]
    await application({"type": "http", "method": method, "path": path, "headers": head}, receive, send)
    return messages


def counts(messages: list[Message]) -> list[int]:
    return [m["body"].count(b"\n\n") for m in messages if m["type"] == "http.response.body"]


def sizes(own: Schedule = OWN, **asked: str) -> list[int]:
    return list(islice(combined({n: v.encode() for n, v in asked.items()}, own).sizes(), 5))


@pytest.mark.parametrize(
    ("asked", "pieces"),
    [
        pytest.param({"min": "4", "growth": "2", "max": "10"}, [4, 8, 10, 10, 10], id="all three"),
        pytest.param({}, [3, 9, 27, 50, 50], id="none"),
        pytest.param({"max": "9"}, [3, 9, 9, 9, 9], id="the largest alone"),
        pytest.param({"min": "20"}, [20, 50, 50, 50, 50], id="the first alone"),
        pytest.param({"growth": "2.5"}, [3, 8, 19, 47, 50], id="the growth alone"),
        pytest.param({"growth": "1"}, [50] * 5, id="growth of one is static"),
        pytest.param({"growth": "0"}, [50] * 5, id="growth of zero is static"),
        pytest.param({"min": "7", "max": "7"}, [7] * 5, id="first equals largest"),
        pytest.param({"max": "3"}, [3] * 5, id="largest equals the worker's first"),
        pytest.param({"min": "9" * 399, "max": "9" * 400}, [2**53] * 5, id="a first beyond any float"),
        pytest.param({"max": "9" * 400, "growth": "1e308"}, [3, 2**53, 2**53, 2**53, 2**53], id="beyond any answer"),
        pytest.param({"min": "9" * 400, "max": "9" * 400, "growth": "9" * 300}, [2**53] * 5, id="beyond any float"),
    ],
)
def test_what_is_given_takes_the_place_of_the_workers_own(asked: dict[str, str], pieces: list[int]) -> None:
    full = {"min": "min_batch_size", "max": "max_batch_size", "growth": "batch_size_growth_factor"}
    assert sizes(**{full[name]: value for name, value in asked.items()}) == pieces


@pytest.mark.parametrize("name", ["max_batch_size", "min_batch_size"])
@pytest.mark.parametrize("value", ["0", "-1", "1.0", "1e2", "true", "null", '"5"', "[5]", "{}", "NaN", "9" * 5000])
def test_a_size_is_a_whole_number_of_one_or_more(name: str, value: str) -> None:
    with pytest.raises(OverrideError, match=f"^{name}: expected a whole number of 1 or more, not ") as wrong:
        sizes(**{name: value})
    assert (wrong.value.param, len(str(wrong.value)) < 120) == (name, True)


@pytest.mark.parametrize("value", ["-0.1", "true", "null", '"2"', "NaN", "Infinity", "-Infinity", "1e400", "9" * 400])
def test_a_growth_factor_is_a_finite_number_of_zero_or_more(value: str) -> None:
    with pytest.raises(OverrideError, match=r"^batch_size_growth_factor: expected a finite number of 0 or more, not "):
        sizes(batch_size_growth_factor=value)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        pytest.param({"max_batch_size": "4", "min_batch_size": "5"}, ["min_batch_size"], id="both given"),
        pytest.param({"min_batch_size": "51"}, ["min_batch_size"], id="above the worker's largest"),
        pytest.param({"max_batch_size": "2"}, ["max_batch_size"], id="below the worker's first"),
        pytest.param(
            {"min_batch_size": "51", "batch_size_growth_factor": "-1"},
            ["min_batch_size", "batch_size_growth_factor"],
            id="with a wrong factor",
        ),
        pytest.param({"max_batch_size": "0", "min_batch_size": "51"}, ["max_batch_size"], id="not beside a wrong size"),
    ],
)
def test_the_first_may_not_be_above_the_largest(asked: dict[str, str], named: list[str]) -> None:
    with pytest.raises(OverrideError) as wrong:
        sizes(**asked)
    assert [name for name in asked if f"{name}: " in str(wrong.value)] == named


def test_settings_that_the_request_leaves_alone_are_not_its_fault() -> None:
    assert sizes(Schedule(largest=5, first=9, growth=3), batch_size_growth_factor="2") == [5] * 5


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        pytest.param(ASKED, LEFT, id="from the beginning"),
        pytest.param(b'{"a":1,"max_batch_size":5,"b":2}', b'{"a":1,"b":2}', id="from the middle"),
        pytest.param(b'{"a":1 , "max_batch_size" :\n5\t}\r\n', b'{"a":1 }\r\n', id="from the end"),
        pytest.param(b' {"max_batch_size":5}', b" {}", id="all that there is"),
        pytest.param(b'{"max_batch_size":1,"a":2,"max_batch_size":5}', b'{"a":2}', id="twice"),
        pytest.param(b'\xef\xbb\xbf{"a":1,"max_batch_size":5}', b'\xef\xbb\xbf{"a":1}', id="a byte order mark"),
        pytest.param(
            '{"é":"€😀\\ud800\\/","max_batch_size":5,"x":"ß"}'.encode(),
            '{"é":"€😀\\ud800\\/","x":"ß"}'.encode(),
            id="text",
        ),
        pytest.param(
            b'{"a":1e400,"a":-0.0,"a":1.10,"b":NaN,"c":%b,"max_batch_size":5}' % (b"7" * 5000),
            b'{"a":1e400,"a":-0.0,"a":1.10,"b":NaN,"c":%b}' % (b"7" * 5000),
            id="numbers and keys that occur twice",
        ),
    ],
)
def test_overrides_are_taken_out_and_every_other_byte_stays(body: bytes, rest: bytes) -> None:
    found = taken(body)
    assert found.rest == rest
    if body != ASKED:
        assert found.taken == {"max_batch_size": b"5"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"a": 1e400, "b', id="cut off, and none named"),
        pytest.param(b'{"max_batch_size": 1', id="cut off"),
        pytest.param(b'{"max_batch_size": 1} 2', id="more behind it"),
        pytest.param(b'{"max_batch_size": 1,}', id="a comma too many"),
        pytest.param(b'{"max_batch_size" 1}', id="no colon"),
        pytest.param(b"{max_batch_size: 1}", id="no quotes"),
        pytest.param(b'{1: 2, "max_batch_size": 3}', id="a key that is no text"),
        pytest.param(b"max_batch_size=1", id="a form"),
        pytest.param(b'["max_batch_size"]', id="a list"),
        pytest.param(b'"max_batch_size"', id="text"),
        pytest.param(DEEP, id="nested too deeply"),
        pytest.param(b'{"prompt": "max_batch_size"}', id="a prompt about it"),
        pytest.param(b'{"metadata": {"max_batch_size": 0}}', id="further inside"),
        pytest.param('{"max_batch_size": 0}'.encode("utf-16"), id="another encoding"),
    ],
)
async def test_other_bodies_pass_byte_for_byte(body: bytes) -> None:
    engine = Engine(5)
    assert counts(await sent(overridable(engine), *request(body))) == [3, 2]
    assert engine.received == request(body)


def test_a_body_that_names_none_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("llmworker_server.middleware.overrides.cut")
    assert taken(LEFT).rest is LEFT


MEMBERS = st.dictionaries(
    st.sampled_from(["max_batch_size", "min_batch_size", "ä", "", "max", '"'])
    | st.text(max_size=4, alphabet=st.characters(codec="utf-8")),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), st.lists, max_leaves=4),
)


@given(MEMBERS, st.booleans(), st.sampled_from([None, 1, "\t", "\n"]))
def test_the_rest_means_what_it_meant(values: dict[str, Any], ascii_only: bool, indent: int | str | None) -> None:
    body = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode(errors="surrogatepass")
    found = taken(body)
    ours = {"max_batch_size", "min_batch_size"} & values.keys()
    assert {name: json.loads(value) for name, value in found.taken.items()} == {n: values[n] for n in ours}
    assert json.loads(found.rest) == {name: value for name, value in values.items() if name not in ours}


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
@pytest.mark.parametrize("headers", [JSON, {}, {"Content-Type": "Application/JSON; charset=utf-8"}])
async def test_both_endpoints_answer_in_the_pieces_asked_for(path: str, headers: dict[str, str]) -> None:
    batching = overridable(engine := Engine(35))
    assert counts(await sent(batching, *request(ASKED), path=path, headers=headers)) == [4, 8, 10, 10, 3]
    assert engine.received == request(LEFT)
    assert counts(await sent(batching, *request(LEFT), path=path)) == [3, 9, 23], (
        "the next request has the worker's own"
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"path": "/v1/embeddings"}, id="another path"),
        pytest.param({"method": "PUT"}, id="another method"),
        pytest.param({"headers": {"content-type": "text/plain"}}, id="another content type"),
    ],
)
async def test_other_requests_are_not_collected(other: dict[str, Any]) -> None:
    parts = request(ASKED[:9], ASKED[9:])
    assert counts(await sent(overridable(engine := Engine(5)), *parts, **other)) == [3, 2]
    assert engine.received == parts


async def test_a_split_body_arrives_as_one_of_the_right_length() -> None:
    headers = JSON | {"Content-Length": str(len(ASKED)), "x-other": "7"}
    parts = [ASKED[at : at + 1] for at in range(len(ASKED))]
    await sent(overridable(engine := Engine(9)), *request(*parts), headers=headers)
    assert engine.received == request(LEFT)
    assert engine.headers[b"Content-Length"] == b"%d" % len(LEFT)
    assert engine.headers[b"x-other"] == b"7"


async def test_wrong_ones_are_answered_at_once_and_all_are_named() -> None:
    engine = Engine()
    body = b'{"batch_size_growth_factor": -1, "min_batch_size": 1.5, "max_batch_size": true}'
    start, answer = await sent(overridable(engine), *request(body))
    error = json.loads(answer["body"])["error"]
    assert start["status"] == 400
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(answer["body"])
    assert error.pop("message") == (
        "max_batch_size: expected a whole number of 1 or more, not true. "
        "min_batch_size: expected a whole number of 1 or more, not 1.5. "
        "batch_size_growth_factor: expected a finite number of 0 or more, not -1."
    )
    assert error == {"type": "invalid_request_error", "param": "max_batch_size", "code": "invalid_value"}
    assert engine.received == []


@pytest.mark.parametrize("body", [ASKED, LEFT])
async def test_a_client_that_goes_while_sending_or_after_it(body: bytes) -> None:
    await sent(overridable(engine := Engine()), *request(body[:9], b"")[:1], GONE)
    assert engine.received[0] == GONE
    await sent(overridable(engine), *request(body), GONE)
    assert engine.received == [*request(LEFT), GONE]


async def test_as_installed_it_keeps_the_workers_format(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MODEL_NAME": "m", "RAW_OPENAI_OUTPUT": "0", "DEFAULT_BATCH_SIZE": "12"}.items():
        monkeypatch.setenv(name, value)
    body = b'{"min_batch_size": 4, "batch_size_growth_factor": 2}'
    messages = await sent(Layers(Engine(25)), *request(body))
    assert [len(json.loads(m["body"])) for m in messages[1:] if m["body"]] == [4, 8, 12, 1]
