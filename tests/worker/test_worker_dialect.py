"""Requests of newer clients in an older engine's words, by the profiles' own records of what the engines take."""

import json
from typing import Any, get_type_hints

import pytest
from openai.types import completion_create_params as completion_params
from openai.types.chat import ChatCompletionMessage, ChatCompletionStreamOptionsParam
from openai.types.chat import completion_create_params as chat_params

from llmworker_contract.engines import names, profile
from llmworker_server.middleware import dialect as decisions
from llmworker_server.middleware.dialect import Dialect, LimitsDifferError, Translated

OLD = Dialect(profile("stable-cuda12.1.0"))
OPEN = [name for name in names() if not profile(name).requests["chat"].closed]
USER = b'{"role": "user", "content": "a"}'


def chat(body: bytes, dialect: Dialect = OLD) -> Translated:
    return dialect.translated(body, "chat")


@pytest.mark.parametrize(
    ("body", "left", "done"),
    [
        pytest.param(
            b'{"max_completion_tokens": 5}', b'{"max_tokens": 5}', "max_completion_tokens=max_tokens", id="limit"
        ),
        pytest.param(
            b'{"max_tokens":7 , "max_completion_tokens": 7}', b'{"max_tokens":7 }', "-max_completion_tokens", id="both"
        ),
        pytest.param(
            b'{"max_completion_tokens": 5, "max_tokens": null}',
            b'{"max_tokens": 5}',
            "max_completion_tokens=max_tokens",
            id="the old one is null",
        ),
        pytest.param(
            b'{"max_completion_tokens": null, "max_tokens": 5}',
            b'{ "max_tokens": 5}',
            "-max_completion_tokens",
            id="the new one is null",
        ),
        pytest.param(b'{"a":1e400, "store":true}', b'{"a":1e400}', "-store", id="every other byte stays"),
        pytest.param(
            b'{"store":true,"messages":[%b , %b ]}' % (USER, USER),
            b'{"messages":[%b , %b ]}' % (USER, USER),
            "-store",
            id="blanks between messages stay",
        ),
        pytest.param(b'{"metadata": {"store": 1}}', b"{}", "-metadata", id="nothing else is left"),
        pytest.param(b'{"modalities": ["text"], "n": 1}', b'{ "n": 1}', "-modalities", id="the default"),
        pytest.param(b'{"function_call": "none", "n": 1}', b'{ "n": 1}', "-function_call", id="none of them"),
        pytest.param(b'{"audio": null, "made_up": null, "n": 1}', b'{ "n": 1}', "-audio, -made_up", id="nulls"),
        pytest.param(b'{"x\\r\\ny": null, "n": 1}', b'{ "n": 1}', "-(another)", id="a name that no header can hold"),
        pytest.param(b'{"stop": null, "store": 1}', b'{"stop": null}', "-store", id="a null that the engine knows"),
        pytest.param(
            b'{"messages": [{"role" : "developer", "content": "a"}]}',
            b'{"messages": [{"role" : "system", "content": "a"}]}',
            "developer=system",
            id="role",
        ),
        pytest.param(
            b'{"messages": [{"role": "assistant", "content": null, "name": null, "annotations": [{}]}]}',
            b'{"messages": [{"role": "assistant", "content": null}]}',
            "-messages.name, -messages.annotations",
            id="an earlier answer",
        ),
        pytest.param(
            b'{"tools": [{"type": "function", "function": {"name": "f", "strict": false}}]}',
            b'{"tools": [{"type": "function", "function": {"name": "f"}}]}',
            "-tools.function.strict",
            id="a tool",
        ),
        pytest.param(
            b'{"stream_options": {"include_usage": true, "include_obfuscation": true}}',
            b'{"stream_options": {"include_usage": true}}',
            "-stream_options.include_obfuscation",
            id="stream options",
        ),
    ],
)
def test_translated(body: bytes, left: bytes, done: str) -> None:
    found = chat(body)
    assert (found.body, found.summary) == (left, done)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"max_tokenz": 5, "temperatur": 0}', id="misspelt"),
        pytest.param(b'{"reasoning_effort": "high"}', id="effort"),
        pytest.param(b'{"modalities": ["text", "audio"], "audio": {"voice": "a"}}', id="sound"),
        pytest.param(b'{"prediction": {"content": "a"}, "web_search_options": {}}', id="prediction and search"),
        pytest.param(b'{"functions": [{"name": "f"}], "function_call": "auto"}', id="functions"),
        pytest.param(b'{"moderation": {"model": "a"}}', id="moderation"),
        pytest.param(b'{"tools": [{"function": {"name": "f", "strict": true}}]}', id="strict"),
        pytest.param(b'{"messages": [{"role": "user", "content": "developer store null"}]}', id="words"),
        pytest.param(b'{"messages": [{"role": "user", "content": null, "reasoning": "a"}]}', id="another's field"),
        pytest.param(b'{"messages": {"role": "developer"}}', id="no list"),
        pytest.param(b'{"messages": [], "n": 1, "x": [null]}', id="no message"),
        pytest.param(b'{"stream_options": {}, "x": [null]}', id="empty options"),
        pytest.param(b'{"store": true', id="cut off"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'[{"store": true}]', id="a list"),
        pytest.param(b'{"store": 1, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested too deeply"),
        pytest.param(b'{"store": 1, "a": "%b"}' % (b"a" * 2**24), id="too large"),
    ],
)
def test_left_as_it_is(body: bytes) -> None:
    found = chat(body)
    assert found.body == body
    assert found.done == ()


def test_a_body_that_names_nothing_new_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("llmworker_server.middleware.dialect.edited")
    body = b'{"model": "m", "user": "u", "messages": [%b], "max_tokens": 5}' % USER
    assert chat(body).body is body


@pytest.mark.parametrize("other", [b"4", b'"5"', b"[]"])
def test_two_limits(other: bytes) -> None:
    with pytest.raises(LimitsDifferError, match=r"^max_completion_tokens and max_tokens are one limit"):
        chat(b'{"max_completion_tokens": 5, "max_tokens": %b}' % other)


@pytest.mark.parametrize("name", OPEN)
def test_engines_that_take_any_field_get_all(name: str) -> None:
    body = b'{"store": 1, "max_completion_tokens": 5, "max_tokens": 4, "messages": [{"role": "user", "name": null}]}'
    assert chat(body, Dialect(profile(name))) == Translated(body)


def test_what_is_said_is_short() -> None:
    body = json.dumps({f"unknown_{number}": None for number in range(500)}).encode()
    assert len(chat(body).done) == 500
    assert len(chat(body).summary) <= 405
    assert chat(body).summary.endswith(", ...")


def _official() -> set[str]:
    """Every field that the OpenAI client of the tests can send, by its place."""
    requests: list[Any] = [
        chat_params.CompletionCreateParamsBase, chat_params.CompletionCreateParamsStreaming,
        completion_params.CompletionCreateParamsBase,
    ]  # fmt: skip
    top = {name for request in requests for name in get_type_hints(request)}
    options = {f"stream_options.{name}" for name in get_type_hints(ChatCompletionStreamOptionsParam)}
    return top | options | {f"messages.{name}" for name in ChatCompletionMessage.model_fields}


def test_every_field_of_the_current_client_is_decided() -> None:
    decided = decisions.WITHOUT_EFFECT | decisions.WITHOUT_EFFECT_AS.keys() | decisions.MISSED | {decisions.NEW_LIMIT}
    known = {"": OLD.known["chat"] | OLD.known["completion"]} | {
        "messages": OLD.known["message"], "stream_options": OLD.known["stream_options"]
    }  # fmt: skip
    undecided = {
        path for path in _official() - decided if path.rpartition(".")[2] not in known[path.rpartition(".")[0]]
    }
    assert undecided == set()
    assert not decisions.WITHOUT_EFFECT & decisions.MISSED
