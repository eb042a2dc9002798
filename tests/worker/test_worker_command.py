"""How the engine is started."""

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmworker_contract.engines import names, profile
from llmworker_server.command import MIDDLEWARE, Command, command
from llmworker_server.configuration import configuration

ENVIRON = {
    "MODEL_NAME": "org/model",
    "MAX_MODEL_LEN": "2048",
    "HF_TOKEN": "hf_verysecret",
    "LLMWORKER_ENGINE_PROFILE": "cpu",
    "LLMWORKER_OPENAI_PORT": "8100",
}


def started(**more: str) -> Command:
    environ = ENVIRON | more
    return command(configuration(environ), environ, python="/usr/bin/python3")


def test_vllms_own_server_with_our_middleware() -> None:
    assert started().argv == (
        "/usr/bin/python3",
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model=org/model",
        "--max-model-len=2048",
        "--host=0.0.0.0",
        "--port=8100",
        "--middleware=llmworker_server.middleware.installed.Layers",
        "--uvicorn-log-level=warning",
    )


@pytest.mark.parametrize("name", names())
def test_every_engine_knows_the_servers_own_options(name: str) -> None:
    assert {"host", "port", "middleware", "uvicorn_log_level"} <= profile(name).arguments.keys()


@pytest.mark.parametrize("profile", names())
def test_no_secret_is_in_the_command_line(profile: str) -> None:
    assert "verysecret" not in " ".join(started(LLMWORKER_ENGINE_PROFILE=profile).argv)


def test_middleware_is_a_class_at_the_path_that_vllm_imports() -> None:
    module, _, name = MIDDLEWARE.rpartition(".")
    assert inspect.isclass(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        pytest.param("hf_abc", "hf_abc", id="as given"),
        pytest.param(" hf_abc ", "hf_abc", id="without blanks"),
        pytest.param("None", None, id="None means unset"),
        pytest.param("", None, id="empty means unset"),
    ],
)
def test_the_token_reaches_the_engine_by_environment(given: str, passed: str | None) -> None:
    assert started(HF_TOKEN=given).environ.get("HF_TOKEN") == passed


def test_vllm_gets_no_key_not_even_the_word_none() -> None:
    assert "VLLM_API_KEY" not in started(VLLM_API_KEY="None").environ


def test_nothing_is_reported_unless_the_environment_says_so() -> None:
    assert started().environ["VLLM_NO_USAGE_STATS"] == started().environ["DO_NOT_TRACK"] == "1"
    assert started(VLLM_NO_USAGE_STATS="0").environ["VLLM_NO_USAGE_STATS"] == "0"


def test_other_variables_reach_the_engine() -> None:
    assert started(VLLM_CPU_KVCACHE_SPACE="1").environ["VLLM_CPU_KVCACHE_SPACE"] == "1"


@pytest.mark.parametrize("inherited", ["", "/some/where"])
def test_the_child_finds_the_middleware_from_any_folder(inherited: str, tmp_path: Path) -> None:
    """Isolated from this environment's site-packages, as a source tree beside an engine's environment is."""
    path = started(PYTHONPATH=inherited).environ["PYTHONPATH"].split(os.pathsep)
    assert path[1:] == [entry for entry in [inherited] if entry]
    program = "import importlib.util as u; print(u.find_spec('llmworker_server').origin)"
    environ = {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).parent.name == "llmworker_server"
