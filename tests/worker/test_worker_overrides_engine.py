"""The pieces that a request asks for, from a whole worker around the real vLLM on the CPU."""

from collections.abc import Iterator

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
"""Enough for 200 events of a busy engine too, which writes several tokens as one."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A ready worker with the documented defaults: 1, 3, 9, 27, 50. Its log names the fields that it does not know."""
    with ready_worker(tmp_path_factory.mktemp("worker"), VLLM_LOGGING_LEVEL="DEBUG") as started:
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


@pytest.mark.parametrize(
    ("path", "prompt"),
    [
        pytest.param("/chat/completions", CHAT_PROMPT, id="chat"),
        pytest.param("/completions", {"prompt": "Hello"}, id="completions"),
    ],
)
def test_the_pieces_are_those_asked_for(worker: WorkerProcess, path: str, prompt: dict[str, object]) -> None:
    counts = pieces(worker, path, prompt | ASKED)
    assert sum(counts) >= 200
    assert counts[:4] == [4, 8, 10, 10]
    assert pieces(worker, path, prompt)[:4] == [1, 3, 9, 27], "the worker's own, for a request that asks for nothing"


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
