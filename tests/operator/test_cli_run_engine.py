"""`llmworker run` with the real vLLM on the CPU: from a manifest to streamed chunks, or to a cause."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.engine import engine_python
from assets.models import TINY_LLAMA, model_path
from assets.worker_process import SOURCES, START_TIMEOUT, WorkerProcess, free_port, running

pytestmark = pytest.mark.engine


def manifest(tmp_path: Path, **engine: Any) -> Path:
    """The tiny model on a small machine."""
    free = {"HF_HUB_OFFLINE": "1", "TORCH_COMPILE_DISABLE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    spec = {
        "model": {"name": str(model_path(TINY_LLAMA))},
        "image": {"profile": "cpu"},
        "engine": {"enforceEager": True, **engine},
        "openai": {"servedModelNameOverride": "tiny"},
        "env": [{"name": name, "value": value} for name, value in free.items()],
    }
    head = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "metadata": {"name": "chat"}}
    path = tmp_path / "worker.yaml"
    path.write_text(yaml.safe_dump({**head, "spec": spec}))
    return path


@contextmanager
def command(tmp_path: Path, program: str, path: Path) -> Iterator[tuple[WorkerProcess, Path]]:
    """The running command, and the file that it writes to."""
    openai, admin, told = free_port(), free_port(), tmp_path / "told"
    arguments = ["--python", str(engine_python()), "--port", str(openai), "--admin-port", str(admin)]
    with told.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name(program)), "run", "-f", str(path), *arguments,
             "--log", str(tmp_path / "log")],
            env={**os.environ, "PYTHONPATH": str(SOURCES)}, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    worker = WorkerProcess(process, openai, admin, tmp_path / "log", tmp_path / "none")
    try:
        yield worker, told
    finally:
        process.terminate()
        process.wait(60)


def test_from_a_manifest_to_streamed_chunks_and_an_end_that_leaves_nothing(tmp_path: Path) -> None:
    assert shutil.which("curl"), "the line is for curl: install it"
    with command(tmp_path, "llmworker", manifest(tmp_path, maxModelLen=2048)) as (worker, told):
        deadline = time.monotonic() + START_TIMEOUT
        while "Ctrl-C" not in told.read_text():
            assert worker.process.poll() is None, told.read_text()
            assert time.monotonic() < deadline, told.read_text() + worker.log[-3000:]
            time.sleep(0.2)
        assert f"{worker.url} serves tiny" in told.read_text()
        (line,) = [line for line in told.read_text().splitlines() if line.startswith("  curl ")]
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=True)
        *chunks, last = [text.removeprefix("data: ") for text in done.stdout.splitlines() if text]
        assert last == "[DONE]"
        assert len(chunks) > 5
        assert {json.loads(chunk)["object"] for chunk in chunks} == {"chat.completion.chunk"}
        left = worker.pids()
        assert len(left) > 2
        worker.process.send_signal(signal.SIGINT)
        assert worker.wait_for_end(60) == 0
    assert told.read_text().endswith("ended as asked\n")
    assert running(left) == {}


def test_a_start_that_fails_ends_with_the_remedy(tmp_path: Path) -> None:
    with command(tmp_path, "kubectl-llmworker", manifest(tmp_path, maxModelLen=999_999)) as (worker, told):
        assert worker.wait_for_end() == 1
    *_, reason, message, remedy = told.read_text().splitlines()
    assert reason == "failed: ContextTooLong"
    assert message.startswith("MAX_MODEL_LEN is 999999, but the model was made for ")
    assert remedy.startswith("Set MAX_MODEL_LEN to at most ")
    assert f"the last lines of {tmp_path / 'log'}" in told.read_text()
