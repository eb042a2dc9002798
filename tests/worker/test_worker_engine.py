"""A whole worker: the supervisor as it is started in a pod, around the real vLLM on the CPU."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from openai import OpenAI

from assets.models import SMOLLM2, TINY_LLAMA, model_path
from assets.worker_process import WorkerProcess, running, worker_process
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


def chunks(port: int, body: str) -> list[bytes]:
    """The HTTP chunks of an answer, as they were framed: no client library joins or cuts them here."""
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request.encode())
        head, _, rest = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
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
    assert '"POST /v1/completions HTTP/1.1" 200' in worker.log.split("llmworker: ready")[0]


def test_settings_and_no_secret_anywhere(worker: WorkerProcess) -> None:
    found = {s["variable"]: s for s in worker.admin("/settings").json()["settings"]}
    assert found["MAX_MODEL_LEN"]["value"] == "2048"
    assert found["HF_TOKEN"]["value"] == "set"
    assert "verysecret" not in worker.log + worker.admin("/settings").text + str(worker.pids())


def test_a_streamed_answer_comes_in_growing_pieces(worker: WorkerProcess) -> None:
    pieces = chunks(worker.openai_port, CHAT)
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
    assert '"GET /health HTTP/1.1" 200' not in worker.log


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
