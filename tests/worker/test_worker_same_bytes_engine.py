"""Whatever a client asks for, the worker sends what vLLM's own server sends: the same bytes but for ids and times."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from bench.servers import MODEL, plain, worker

pytestmark = pytest.mark.engine

TRIES = 20
"""A busy engine may put two tokens into one event, on either side; at rest it does not."""

USER = [{"role": "user", "content": "What is the weather in Paris?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "warm": {"type": "boolean"}},
    "required": ["city", "warm"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}}
DRAWN = {"temperature": 1, "seed": 3}
"""For JSON: the likeliest token of a model that knows nothing is one more blank, without an end."""

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (CHAT, {"messages": USER}),
    "tools": (CHAT, {**DRAWN, "messages": USER, "tools": [TOOL], "tool_choice": "required"}),
    "a named tool": (
        CHAT,
        {
            **DRAWN,
            "messages": USER,
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
    ),
    "JSON schema": (
        CHAT,
        {
            **DRAWN,
            "messages": USER,
            "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA}},
        },
    ),
    "logprobs of a chat": (CHAT, {"messages": USER, "logprobs": True, "top_logprobs": 3}),
    "two choices": (CHAT, {"messages": USER, "n": 2, "temperature": 1, "seed": 7}),
    "seed": (CHAT, {"messages": USER, "temperature": 1, "seed": 11}),
    "stop": (CHAT, {"messages": USER, "stop": ["e", "a"]}),
    "completion": (COMPLETION, {"prompt": "Hello"}),
    "logprobs and echo": (COMPLETION, {"prompt": "Hello", "logprobs": 2, "echo": True}),
    "a request that is refused": (COMPLETION, {"prompt": "Hello", "max_tokens": -1}),
}


class Pair(NamedTuple):
    """Clients of both servers."""

    ours: httpx.Client
    theirs: httpx.Client


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with (
        worker(folder, ENABLE_AUTO_TOOL_CHOICE="1", TOOL_CALL_PARSER="hermes") as ours,
        plain(folder, ENABLE_AUTO_TOOL_CHOICE="1", TOOL_CALL_PARSER="hermes") as theirs,
        httpx.Client(base_url=f"http://127.0.0.1:{ours.port}", timeout=120, trust_env=False) as our_client,
        httpx.Client(base_url=f"http://127.0.0.1:{theirs.port}", timeout=120, trust_env=False) as their_client,
    ):
        yield Pair(our_client, their_client)


def said(client: httpx.Client, path: str, body: dict[str, Any]) -> tuple[int, str, str]:
    """Status, content type and body, with ids and times taken out."""
    whole = {
        "model": MODEL,
        "max_tokens": 400 if "tools" in body or "response_format" in body else 40,
        "temperature": 0,
        **body,
    }
    answer = client.post(path, json=whole)
    text = re.sub(r'"((?:chat)?cmpl-|chatcmpl-tool-|call_)[^"]*"', '"ID"', answer.text)
    return answer.status_code, answer.headers["content-type"], re.sub(r'"created":\d+', '"created":0', text)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", CASES)
def test_same_bytes(pair: Pair, case: str, streamed: bool) -> None:
    path, body = CASES[case]
    if streamed:
        body = {**body, "stream": True, "stream_options": {"include_usage": True}}
    for _ in range(TRIES):
        ours, theirs = said(pair.ours, path, body), said(pair.theirs, path, body)
        if ours == theirs:
            break
    assert ours == theirs
    assert ours[0] == (400 if case == "a request that is refused" else 200), ours
    assert not streamed or ours[0] != 200 or ours[2].endswith("data: [DONE]\n\n")


def test_the_cases_are_what_they_are_called(pair: Pair) -> None:
    """Otherwise two servers that ignore what they are asked for would pass."""

    def chat(case: str) -> dict[str, Any]:
        path, body = CASES[case]
        found: dict[str, Any] = json.loads(said(pair.ours, path, body)[2])
        return found

    tools = [chat(case)["choices"][0]["message"] for case in ("tools", "a named tool")]
    assert all(message.get("tool_calls") for message in tools), tools
    assert all(message["tool_calls"][0]["function"]["name"] == "weather" for message in tools)
    assert set(json.loads(chat("JSON schema")["choices"][0]["message"]["content"])) == {"city", "warm"}
    assert len(chat("logprobs of a chat")["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 3
    assert [choice["index"] for choice in chat("two choices")["choices"]] == [0, 1]
    assert chat("completion")["usage"]["completion_tokens"] == 40


@pytest.mark.parametrize("case", ["tools", "a named tool"])
def test_a_tool_call_in_events_of_several_tokens_is_the_same_call(pair: Pair, case: str) -> None:
    path, body = CASES[case]
    whole = json.loads(said(pair.ours, path, body)[2])
    streamed = said(pair.ours, path, {**body, "stream": True, "stream_interval": 8})[2]
    *events, end = [event.removeprefix("data: ") for event in streamed.split("\n\n") if event]
    calls = [json.loads(event)["choices"][0]["delta"].get("tool_calls") or [] for event in events]
    parts = [part["function"] for several in calls for part in several]
    (call,) = whole["choices"][0]["message"]["tool_calls"]
    assert end == "[DONE]"
    assert "".join(part.get("name") or "" for part in parts) == call["function"]["name"]
    arguments = "".join(part.get("arguments") or "" for part in parts)
    assert json.loads(arguments) == json.loads(call["function"]["arguments"])
    assert sum(map(bool, calls)) <= 2 + whole["usage"]["completion_tokens"] // 8, "the first, the rest by eights"
