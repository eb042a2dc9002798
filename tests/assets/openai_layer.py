"""The real OpenAI server of an old engine around a fake engine, as a process on a loopback port.

It is what these releases would run on a GPU: their parser, their application with our middleware in it, their server.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from assets.models import TINY_LLAMA, model_path
from assets.parsers import parser_environ, parser_python
from assets.waiting import until
from assets.worker_process import SOURCES, START_TIMEOUT, free_port
from llmworker_server.command import MIDDLEWARE

_TESTS = Path(__file__).parents[1]


@contextmanager
def openai_layer(profile: str, folder: Path, *, middleware: bool = True, **environ: str) -> Iterator[str]:
    """The server's address. It takes 5 to 10 seconds to start, and writes its log into the folder."""
    port, model = free_port(), str(model_path(TINY_LLAMA))
    own = {
        "PYTHONPATH": f"{_TESTS}:{SOURCES}",
        "LLMWORKER_ENGINE_PROFILE": profile,
        "MODEL_NAME": model,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    argv = [f"--model={model}", "--served-model-name=tiny", f"--port={port}", "--dtype=float32", "--max-model-len=2048"]
    if middleware:
        argv.append(f"--middleware={MIDDLEWARE}")
    log = folder / "openai-layer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(parser_python(profile)), "-P", "-m", "assets.openai_layer_process", *argv],
            cwd=folder,
            env=parser_environ(profile) | own | environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or _answers(url), "an answer of the server", START_TIMEOUT)
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
