"""How workers with the real vLLM end: asked to, killed, and hanging."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from openai import APIError, APIStatusError, InternalServerError, OpenAI

from assets.models import SMOLLM2
from assets.waiting import until
from assets.worker_process import WorkerProcess, ready_worker, running

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
AUTOSCALING = (*(ROOT / "examples" / "autoscaling").glob("*.yaml"), ROOT / "docs" / "scaling.md")
"""Where people are told which of the engine's metrics to scale by."""

STREAMS = 20
"""Of a model that is slow enough for them to be open when something happens."""


def stream(worker: WorkerProcess, tokens: int, began: Callable[[], object]) -> tuple[int, str | None]:
    """How many tokens came, and the finish reason. Raises APIError or httpx's errors as a client sees them."""
    with OpenAI(base_url=worker.url, api_key="none", max_retries=0, timeout=120) as client:
        answer = client.completions.create(
            model="tiny",
            prompt="Hello",
            max_tokens=tokens,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        )
        reason, count = None, 0
        for number, chunk in enumerate(answer):
            if number == 0:
                began()
            if chunk.choices and chunk.choices[0].finish_reason:
                reason = chunk.choices[0].finish_reason
            if chunk.usage:
                count = chunk.usage.completion_tokens
        return count, reason


@contextmanager
def open_streams(worker: WorkerProcess, tokens: int) -> Iterator[list["Future[tuple[int, str | None]]"]]:
    """As many as `STREAMS`, all of which have begun."""
    begun = threading.Semaphore(0)
    with ThreadPoolExecutor(STREAMS) as pool:
        answers = [pool.submit(stream, worker, tokens, begun.release) for _ in range(STREAMS)]
        for _ in answers:
            assert begun.acquire(timeout=60)
        yield answers


def test_asked_to_end_it_answers_what_is_open_and_refuses_what_is_new(tmp_path: Path) -> None:
    with ready_worker(tmp_path, SMOLLM2) as worker:
        processes = worker.pids()
        with open_streams(worker, 300) as answers:
            worker.process.send_signal(signal.SIGTERM)
            until(lambda: worker.phase() == "draining", "draining", 5)
            assert worker.admin("/readyz").status_code == 503
            with OpenAI(base_url=worker.url, api_key="none", max_retries=0) as client:
                with pytest.raises(InternalServerError) as refused:
                    client.completions.create(model="tiny", prompt="Hello", max_tokens=1)
                assert refused.value.status_code == 503
                assert refused.value.code == "worker_ending"
                assert refused.value.response.headers["retry-after"] == "2"
                assert client.models.list().data[0].id == "tiny"
            assert not any(answer.done() for answer in answers), "too fast to show anything"
            assert [answer.result(120) for answer in answers] == [(300, "length")] * STREAMS
        assert worker.wait_for_end(30) == 0
        until(lambda: not running(processes), "nothing left running", 5)
        assert not worker.termination_path.exists()


def test_asked_twice_it_ends_the_open_streams_with_an_error(tmp_path: Path) -> None:
    with ready_worker(tmp_path, SMOLLM2) as worker:
        with open_streams(worker, 1000) as answers:
            worker.process.send_signal(signal.SIGTERM)
            until(lambda: worker.phase() == "draining", "draining", 5)
            worker.process.send_signal(signal.SIGTERM)
            wait(answers, 30)
            errors = [answer.exception() for answer in answers]
        assert all(isinstance(error, APIError) and error.code == "worker_ending" for error in errors), errors
        assert "DRAIN_TIMEOUT_SECONDS" in str(errors[0])
        assert worker.wait_for_end(30) == 0


def engine_core(worker: WorkerProcess) -> int:
    (found,) = (pid for pid, name in worker.pids().items() if "EngineCore" in name)
    return found


def test_a_killed_engine_is_told_to_every_client_and_ends_the_worker_with_the_cause(tmp_path: Path) -> None:
    with ready_worker(tmp_path, SMOLLM2) as worker:
        processes = worker.pids()
        with open_streams(worker, 1000) as answers:
            os.kill(engine_core(worker), signal.SIGKILL)
            killed = time.monotonic()
            while worker.process.poll() is None and worker.admin("/readyz").status_code == 200:
                assert time.monotonic() - killed < 2, "ready for too long"
                time.sleep(0.05)
            wait(answers, 30)
            errors = [answer.exception() for answer in answers]
        assert all(isinstance(error, (APIError, httpx.TransportError)) for error in errors), errors
        assert worker.wait_for_end(30) == 1
        assert worker.termination["reason"] == "EngineDied"
        assert worker.log.splitlines()[-1].startswith("llmworker: EngineDied: ")
        until(lambda: not running(processes), "nothing left running", 5)


def test_a_hanging_engine_is_not_ready_until_it_goes_on(tmp_path: Path) -> None:
    with ready_worker(tmp_path, SMOLLM2, HANG_TIMEOUT_SECONDS="4") as worker, ThreadPoolExecutor(STREAMS) as pool:
        began = threading.Event()
        answer = pool.submit(stream, worker, 300, began.set)
        assert began.wait(30)
        core = engine_core(worker)
        os.kill(core, signal.SIGSTOP)
        try:
            for _ in range(10):  # what comes in and what is refused is no sign of life
                assert httpx.post(f"{worker.url}/completions", json={"model": "x"}, trust_env=False).status_code >= 400
                pool.submit(stream, worker, 1, began.set)
                time.sleep(0.7)
            until(lambda: worker.phase() == "unhealthy", "unhealthy", 15)
            shown = worker.admin("/readyz")
            assert shown.status_code == 503
            assert "no token for" in shown.json()["detail"]
            assert httpx.get(f"{worker.url.removesuffix('/v1')}/health", trust_env=False).status_code == 200
        finally:
            os.kill(core, signal.SIGCONT)
        assert answer.result(60) == (300, "length")
        until(lambda: worker.phase() == "ready", "ready again", 15)
        metrics = worker.admin("/metrics").text
        assert "llmworker_ready 1.0" in metrics
        assert "vllm:generation_tokens_total" in metrics
        assert 'llmworker_answers_total{code="200"}' in metrics
        for asked in {name for path in AUTOSCALING for name in re.findall(r"vllm:\w+", path.read_text())}:
            assert re.search(rf"^{asked}(\{{|_total| )", metrics, re.MULTILINE), f"{asked}: autoscalers are told of it"


def test_a_hang_that_lasts_ends_the_worker_so_that_it_starts_anew(tmp_path: Path) -> None:
    with ready_worker(tmp_path, SMOLLM2, HANG_TIMEOUT_SECONDS="2") as worker, ThreadPoolExecutor(1) as pool:
        began = threading.Event()
        answer = pool.submit(stream, worker, 300, began.set)
        assert began.wait(30)
        os.kill(engine_core(worker), signal.SIGSTOP)
        assert worker.wait_for_end(40) == 1
        assert worker.termination["reason"] == "EngineHung"
        assert isinstance(answer.exception(30), (APIError, APIStatusError, httpx.TransportError))
