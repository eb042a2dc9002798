"""Why a worker failed, as the real vLLM on the CPU says it, up to the termination message and the last line."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assets.hub import gated_hub
from assets.models import TINY_LLAMA, model_path
from assets.worker_process import worker_process

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Case:
    """A model that is changed, what the worker is told, and what it should say."""

    reason: str
    message: str
    remedy: str
    environ: dict[str, str]
    config: dict[str, Any] = field(default_factory=dict)
    """What the model's config.json says otherwise."""
    without: tuple[str, ...] = ()
    """Files that are missing."""


CASES = [
    Case("NotQuantized", "QUANTIZATION is awq", "Unset QUANTIZATION", {"QUANTIZATION": "awq"}),
    Case("HeadsNotDivisible", "2 attention heads", "TENSOR_PARALLEL_SIZE", {"TENSOR_PARALLEL_SIZE": "3"}),
    Case("UnknownArchitecture", "FooForCausalLM", "newer vLLM", {}, config={"architectures": ["FooForCausalLM"]}),
    Case("WeightsMissing", "There are no weights at /", "MODEL_NAME", {}, without=("model.safetensors",)),
    Case("TokenizerMissing", "no tokenizer", "TOKENIZER", {}, without=("tokenizer.json", "tokenizer_config.json")),
]


def model(folder: Path, case: Case) -> Path:
    """A copy of the tiny model, changed."""
    shutil.copytree(model_path(TINY_LLAMA), folder, ignore=shutil.ignore_patterns(*case.without))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | case.config))
    return folder


def explained(tmp_path: Path, case: Case, **environ: str) -> None:
    """The worker ends with the cause in its termination message and in the last line of its log."""
    with worker_process(tmp_path, **case.environ, **environ) as worker:
        assert worker.wait_for_end() == 1
        told = worker.termination
        assert told["reason"] == case.reason, worker.log[-3000:]
        assert case.message in told["message"]
        assert case.remedy in told["remedy"]
        assert told["exitCode"] == 1
        assert worker.log.splitlines()[-1] == f"llmworker: {case.reason}: {told['message']} {told['remedy']}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason)
def test_a_failure_is_explained(tmp_path: Path, case: Case) -> None:
    explained(tmp_path, case, MODEL_NAME=str(model(tmp_path / "model", case)))


def test_a_template_that_does_not_compile_ends_the_worker_before_the_engine_starts(tmp_path: Path) -> None:
    environ = {"MODEL_NAME": "org/model", "CUSTOM_CHAT_TEMPLATE": "{% for m in messages %}{{ m } }}"}
    with worker_process(tmp_path, **environ) as worker:
        assert worker.wait_for_end(60) == 2
        assert (worker.termination["reason"], worker.termination["exitCode"]) == ("BadEnvironment", 2)
        assert worker.log.splitlines()[-1].startswith("llmworker: CUSTOM_CHAT_TEMPLATE: expected a Jinja template")
        assert "llmworker: starting" not in worker.log


def test_a_gated_model_without_access_is_explained_and_the_token_is_nowhere(tmp_path: Path) -> None:
    own = {"HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hub"), "HF_TOKEN": "hf_verysecret"}
    with gated_hub() as url:
        case = Case("ModelForbidden", "the account of HF_TOKEN has no access", "licence", {**own, "HF_ENDPOINT": url})
        explained(tmp_path, case, MODEL_NAME="org/gated")
    assert "verysecret" not in (tmp_path / "worker.log").read_text() + (tmp_path / "termination.json").read_text()
