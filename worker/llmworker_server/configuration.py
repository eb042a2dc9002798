"""The environment of a worker as one value, or everything that is wrong with it.

Pure, but for two files: the chat template and the keys that it names are read, so that all problems are told together.

Beside the documented variables there are a few of our own, for images and tests:

- `LLMWORKER_ENGINE_PROFILE`: which engine the image holds; set when the image is built, required.
- `LLMWORKER_HOST`: the address that both servers listen on; unset: all.
- `LLMWORKER_OPENAI_PORT`, `LLMWORKER_ADMIN_PORT`: their ports; unset: those that probes and Service know.
- `LLMWORKER_ENGINE_ARGUMENTS`: the file with what the image's vLLM takes, recorded when the image was built.
- `LLMWORKER_TERMINATION_LOG`: where the cause of a failure is left; unset: where the kubelet looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmworker_contract import endpoints
from llmworker_contract.codec import read
from llmworker_contract.engines import EngineProfile, names, profile
from llmworker_contract.limits import refused
from llmworker_contract.problems import BadEnvironment, Problem
from llmworker_contract.settings import Settings
from llmworker_server import api_keys, chat_template, records
from llmworker_server.drift import Drift

GPUS_VARIABLE: Final = "NVIDIA_VISIBLE_DEVICES"
"""Set by NVIDIA's device plugin to the GPUs of the container."""

_NO_LIST: Final = frozenset({"all", "none", "void"})
"""Its values that do not say how many GPUs there are."""

_EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a pod is reached from outside, that is what it is for
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True)
class Configuration:
    """What a worker was told, and where it listens."""

    settings: Settings
    profile: EngineProfile
    """Where another vLLM than the profile's is installed, with the arguments of that one."""
    arguments_from: str = "profile"
    """Where the arguments are known from: `profile`, else `image` or `introspection`."""
    host: str = _EVERY_ADDRESS
    openai_port: int = endpoints.OPENAI_PORT
    admin_port: int = endpoints.ADMIN_PORT

    @property
    def served_name(self) -> str:
        """The name by which requests ask for the model."""
        name = self.settings.openai.served_model_name_override or self.settings.model.name
        if name is None:
            raise ValueError("these settings name no model, so no environment was parsed to them")
        return name

    @property
    def engine_url(self) -> str:
        """Where this machine reaches the engine's server."""
        host = "127.0.0.1" if self.host == _EVERY_ADDRESS else self.host
        return f"http://{host}:{self.openai_port}"


def configuration(environ: Mapping[str, str], drift: Drift | None = None) -> Configuration:
    """What the environment states; `drift`: another vLLM than the profile's is installed.

    Raises `BadEnvironment` with every problem found.
    """
    settings, problems = read(environ)
    openai_port = _port(environ, endpoints.OPENAI_PORT_VARIABLE, endpoints.OPENAI_PORT, problems)
    admin_port = _port(environ, endpoints.ADMIN_PORT_VARIABLE, endpoints.ADMIN_PORT, problems)
    problems += chat_template.problems(settings)
    problems += _key_problems(settings)
    engine = _profile(environ, problems)
    if engine is not None and drift is not None:
        engine = engine.with_engine(drift.found)
    if engine is not None:
        problems += [*refused(settings, engine), *_gpu_problems(settings, engine, environ)]
    if engine is None or problems:
        raise BadEnvironment(tuple(problems))
    host = environ.get(endpoints.HOST_VARIABLE) or _EVERY_ADDRESS
    source = "profile" if drift is None else drift.source
    return Configuration(settings, engine, source, host, openai_port, admin_port)


def termination_log(environ: Mapping[str, str]) -> Path:
    """Where to leave the cause of a failure. Asked for by itself, since it must work in a bad environment."""
    return Path(environ.get(endpoints.TERMINATION_LOG_VARIABLE) or endpoints.TERMINATION_LOG)


def log_format(environ: Mapping[str, str]) -> records.Format:
    """How records are written. Asked for by itself, since the problems of a bad environment are records too."""
    settings, _ = read(environ)
    return settings.serving.log_format or "plain"


def _port(environ: Mapping[str, str], name: str, default: int, problems: list[Problem]) -> int:
    text = environ.get(name)
    if not text:
        return default
    if text.isascii() and text.isdigit() and 0 < int(text) <= _HIGHEST_PORT:
        return int(text)
    problems.append(Problem(name, f"expected a port from 1 to {_HIGHEST_PORT}, got {text!r}"))
    return default


def _key_problems(settings: Settings) -> list[Problem]:
    """A file without keys would be found out by the serving process only, when the model has been loaded."""
    path = settings.serving.api_keys_file
    if path is not None:
        try:
            api_keys.read(path)
        except api_keys.BadKeys as error:
            return [Problem("API_KEYS_FILE", str(error))]
    return []


def _gpu_problems(settings: Settings, engine: EngineProfile, environ: Mapping[str, str]) -> list[Problem]:
    """Too few GPUs for how the model is split, where the container was given a list of them."""
    given = [part for part in environ.get(GPUS_VARIABLE, "").split(",") if part]
    across_nodes = settings.engine.distributed_executor_backend == "ray" or settings.engine.worker_use_ray
    needed = (settings.engine.tensor_parallel_size or 1) * (settings.engine.pipeline_parallel_size or 1)
    if engine.cuda is None or across_nodes or not given or given[0] in _NO_LIST or needed <= len(given):
        return []
    message = (
        f"times PIPELINE_PARALLEL_SIZE is {needed}, but the container has {len(given)} GPUs: lower them, or ask for "
        "more GPUs"
    )
    return [Problem("TENSOR_PARALLEL_SIZE", message)]


def _profile(environ: Mapping[str, str], problems: list[Problem]) -> EngineProfile | None:
    name = environ.get(endpoints.PROFILE_VARIABLE)
    if name in names():
        return profile(name)
    given = f"got {name!r}" if name else "it is not set"
    message = f"expected the engine profile of this image, one of {', '.join(names())}, but {given}"
    problems.append(Problem(endpoints.PROFILE_VARIABLE, message))
    return None
