"""The log of a whole worker around the real vLLM on the CPU, as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assets.waiting import until
from assets.worker_process import WorkerProcess, ready_worker, worker_process

pytestmark = pytest.mark.engine

PROMPT = "verysecretprompt"


def records(worker: WorkerProcess) -> list[dict[str, Any]]:
    """All of the log; a line that is not JSON fails the test."""
    return [json.loads(line) for line in worker.log.splitlines()]


def requests(worker: WorkerProcess) -> list[dict[str, Any]]:
    return [record for record in records(worker) if record["source"] == "request"]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A ready worker whose engine writes all that it can about requests."""
    environ = {"LOG_FORMAT": "json", "DISABLE_LOG_REQUESTS": "0", "VLLM_LOGGING_LEVEL": "DEBUG"}
    with ready_worker(tmp_path_factory.mktemp("logged"), **environ) as started:
        yield started


def post(worker: WorkerProcess, path: str = "/completions", name: str | None = None, **body: object) -> httpx.Response:
    headers = {} if name is None else {"X-Request-Id": name}
    asked = {"model": "tiny", "prompt": PROMPT, "max_tokens": 1, **body}
    return httpx.post(worker.url + path, json=asked, headers=headers, timeout=60, trust_env=False)


def test_every_line_is_a_record(worker: WorkerProcess) -> None:
    found = records(worker)
    assert all({"time", "level", "source", "message"} <= record.keys() for record in found)
    assert {record["source"] for record in found} == {"worker", "engine", "request"}
    assert {"info", "debug"} <= {record["level"] for record in found if record["source"] == "engine"}
    assert any(record["message"].startswith("ready after") for record in found if record["source"] == "worker")


def test_its_own_first_request_is_recorded_once_and_its_checks_are_not(worker: WorkerProcess) -> None:
    first = requests(worker)[0]
    assert (first["message"], first["ended"]) == ("POST /v1/completions 200", "complete")
    assert [record for record in records(worker) if "GET /health" in record["message"]] == []
    assert [record for record in records(worker) if "HTTP/1.1" in record["message"]] == []


def test_the_id_goes_in_and_out_and_to_the_engine(worker: WorkerProcess) -> None:
    answer = post(worker, name="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json()["id"] == "cmpl-mine-1", "vLLM's own use of the header"
    until(lambda: any(record["requestId"] == "mine-1" for record in requests(worker)), "the record", 10)
    (record,) = [record for record in requests(worker) if record["requestId"] == "mine-1"]
    assert (record["status"], record["ended"], record["path"]) == (200, "complete", "/v1/completions")
    assert 0 < record["millisecondsToHead"] <= record["milliseconds"]


def test_a_request_without_an_id_gets_one_that_the_engine_does_not_see(worker: WorkerProcess) -> None:
    answer = post(worker)
    name = answer.headers["x-request-id"]
    assert len(name) == 32
    assert name not in answer.json()["id"]
    until(lambda: any(record["requestId"] == name for record in requests(worker)), "the record", 10)


def test_a_refusal_of_the_engine_has_an_id_too(worker: WorkerProcess) -> None:
    answer = post(worker, "/no/such/path?secret=1", name="mine-2")
    assert (answer.status_code, answer.headers["x-request-id"]) == (404, "mine-2")
    until(lambda: any(record["requestId"] == "mine-2" for record in requests(worker)), "the record", 10)
    assert requests(worker)[-1]["path"] == "/v1/no/such/path"


def test_a_client_that_goes_is_recorded_as_gone(worker: WorkerProcess) -> None:
    asked = {"model": "tiny", "prompt": PROMPT, "max_tokens": 1900, "stream": True, "ignore_eos": True}
    headers = {"X-Request-Id": "mine-3"}
    url = f"{worker.url}/completions"
    with httpx.stream("POST", url, json=asked, headers=headers, timeout=60, trust_env=False) as answer:
        next(answer.iter_raw())
    until(lambda: any(record["requestId"] == "mine-3" for record in requests(worker)), "the record", 20)
    (record,) = [record for record in requests(worker) if record["requestId"] == "mine-3"]
    assert (record["status"], record["ended"]) == (200, "client gone")


def test_no_prompt_is_in_the_log_although_the_engine_was_asked_to_write_requests(worker: WorkerProcess) -> None:
    engine = [record["message"] for record in records(worker) if record["source"] == "engine"]
    assert any("Received request cmpl-mine-1" in message for message in engine)
    assert PROMPT not in worker.log


def test_a_failure_is_one_record(tmp_path: Path) -> None:
    with worker_process(tmp_path, MODEL_NAME="/no/such/model", LOG_FORMAT="json") as failing:
        assert failing.wait_for_end() == 1
        *_, last = records(failing)
    assert failing.termination["reason"] == last["reason"] == "ModelNotFound"
    assert (last["level"], last["source"], last["exitCode"]) == ("error", "worker", failing.termination["exitCode"])
    assert (last["message"], last["remedy"]) == (failing.termination["message"], failing.termination["remedy"])


@pytest.mark.parametrize("written", ["json", "xml"])
def test_the_problems_of_an_environment_are_written_as_it_asks_if_that_is_understood(
    written: str, tmp_path: Path
) -> None:
    with worker_process(tmp_path, MODEL_NAME="m", SEED="x", LOG_FORMAT=written) as refused:
        assert refused.wait_for_end(30) == 2
        lines = refused.log.splitlines()
    if written == "json":
        (record,) = map(json.loads, lines)
        assert (record["reason"], record["variable"], record["level"]) == ("BadEnvironment", "SEED", "error")
    else:
        assert [line.split(": ")[:2] for line in lines] == [["llmworker", "SEED"], ["llmworker", "LOG_FORMAT"]]
