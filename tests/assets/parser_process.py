"""The other side of `assets.parsers.Parser`, in an engine's own environment: standard library and vllm only."""

import argparse
import contextlib
import copy
import dataclasses
import enum
import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from llmworker_server import record_arguments


def main() -> None:
    """One JSON list of arguments a line in, one JSON object a line out; vLLM's own words go to the standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    parser = record_arguments.make_parser()
    # Else hundreds of lines stand before the one that matters.
    parser.print_usage = lambda file=None: None  # type: ignore[method-assign]
    for line in sys.stdin:
        print(json.dumps(_parsed(parser, json.loads(line))), file=answers, flush=True)


def _parsed(parser: argparse.ArgumentParser, argv: list[str]) -> dict[str, Any]:
    """As the server does it: parse, check, make the engine's arguments; of a copy, since the defaults are shared."""
    words = io.StringIO()
    try:
        with contextlib.redirect_stderr(words):
            namespace = copy.deepcopy(parser.parse_args(argv))
        record_arguments.first("validate_parsed_serve_args", *record_arguments.CLI_MODULES)(namespace)
        engine_args = record_arguments.first("AsyncEngineArgs", "vllm.engine.arg_utils").from_cli_args(namespace)
    except SystemExit:
        return {"ok": False, "error": words.getvalue().strip()}
    except Exception as error:  # whatever vLLM raises is the answer: a server would not have started
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
    return {"ok": True, "namespace": _plain(vars(namespace)), "engine_args": _plain(engine_args)}


def _plain(value: Any) -> Any:
    """As JSON can say it: a configuration as its fields, an enumeration as its value, a set in order, else its text."""
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(item) for item in value]
        return items if isinstance(value, list | tuple) else sorted(items, key=repr)
    fields = _fields(value)
    return {name: _plain(getattr(value, name, None)) for name in fields} if fields else str(value)


def _fields(value: Any) -> list[str]:
    """Of a dataclass or a pydantic model; a class itself, or anything else, has none."""
    if isinstance(value, type):
        return []
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return list(getattr(type(value), "model_fields", ()))


if __name__ == "__main__":
    main()
