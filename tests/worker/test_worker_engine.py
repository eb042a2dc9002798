"""A whole worker: the supervisor as it is started in a pod, around the real vLLM on the CPU."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest
from openai import OpenAI, RateLimitError

from assets.models import SMOLLM2, TINY_LLAMA, model_path
from assets.waiting import until
from assets.worker_process import WorkerProcess, running, worker_process
from llmworker_server.middleware.admission import generates
from llmworker_server.middleware.schedule import Schedule

pytestmark = pytest.mark.engine

ANSWER_TOKENS = 600
"""A busy vLLM writes several tokens as one event: 200 tokens came as 203 events at rest and as 88 under load."""

CHAT = f"""{{"model": "tiny", "messages": [{{"role": "user", "content": "Hello"}}], "max_tokens": {ANSWER_TOKENS},
 "stream": true, "ignore_eos": true, "stream_options": {{"include_usage": true}}}}"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A ready worker; what its admin app said on the way is recorded in its phases."""
    environ = {"OPENAI_SERVED_MODEL_NAME_OVERRIDE": "tiny", "MAX_MODEL_LEN": "2048", "HF_TOKEN": "hf_verysecret"}
    folder = tmp_path_factory.mktemp("worker")
    with worker_process(folder, MODEL_NAME=str(model_path(TINY_LLAMA)), **environ) as started:
        started.wait_for_phase("starting", 30)
        assert started.admin("/livez").status_code == 200
        assert started.admin("/readyz").status_code == started.admin("/startupz").status_code == 503
        started.wait_for_phase("ready")
        yield started


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A ready worker that takes one request at a time and streams lines of JSON."""
    environ = {"OPENAI_SERVED_MODEL_NAME_OVERRIDE": "tiny", "MAX_MODEL_LEN": "2048"}
    environ |= {"MAX_CONCURRENCY": "1", "RAW_OPENAI_OUTPUT": "0"}
    with worker_process(
        tmp_path_factory.mktemp("limited"), MODEL_NAME=str(model_path(TINY_LLAMA)), **environ
    ) as started:
        started.wait_for_phase("ready")
        yield started


def client(worker: WorkerProcess) -> httpx.Client:
    headers = {"Content-Type": "application/json"}
    return httpx.Client(base_url=worker.url.removesuffix("/v1"), headers=headers, timeout=60, trust_env=False)


@contextmanager
def asked(port: int, body: str, segment: int | None = None) -> Iterator[socket.socket]:
    """A connection on which a chat has been asked for.

    With small segments the kernel keeps little, so that an answer that nobody reads has to wait.
    """
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    with socket.socket() as connection:
        connection.settimeout(60)
        if segment:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, segment)
        connection.connect(("127.0.0.1", port))
        connection.sendall(request.encode())
        yield connection


def chunks(connection: socket.socket, received: bytes = b"") -> list[bytes]:
    """The HTTP chunks of an answer, as they were framed: no client library joins or cuts them here."""
    answer = received + b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b" 200 OK" in head.splitlines()[0], head
    found = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        found.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return found[:-1]  # the last has no bytes and is HTTP's end


def test_phases_come_before_readiness(worker: WorkerProcess) -> None:
    order = ["starting", "resolving", "loading_weights", "warming_up", "first_token", "ready"]
    assert worker.phases[0] == "starting"
    assert worker.phases[-1] == "ready"
    assert len(worker.phases) >= 4
    assert worker.phases == [phase for phase in order if phase in worker.phases]


def test_ready_after_a_token_and_before_any_request(worker: WorkerProcess) -> None:
    assert worker.admin("/readyz").status_code == worker.admin("/startupz").status_code == 200
    until(lambda: "llmworker: POST /v1/completions 200 in " in worker.log, "the record of the worker's own request", 5)


def test_settings_and_no_secret_anywhere(worker: WorkerProcess) -> None:
    found = {s["variable"]: s for s in worker.admin("/settings").json()["settings"]}
    assert found["MAX_MODEL_LEN"]["value"] == "2048"
    assert found["HF_TOKEN"]["value"] == "set"
    assert "verysecret" not in worker.log + worker.admin("/settings").text + str(worker.pids())


def test_a_streamed_answer_comes_in_growing_pieces(worker: WorkerProcess) -> None:
    with asked(worker.openai_port, CHAT) as connection:
        pieces = chunks(connection)
    counts = [piece.count(b"data: ") for piece in pieces]
    sizes = list(islice(Schedule(50, 1, 3).sizes(), len(counts)))
    assert len(counts) >= 6
    assert counts[:-1] == sizes[:-1]
    assert 1 <= counts[-1] <= sizes[-1]
    assert all(piece.endswith(b"\n\n") for piece in pieces)
    assert pieces[-1].endswith(b"data: [DONE]\n\n")
    assert f'"completion_tokens":{ANSWER_TOKENS}'.encode() in b"".join(pieces)


def test_the_openai_client_reads_the_stream(worker: WorkerProcess) -> None:
    with OpenAI(base_url=worker.url, api_key="none") as client:
        asked = [{"role": "user", "content": "Hello"}]
        stream = client.chat.completions.create(  # type: ignore[call-overload]
            model="tiny", messages=asked, max_tokens=60, stream=True, extra_body={"ignore_eos": True}
        )
        parts = list(stream)
    assert parts[0].choices[0].delta.role == "assistant"
    assert parts[-1].choices[0].finish_reason == "length"
    assert len(parts) > 10


def test_an_answer_at_once_is_json(worker: WorkerProcess) -> None:
    with OpenAI(base_url=worker.url, api_key="none") as client:
        answer = client.completions.create(model="tiny", prompt="Hello", max_tokens=5, extra_body={"ignore_eos": True})
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_its_own_checks_do_not_fill_the_log(worker: WorkerProcess) -> None:
    assert "GET /health" not in worker.log


def test_sigterm_ends_everything(worker: WorkerProcess) -> None:
    """The last of this module's worker."""
    before = worker.pids()
    assert len(before) >= 3
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait_for_end(30) == 0
    assert running(before) == {}
    assert not worker.termination_path.exists()


def test_sigterm_during_the_start_ends_everything(tmp_path: Path) -> None:
    with worker_process(tmp_path, MODEL_NAME=str(model_path(TINY_LLAMA))) as worker:
        worker.wait_for_phase("resolving")
        before = worker.pids()
        worker.process.send_signal(signal.SIGTERM)
        assert worker.wait_for_end(30) == 0
        assert running(before) == {}


def test_a_killed_engine_is_a_failure_with_a_cause(tmp_path: Path) -> None:
    with worker_process(tmp_path, MODEL_NAME=str(model_path(TINY_LLAMA))) as worker:
        worker.wait_for_phase("ready")
        before = worker.pids()
        (engine,) = [pid for pid, name in before.items() if "EngineCore" in name]
        os.kill(engine, signal.SIGKILL)
        worker.wait_for_phase("unhealthy", 10)
        assert worker.admin("/readyz").status_code == 503
        assert worker.wait_for_end(60) == 1
        assert running(before) == {}
        assert worker.termination["reason"] == "EngineDied"
        assert worker.termination["exitCode"] == 0


def test_a_context_that_does_not_fit_names_the_largest_that_does(tmp_path: Path) -> None:
    environ = {"MAX_MODEL_LEN": "200000", "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}
    with worker_process(tmp_path, MODEL_NAME=str(model_path(SMOLLM2)), **environ) as worker:
        assert worker.wait_for_end() == 1
        assert worker.termination["reason"] == "KvCacheTooSmall"
        said = re.search(r"estimated maximum model length is (\d+)", worker.log)
        assert said is not None
        assert 40_000 < int(said[1]) < 50_000  # of 1 GiB at 23 KB a token
        assert f"200000 tokens; the largest that fits is {said[1]}." in worker.termination["message"]
        assert f"Set MAX_MODEL_LEN to at most {said[1]}," in worker.termination["remedy"]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with worker_process(tmp_path, MODEL_NAME="/no/such/model") as worker:
        assert worker.wait_for_end() == 1
        assert worker.termination["reason"] == "ModelNotFound"
        assert "/no/such/model" in worker.termination["message"]


def test_a_bad_environment_ends_at_once_with_all_problems(tmp_path: Path) -> None:
    environ = {"MODEL_NAME": "m", "MAX_MODEL_LEN": "long", "DTYPE": "float8"}
    with worker_process(tmp_path, **environ) as worker:
        assert worker.wait_for_end(30) == 2
        assert worker.termination["reason"] == "BadEnvironment"
        assert worker.termination["exitCode"] == 2
        for name in ("MAX_MODEL_LEN", "DTYPE"):
            assert f"llmworker: {name}: expected" in worker.log
            assert name in worker.termination["message"]


def test_a_stream_as_lines_of_json(limited: WorkerProcess) -> None:
    with asked(limited.openai_port, CHAT) as connection:
        pieces = chunks(connection)
    assert all(piece.endswith(b"]\n") and piece.count(b"\n") == 1 for piece in pieces)
    lists = [json.loads(piece) for piece in pieces]
    sizes = list(islice(Schedule(50, 1, 3).sizes(), len(lists)))
    assert len(lists) >= 6
    assert [len(values) for values in lists[:-1]] == sizes[:-1]
    assert {value["object"] for values in lists for value in values} == {"chat.completion.chunk"}
    assert lists[0][0]["choices"][0]["delta"]["role"] == "assistant"
    assert lists[-1][-1]["usage"]["completion_tokens"] == ANSWER_TOKENS


@contextmanager
def streaming(worker: WorkerProcess) -> Iterator[tuple[socket.socket, bytes]]:
    """An answer that has begun, its first bytes, and too many more for it to end before it is read."""
    body = CHAT.replace('"stream": true', '"stream": true, "logprobs": true, "top_logprobs": 20')
    with asked(worker.openai_port, body, segment=536) as connection:
        yield connection, connection.recv(100)


def one_token(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/completions", json={"model": "tiny", "prompt": "Hello", "max_tokens": 1})


def test_one_more_request_than_the_limit_is_refused_until_the_first_has_ended(limited: WorkerProcess) -> None:
    with client(limited) as http, streaming(limited) as (first, received):
        openai = OpenAI(base_url=limited.url, api_key="none", max_retries=0)
        with openai, pytest.raises(RateLimitError) as refused:
            openai.completions.create(model="tiny", prompt="Hello", max_tokens=1)
        for path in ("/health", "/metrics", "/version", "/v1/models"):
            assert http.get(path).status_code == 200
        assert http.post("/tokenize", json={"model": "tiny", "prompt": "Hello"}).status_code == 200
        lists = [json.loads(piece) for piece in chunks(first, received)]
        assert one_token(http).status_code == 200
    assert (refused.value.code, refused.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "1")
    assert lists[-1][-1]["usage"]["completion_tokens"] == ANSWER_TOKENS


def test_a_client_that_goes_frees_its_place(limited: WorkerProcess) -> None:
    with client(limited) as http:
        with streaming(limited):
            assert one_token(http).status_code == 429
        until(lambda: one_token(http).status_code == 200, "a free place", 10)


def test_the_limit_knows_every_route_of_this_engine(limited: WorkerProcess) -> None:
    """A new release may bring one: does it make the engine compute?"""
    with client(limited) as http:
        routes = {path for path, methods in http.get("/openapi.json").json()["paths"].items() if "post" in methods}
    counted = {path for path in routes if generates({"type": "http", "method": "POST", "path": path})}
    assert routes - counted == set(
        """/detokenize /is_scaling_elastic_ep /ping /scale_elastic_ep /tokenize
        /v1/messages/count_tokens /v1/responses/{response_id}/cancel""".split()
    )
    assert counted == set(
        """/generative_scoring /invocations /v1/chat/completions /v1/chat/completions/batch
        /v1/completions /v1/messages /v1/responses /v1/systemone""".split()
    )
