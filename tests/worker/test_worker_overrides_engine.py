"""The pieces and the events that a request asks for, from a whole worker around the real vLLM on the CPU."""

import json
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import httpx
import pytest
from openai import BadRequestError, OpenAI

from assets.waiting import until
from assets.worker_process import WorkerProcess, ready_worker

pytestmark = pytest.mark.engine

ASKED = {"max_batch_size": 10, "min_batch_size": 4, "batch_size_growth_factor": 2}
WRONG = {"max_batch_size": True, "min_batch_size": 0, "batch_size_growth_factor": "fast"}
CHAT_PROMPT = {"messages": [{"role": "user", "content": "Hello"}]}
ANSWER = {"model": "tiny", "max_tokens": 600, "stream": True, "ignore_eos": True}
"""Enough for 100 events of four tokens of a busy engine too, which may write them with the next four as one."""

COUNTED = 40
"""Tokens of an answer whose events are counted one by one."""
TRIES = 50
"""At rest no event of the engine waits for the next one, with which it would become one."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A ready worker with the documented defaults, 1, 3, 9, 27, 50, and four tokens an event. Its log names the fields
    that it does not know."""
    with ready_worker(tmp_path_factory.mktemp("worker"), VLLM_LOGGING_LEVEL="DEBUG", STREAM_INTERVAL="4") as started:
        yield started


@pytest.fixture
def client(worker: WorkerProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=worker.url, api_key="none", max_retries=0) as openai:
        yield openai


def pieces(worker: WorkerProcess, path: str, asked: dict[str, object]) -> list[int]:
    """The events in each piece of a streamed answer: httpx gives the chunks of HTTP as they were framed."""
    with httpx.stream("POST", worker.url + path, json=ANSWER | asked, timeout=60, trust_env=False) as answer:
        assert answer.status_code == 200
        return [piece.count(b"data: ") for piece in answer.iter_raw()]


both_paths = pytest.mark.parametrize(
    ("path", "prompt"),
    [
        pytest.param("/chat/completions", CHAT_PROMPT | {"logprobs": True}, id="chat"),
        pytest.param("/completions", {"prompt": "Hello", "logprobs": 0}, id="completions"),
    ],
)


@both_paths
def test_the_pieces_are_those_asked_for(worker: WorkerProcess, path: str, prompt: dict[str, object]) -> None:
    counts = pieces(worker, path, prompt | ASKED)
    assert sum(counts) >= 100
    assert counts[:4] == [4, 8, 10, 10]
    assert pieces(worker, path, prompt)[:4] == [1, 3, 9, 27], "the worker's own, for a request that asks for nothing"


def streamed(worker: WorkerProcess, path: str, body: dict[str, object]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The choices of a streamed answer, one an event, and its usage."""
    asked = body | {"stream_options": {"include_usage": True}}
    text = httpx.post(worker.url + path, json=asked, timeout=60, trust_env=False).text
    *events, end = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert end == "[DONE]"
    *chunks, last = [json.loads(event) for event in events]
    return [chunk["choices"][0] for chunk in chunks], last["usage"]


def whole(worker: WorkerProcess, path: str, body: dict[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The choice of the same answer that is not streamed, and its usage."""
    answer = httpx.post(worker.url + path, json=body | {"stream": False}, timeout=60, trust_env=False).json()
    return answer["choices"][0], answer["usage"]


def said(choice: dict[str, Any]) -> tuple[str, list[str]]:
    """The text of a choice, whole or a part, and its tokens."""
    text = choice["text"] if "text" in choice else choice.get("message", choice.get("delta"))["content"]
    found = choice["logprobs"] or {}
    return text or "", found.get("tokens") or [entry["token"] for entry in found.get("content") or ()]


@both_paths
@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        pytest.param({}, [1, *9 * [4], 3], id="STREAM_INTERVAL"),
        pytest.param({"stream_interval": 8}, [1, *4 * [8], 7], id="more, as the request says"),
        pytest.param({"stream_interval": 2}, [1, *9 * [4], 3], id="not fewer, whatever it says"),
    ],
)
def test_an_event_holds_as_many_tokens_as_was_said_and_nothing_is_lost(
    worker: WorkerProcess, path: str, prompt: dict[str, object], asked: dict[str, object], tokens: list[int]
) -> None:
    body = ANSWER | prompt | asked | {"max_tokens": COUNTED, "temperature": 0}
    for _ in range(TRIES):
        choices, usage = streamed(worker, path, body)
        parts = [said(choice) for choice in choices]
        counts = [len(names) for _, names in parts if names]
        assert set(accumulate(counts)) <= set(accumulate(tokens)), counts
        if counts == tokens:
            break
    assert counts == tokens
    answer, used = whole(worker, path, body)
    assert usage["completion_tokens"] == COUNTED
    assert usage.items() <= used.items()
    assert ("".join(text for text, _ in parts), [name for _, names in parts for name in names]) == said(answer)
    assert choices[-1]["finish_reason"] == answer["finish_reason"] == "length"


def test_the_openai_client_sends_them(client: OpenAI) -> None:
    chat = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "Hello"}], max_tokens=5, extra_body=ASKED
    )
    stream = client.completions.create(model="tiny", prompt="Hello", max_tokens=5, stream=True, extra_body=ASKED)
    assert chat.choices[0].finish_reason in ("length", "stop")
    assert list(stream)[-1].choices[0].finish_reason in ("length", "stop")


def test_the_openai_client_is_told_what_is_wrong(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.completions.create(model="tiny", prompt="Hello", max_tokens=5, extra_body=WRONG)
    assert (refused.value.param, refused.value.code) == ("max_batch_size", "invalid_value")
    assert refused.value.type == "invalid_request_error"
    assert all(f"{name}: expected" in str(refused.value) for name in WRONG)


def test_the_engine_does_not_see_them(worker: WorkerProcess, client: OpenAI) -> None:
    client.completions.create(model="tiny", prompt="Hello", max_tokens=1, extra_body=ASKED | {"unknown_to_all": 1})
    until(lambda: "unknown_to_all" in worker.log, "the line about the other field", 10)
    unknown = [line for line in worker.log.splitlines() if "present in the request but ignored" in line]
    assert unknown
    assert [line for line in unknown if any(name in line for name in ASKED)] == []


def test_errors_have_one_shape_and_nothing_is_translated(worker: WorkerProcess) -> None:
    chat = CHAT_PROMPT | {"model": "other", "max_completion_tokens": 5, "store": True}
    unknown = httpx.post(f"{worker.url}/chat/completions", json=chat, timeout=60, trust_env=False)
    nowhere = httpx.get(f"{worker.url}/nowhere", trust_env=False)
    for answer in (unknown, nowhere):
        assert answer.status_code == 404
        assert answer.json()["error"].keys() >= {"message", "type", "param", "code"}
        assert "x-llmworker-translated" not in answer.headers
    assert "other" in unknown.json()["error"]["message"]
