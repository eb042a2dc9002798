"""Images whose vLLM is not their profile's: every real engine in the place of another, and one started for real."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.models import TINY_LLAMA, model_path
from assets.parsers import SOURCES, Parser, parser_environ, parser_python
from assets.worker_process import worker_process
from contract.samples import environment
from llmworker_contract.argv import engine_args
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import parse
from llmworker_contract.engines import EngineProfile, Recorded, profile
from llmworker_contract.limits import refused

pytestmark = pytest.mark.engine

PROGRAM = """
import os, sys
from llmworker_server.drift import drift
seen = drift(os.environ)
print(seen.source)
print(seen.found.model_dump_json())
"""

PAIRS = [
    ("stable-cuda12.1.0", "dev-cuda12.1.0"),
    ("dev-cuda12.1.0", "stable-cuda12.1.0"),
    ("stable-cuda12.1.0", "latest-cuda13.0"),
    ("dev-cuda12.1.0", "cpu"),
]
"""The profile that an image says it is, and the one whose vLLM it holds."""


def introspected(said: str, held: str) -> Recorded:
    """What a worker of that profile finds out in the real environment of the other."""
    done = subprocess.run(
        [str(parser_python(held)), "-P", "-c", PROGRAM],
        env=parser_environ(held) | {"PYTHONPATH": str(SOURCES), "LLMWORKER_ENGINE_PROFILE": said},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *said_first, source, found = done.stdout.splitlines()
    assert source == "introspection"
    assert any(f"in the place of {profile(said).vllm}" in line for line in said_first)
    return Recorded.model_validate_json(found)


@pytest.fixture(scope="module", params=PAIRS, ids=" holds ".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    said, held = request.param
    return said, held


@pytest.fixture(scope="module")
def engine(pair: tuple[str, str]) -> EngineProfile:
    return profile(pair[0]).with_engine(introspected(*pair))


@pytest.fixture(scope="module")
def parser(pair: tuple[str, str]) -> Iterator[Parser]:
    with Parser(pair[1]) as started:
        yield started


def test_asking_at_the_start_finds_what_is_on_record(engine: EngineProfile, pair: tuple[str, str]) -> None:
    held = profile(pair[1])
    assert (engine.vllm, engine.arguments, engine.configs) == (held.vllm, held.arguments, held.configs)


def test_every_variable_is_accepted_by_the_vllm_that_is_there(
    engine: EngineProfile, parser: Parser, tmp_path: Path
) -> None:
    (tmp_path / "chat-template.jinja").write_text("{{ messages }}")
    accepted, wrong = 0, {}
    for variable in VARIABLES:
        settings = parse(environment(variable.name))
        if refused(settings, engine) or variable.name == "CUSTOM_CHAT_TEMPLATE_FILE":
            continue
        answer = parser.parse(engine_args(settings, engine, str(tmp_path)))
        accepted += answer["ok"]
        if not answer["ok"]:
            wrong[variable.name] = answer["error"]
    assert wrong == {}
    assert accepted > 70


def sources_of_another_release(folder: Path) -> Path:
    """Our code with a cpu profile for a vLLM that had one argument less and a variable's old name."""
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    engines = folder / "llmworker_contract" / "engines"
    for name in ("cpu.json", "cpu.arguments.json"):
        content = json.loads((engines / name).read_text()) | {"vllm": "0.31.0"}
        content.get("arguments", {}).pop("max_model_len", None)
        (engines / name).write_text(json.dumps(content))
    return folder


def test_a_worker_serves_with_a_vllm_that_its_profile_does_not_know(tmp_path: Path) -> None:
    sources = sources_of_another_release(tmp_path / "sources")
    environ = {"MODEL_NAME": str(model_path(TINY_LLAMA)), "MAX_MODEL_LEN": "1024", "SWAP_SPACE": "1"}
    with worker_process(tmp_path, PYTHONPATH=str(sources), **environ) as worker:
        worker.wait_for_phase("ready")
        shown = worker.admin("/settings").json()
        log = worker.log
    assert (shown["vllm"], shown["profileVllm"], shown["argumentsFrom"]) == ("0.32.0", "0.31.0", "introspection")
    assert "vLLM 0.32.0 is installed in the place of 0.31.0, for which cpu stands" in log
    assert "--max-model-len=1024" in log
    verdicts = {setting["variable"]: setting["detail"] for setting in shown["settings"]}
    assert verdicts["MAX_MODEL_LEN"] == "--max-model-len; by what vLLM 0.32.0 itself says of its arguments"
    assert verdicts["SWAP_SPACE"].startswith("vLLM 0.32.0 has no --swap-space")
