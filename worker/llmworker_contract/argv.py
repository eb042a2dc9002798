"""Settings and engine profile to the command line of vLLM's own OpenAI server. Pure.

Each option is one token, `--flag=value`, since a value may begin with dashes; a switch is given or left out, and
what takes a list is written as words, so something must follow it: lists come first. An argument that the
profile's engine does not have never gets here: its parser would refuse to start.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmworker_contract import json_values
from llmworker_contract.engines import EngineProfile
from llmworker_contract.routes import NGRAM, ROPE_PARAMETERS, ROUTED, Route, route
from llmworker_contract.settings import Group, Settings
from llmworker_contract.values import documented_default

SCRATCH: Final = "/tmp/llmworker"  # noqa: S108  (private to the container)
"""The folder of the files that the worker writes for its engine."""

_CHAT_TEMPLATE: Final = "chat-template.jinja"


def engine_args(settings: Settings, profile: EngineProfile, scratch: str = SCRATCH) -> list[str]:
    """The options that make this engine do what the settings say."""
    values = passed(settings, profile)
    values |= {name: f"{scratch}/{file}" for name, file in _written(settings).items()}
    options = {name: list(_option(name, value, profile)) for name, value in values.items()}
    words = [name for name in options if len(options[name]) > 1]
    return [token for name in (*words, *(n for n in options if n not in words)) for token in options[name]]


def files(settings: Settings) -> dict[str, str]:
    """The files that the worker has to write into its scratch folder: name to content.

    A chat template is never given inline: old engines corrupt every character beyond ASCII.
    """
    template = settings.model.custom_chat_template
    return {} if template is None else {_CHAT_TEMPLATE: template}


def _written(settings: Settings) -> dict[str, str]:
    return {"chat_template": _CHAT_TEMPLATE} if files(settings) else {}


def passed(settings: Settings, profile: EngineProfile) -> dict[str, Any]:
    """The arguments that are given to the engine with their values, in the catalogue's order."""
    values: dict[str, Any] = {}
    for each in (route(variable, profile) for variable in ROUTED):
        value = _value(settings, each, profile)
        if value is None or each.way is None or not each.passed:
            continue
        converted = each.way.convert(value)
        if each.way.key is not None:
            _merge(values.setdefault(each.way.argument, {}), each.way.key, converted)
        elif converted is not None:
            values[each.way.argument] = converted
    return _completed(values, settings, profile)


def applied_default(each: Route, profile: EngineProfile) -> Any:
    """The documented default that the worker passes where the variable is unset: on documented images, where the
    engine's own differs. None where it passes nothing."""
    if not (profile.documented and each.own and each.passed and each.way):
        return None
    argument = each.way.argument
    promised = documented_default(each.variable.name)
    if argument in profile.engine_defaults or argument == "model":  # no placeholder is served for a missing model
        return None
    return None if promised == profile.arguments[argument].default else promised


def _value(settings: Settings, each: Route, profile: EngineProfile) -> Any:
    stated = each.variable.stated(settings)
    return applied_default(each, profile) if stated is None else stated


def _merge(config: dict[str, Any], key: str, value: Any) -> None:
    """Two settings may be parts of one key."""
    config[key] = {**config.get(key, {}), **value} if isinstance(value, Mapping) else value


def _completed(values: dict[str, Any], settings: Settings, profile: EngineProfile) -> dict[str, Any]:
    """With what engines want beside a setting: the method of drafts, the type of rope, the switch of reasoning."""
    if settings.engine.ngram_prompt_lookup_max is not None and "speculative_model" in profile.arguments:
        values["speculative_model"] = NGRAM
    config = values.pop("speculative_config", {})
    if "prompt_lookup_max" in config:
        values["speculative_config"] = {**{k: v for k, v in config.items() if k != "model"}, "method": "ngram"}
    elif "model" in config:  # else only documented defaults were stated, and there is nothing to draft with
        values["speculative_config"] = config
    rope = values.get("hf_overrides", {}).get(ROPE_PARAMETERS)
    if rope is not None and "rope_type" not in rope:
        values["hf_overrides"] = {ROPE_PARAMETERS: {"rope_type": "default", **rope}}
    if "max_log_len" not in values and _logs_requests(values, profile):
        values["max_log_len"] = 0  # an engine that is given no limit writes whole prompts into its log
    if "reasoning_parser" in values and "enable_reasoning" in profile.arguments:
        values["enable_reasoning"] = True
    return values


def _logs_requests(values: Mapping[str, Any], profile: EngineProfile) -> bool:
    if "disable_log_requests" in profile.arguments:
        return not values.get("disable_log_requests", False)
    return bool(values.get("enable_log_requests", False))


def _option(name: str, value: Any, profile: EngineProfile) -> Iterator[str]:
    argument, flag = profile.arguments[name], f"--{name.replace('_', '-')}"
    if argument.form == "switch":
        if value:
            yield flag
        # Off is the absence of the switch, except where the engine would choose to switch it on.
        elif argument.default is not False and argument.negatable:
            yield f"--no-{flag[2:]}"
    elif argument.form == "list" and isinstance(value, tuple) and len(value) > 1:
        yield flag
        yield from (_text(item) for item in value)
    elif argument.pairs:
        yield f"{flag}={','.join(f'{key}={item}' for key, item in _plain(value).items())}"
    else:
        yield f"{flag}={_text(value[0] if isinstance(value, tuple) else value)}"


def _text(value: Any) -> str:
    plain = _plain(value)
    return json_values.exact(plain) if isinstance(plain, Mapping) else str(plain)


def _plain(value: Any) -> Any:
    return value.model_dump(exclude_none=True) if isinstance(value, Group) else value
