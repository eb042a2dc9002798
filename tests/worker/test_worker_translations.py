"""The real engine, started with settings that this release knows by other names: what they become has to work."""

import json
import os
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from assets.engine import engine_python
from assets.models import TINY_LLAMA, model_path
from assets.worker_process import WorkerProcess, worker_process
from llmworker_contract.argv import engine_args
from llmworker_contract.codec import parse
from llmworker_contract.engines import profile

pytestmark = pytest.mark.engine

TEMPLATE = "{% for m in messages %}{{ m['content'] }}é→{% endfor %}"
ASKED = {
    "CUSTOM_CHAT_TEMPLATE": TEMPLATE,
    "GUIDED_DECODING_BACKEND": "outlines",
    "NGRAM_PROMPT_LOOKUP_MAX": "3",
    "NGRAM_PROMPT_LOOKUP_MIN": "1",
    "NUM_SPECULATIVE_TOKENS": "2",
    "ROPE_SCALING": '{"rope_type": "linear", "factor": 2.0}',
    "ROPE_THETA": "20000",
    "MAX_MODEL_LEN": "4096",
    "DISABLE_LOG_REQUESTS": "0",
    "MAX_LOG_LEN": "3",
    "SWAP_SPACE": "8",
    "PREEMPTION_CHECK_PERIOD": "1.0",
    "MAX_CONTEXT_LEN_TO_CAPTURE": "8192",
    "OPENAI_SERVED_MODEL_NAME_OVERRIDE": "tiny",
    "OPENAI_RESPONSE_ROLE": "helper",
}


ENVIRON = os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
ROPE_PROGRAM = """
import argparse, json, sys
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = AsyncEngineArgs.add_cli_args(FlexibleArgumentParser())
config = AsyncEngineArgs.from_cli_args(parser.parse_args(sys.argv[1:])).create_model_config()
rope = config.hf_text_config.rope_parameters
print(json.dumps({"base": rope["rope_theta"], "kind": rope["rope_type"]}))
"""
"""Prints what the real engine's model configuration says of the rotary embedding."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    folder = tmp_path_factory.mktemp("translated")
    with worker_process(folder, MODEL_NAME=str(model_path(TINY_LLAMA)), **ASKED) as started:
        started.wait_for_phase("ready")
        yield started


def post(worker: WorkerProcess, path: str, **body: object) -> httpx.Response:
    return httpx.post(f"{worker.url}{path}", json={"model": "tiny", **body}, timeout=60, trust_env=False)


def test_the_log_says_what_becomes_of_what_is_not_simply_honoured(worker: WorkerProcess) -> None:
    for line in (
        "llmworker: SWAP_SPACE: no effect: vLLM 0.32.0 has no --swap-space since 0.18.0: preempted requests are "
        "recomputed; remove it",
        "llmworker: PREEMPTION_CHECK_PERIOD: never had effect: no vLLM ever had it",
        "llmworker: ROPE_THETA: translated: ",
        "llmworker: MAX_CONTEXT_LEN_TO_CAPTURE is not read by a worker: use MAX_SEQ_LEN_TO_CAPTURE",
        "llmworker: GUIDED_DECODING_BACKEND: translated: the key backend of --structured-outputs-config",
        "llmworker: NGRAM_PROMPT_LOOKUP_MAX: translated: the key prompt_lookup_max of --speculative-config",
    ):
        assert line in worker.log
    assert "MAX_MODEL_LEN: " not in worker.log


def test_settings_shows_the_verdicts(worker: WorkerProcess) -> None:
    found = {setting["variable"]: setting for setting in worker.admin("/settings").json()["settings"]}
    assert found["SWAP_SPACE"]["verdict"] == "no effect"
    assert found["ROPE_THETA"]["verdict"] == "translated"
    assert found["MAX_MODEL_LEN"]["verdict"] == "honoured"


def test_a_template_beyond_ascii_reaches_the_prompt_unharmed(worker: WorkerProcess) -> None:
    asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    answer = post(worker, "/chat/completions", **asked).json()
    assert answer["usage"]["prompt_tokens"] == len("Hié→".encode())  # the tiny model's tokens are bytes
    assert answer["choices"][0]["message"]["role"] == "helper"


def test_the_longer_context_of_the_scaled_rope_is_there(worker: WorkerProcess) -> None:
    """The model declares 2048 positions; scaled by 2 it takes more."""
    answer = post(worker, "/completions", prompt="a" * 3000, max_tokens=1)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["prompt_tokens"] >= 3000


@pytest.mark.parametrize(
    ("asked", "base", "kind"),
    [
        pytest.param({"ROPE_THETA": "20000"}, 20000.0, "default", id="the base alone"),
        pytest.param(
            {"ROPE_THETA": "20000", "ROPE_SCALING": '{"type": "linear", "factor": 2}'}, 20000.0, "linear", id="both"
        ),
    ],
)
def test_the_engine_builds_its_rotary_embedding_with_what_was_asked(
    asked: dict[str, str], base: float, kind: str
) -> None:
    """Of a dictionary that lacks something newer engines silently take 10000 for the base."""
    argv = engine_args(parse({"MODEL_NAME": str(model_path(TINY_LLAMA))} | asked), profile("cpu"))
    done = subprocess.run(
        [str(engine_python()), "-c", ROPE_PROGRAM, *argv], capture_output=True, text=True, check=True, env=ENVIRON
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {"base": base, "kind": kind}


def test_drafts_from_the_prompt_are_made(worker: WorkerProcess) -> None:
    """The tiny model's tokens are bytes, so that of 64 some have been there before."""
    every_byte = "".join(map(chr, range(32, 127)))
    answer = post(worker, "/completions", prompt=every_byte, max_tokens=64, ignore_eos=True)
    assert answer.status_code == 200
    metrics = httpx.get(f"{worker.url.removesuffix('/v1')}/metrics", timeout=10, trust_env=False).text
    drafts = [line for line in metrics.splitlines() if line.startswith("vllm:spec_decode_num_drafts_total")]
    assert float(drafts[0].rpartition(" ")[2]) > 0


def test_a_schema_is_kept_by_the_chosen_backend(worker: WorkerProcess) -> None:
    answer = post(
        worker, "/completions", prompt="a", max_tokens=8, structured_outputs={"choice": ["north", "south"]}
    ).json()
    assert answer["choices"][0]["text"] in {"north", "south"}


def test_requests_are_logged_and_their_prompts_cut(worker: WorkerProcess) -> None:
    post(worker, "/completions", prompt="secretprompt", max_tokens=1)
    assert "secretprompt" not in worker.log
    assert "Received request" in worker.log
