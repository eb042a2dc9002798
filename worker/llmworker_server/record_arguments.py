"""Print, as JSON, what this environment's vLLM takes on the command line of its OpenAI server, and in a request.

Asks the real parser and the real models of a request. Standard library and vllm only, for it runs by itself in every
engine's own environment, also where no GPU is: on a developer's machine, while an image is built, and at the start of a
worker whose vLLM is unknown.
"""

import argparse
import dataclasses
import functools
import importlib
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, Literal, get_args


def main() -> None:
    """What vLLM itself writes to the standard output while it is imported goes to the standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    print(text(recorded()), file=answers, flush=True)


def make_parser() -> argparse.ArgumentParser:
    """The parser that `vllm.entrypoints.openai.api_server` makes at its start."""
    assume_cuda()
    agree_on_choices()
    flexible = first("FlexibleArgumentParser", "vllm.utils.argparse_utils", "vllm.utils")
    return first("make_arg_parser", *CLI_MODULES)(flexible())  # type: ignore[no-any-return]


CLI_MODULES = (
    "vllm.entrypoints.common.cli_args",
    "vllm.entrypoints.launchers.cli_args",
    "vllm.entrypoints.openai.cli_args",
)
"""Where releases keep the server's parser, the newest first."""


def first(name: str, *modules: str) -> Any:
    """A name out of the first of these modules that is there and has it: releases move things."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise ImportError(f"no {name} in any of {', '.join(modules)}")


@functools.cache
def assume_cuda() -> None:
    """Let a build for GPUs make its parser for CUDA, whether or not a GPU is here.

    Without one newer releases make no parser at all; with one they load libraries that only a whole image has.
    """
    platforms: Any = importlib.import_module("vllm.platforms")
    if hasattr(platforms, "_current_platform") and platforms.cpu_platform_plugin() is None:
        platforms._current_platform = first("UnspecifiedPlatform", "vllm.platforms.interface")()
        platforms._current_platform.device_type = "cuda"


@functools.cache
def agree_on_choices() -> None:
    """Let an argument that is typed with two Literals take what both have.

    vLLM makes its choices from one of them, the first of a set; the hash of a Literal stands on addresses in memory, so
    another start may take the other one. Only what is in both is always accepted.
    """
    arg_utils: Any = importlib.import_module("vllm.engine.arg_utils")
    original = getattr(arg_utils, "get_type", None)
    if original is None:
        return

    def agreed(hints: Iterable[Any], wanted: Any) -> Any:
        literals = [hint for hint in hints if wanted is Literal and arg_utils.is_type(hint, Literal)]
        if len(literals) < 2:  # noqa: PLR2004
            return original(hints, wanted)
        common = set.intersection(*(set(get_args(hint)) for hint in literals))
        return Literal[tuple(sorted(common))]

    arg_utils.get_type = agreed


def recorded() -> dict[str, Any]:
    parser = make_parser()
    engine_args = first("AsyncEngineArgs", "vllm.engine.arg_utils")
    engine_fields = {field.name for field in dataclasses.fields(engine_args)}
    left_out = vars(parser.parse_args([]))
    arguments = {}
    for action in parser._actions:
        if action.option_strings and action.dest != "help":
            name = long_name(action)
            arguments[name] = description(parser, action, left_out, engine_fields)
    return {
        "vllm": importlib.import_module("vllm").__version__,
        "arguments": arguments,
        "configs": configs(arguments),
        "requests": requests(),
    }


def long_name(action: argparse.Action) -> str:
    """The option without dashes in front; of several the one that its destination is named after."""
    names = [option[2:].replace("-", "_") for option in action.option_strings if option.startswith("--")]
    return action.dest if action.dest in names else names[0]


def description(
    parser: argparse.ArgumentParser, action: argparse.Action, left_out: dict[str, Any], engine_fields: set[str]
) -> dict[str, Any]:
    name = long_name(action)
    found: dict[str, Any] = {
        "form": form(action),
        "default": as_json(left_out.get(action.dest)),
        "engine": action.dest in engine_fields,
    }
    if getattr(action.type, "__name__", "") == "nullable_kvs":  # vLLM 0.6's name for image=1,video=0
        found["pairs"] = True
    if action.choices is not None:
        found["choices"] = [as_json(choice) for choice in action.choices]
    if f"--no-{name.replace('_', '-')}" in parser._option_string_actions:
        found["negatable"] = True
    if action.dest != name:
        found["dest"] = action.dest
    return found


def form(action: argparse.Action) -> str:
    """How many values follow the option. Raises for what no option of a known release is: it needs a decision."""
    if isinstance(action, argparse._StoreTrueAction | argparse.BooleanOptionalAction):
        return "switch"
    if isinstance(action, argparse._AppendAction) and action.nargs is None:
        return "append"
    if not isinstance(action, argparse._StoreConstAction | argparse._CountAction | argparse._AppendAction):
        forms = {None: "value", "?": "optional", "*": "list", "+": "list"}
        if action.nargs in forms:
            return forms[action.nargs]
    raise NotImplementedError(f"{action.option_strings}: {type(action).__name__} with nargs={action.nargs}")


def as_json(value: Any) -> Any:
    """A value that JSON can say, else None: what vLLM computes is no default that a user could write."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return None


def configs(arguments: dict[str, Any]) -> dict[str, list[str]]:
    """The keys of arguments that are JSON objects: `--x-config` is made into vLLM's class XConfig."""
    module = importlib.import_module("vllm.config")
    classes = {name.lower(): value for name, value in vars(module).items() if isinstance(value, type)}
    found = {name: classes.get(name.replace("_", "")) for name in arguments if name.endswith("_config")}
    return {name: sorted(keys(owner)) for name, owner in found.items() if owner is not None}


def keys(owner: type) -> list[str]:
    if dataclasses.is_dataclass(owner):
        return [field.name for field in dataclasses.fields(owner) if field.init]
    return list(owner.model_fields)  # type: ignore[attr-defined]


PROTOCOLS = (
    "vllm.entrypoints.openai.chat_completion.protocol",
    "vllm.entrypoints.openai.completion.protocol",
    "vllm.entrypoints.generate.base.protocol",
    "vllm.entrypoints.openai.protocol",
)
"""Where releases keep the models of a request."""


def requests() -> dict[str, Any]:
    """The fields of a completion request and of the objects in it, and whether any other field is refused."""
    chat = first("ChatCompletionRequest", *PROTOCOLS)
    models = {
        "chat": chat,
        "completion": first("CompletionRequest", *PROTOCOLS),
        "stream_options": first("StreamOptions", *PROTOCOLS),
        "function": first("FunctionDefinition", *PROTOCOLS),
    }
    found = {name: {"closed": is_closed(model), "fields": sorted(model.model_fields)} for name, model in models.items()}
    # A message is one of several dictionaries, without a setting of its own: the request's holds.
    return {**found, "message": {"closed": is_closed(chat), "fields": message_fields()}}


def is_closed(model: Any) -> bool:
    return bool(model.model_config.get("extra") == "forbid")


def message_fields() -> list[str]:
    """Of any role: whether a field suits the role is a model's decision."""
    union = first("ChatCompletionMessageParam", *PROTOCOLS)
    return sorted({name for message in get_args(union) for name in fields(message)})


def fields(message: Any) -> list[str]:
    return list(getattr(message, "model_fields", None) or message.__annotations__)


def text(record: dict[str, Any]) -> str:
    """One argument a line, so that the difference between two releases can be read."""
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {section(value)}" for key, value in record.items()) + "\n}"


def section(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return json.dumps(value)
    lines = (f"  {json.dumps(name)}: {json.dumps(value[name], sort_keys=True)}" for name in sorted(value))
    return "{\n" + ",\n".join(lines) + "\n }"


if __name__ == "__main__":
    main()
