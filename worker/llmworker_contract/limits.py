"""What an engine refuses of what the document allows, known before it starts. Pure.

The lists come from the profile: its recorded parser, and what only its source tells.
"""

from collections.abc import Iterator
from typing import Any

from llmworker_contract import rules
from llmworker_contract.argv import applied_default, passed
from llmworker_contract.catalogue import BY_NAME, Variable
from llmworker_contract.engines import EngineProfile
from llmworker_contract.problems import Problem
from llmworker_contract.routes import ROPE_PARAMETERS, ROUTED, Route, route
from llmworker_contract.settings import Engine, Settings


def refused(settings: Settings, profile: EngineProfile) -> list[Problem]:
    """Everything because of which this engine would not start, or not do what the settings say."""
    problems = [problem for variable in ROUTED for problem in _values(settings, route(variable, profile), profile)]
    return [
        *problems,
        *_rope(settings, profile),
        *_exclusive(settings, profile),
        *_with_defaults(settings, profile),
    ]


def _values(settings: Settings, each: Route, profile: EngineProfile) -> Iterator[Problem]:
    value = each.variable.stated(settings)
    if value is None or each.way is None or not each.passed:
        return
    convert, allowed = each.way.convert, profile.choices(each.way.argument, each.way.key)
    if allowed is not None and convert(value) not in (*allowed, None):
        choices = [choice for choice in each.variable.choices if convert(choice) in allowed] or allowed
        yield Problem(
            each.variable.name,
            f"vLLM {profile.vllm} of {profile.name} takes one of {', '.join(str(choice) for choice in choices)}, got "
            f"{convert(value)!r}: choose one of them, or another engine profile",
        )


def _rope(settings: Settings, profile: EngineProfile) -> Iterator[Problem]:
    """A scaling of no type is read by no engine; newer ones take it for all that is to be known, base included."""
    scaling = settings.engine.rope_scaling
    if scaling is None:
        return
    if not {"rope_type", "type"} & scaling.keys():
        yield Problem("ROPE_SCALING", 'needs a key rope_type, as in {"rope_type":"dynamic","factor":2.0}: add it')
        return
    way = route(BY_NAME["ROPE_SCALING"], profile).way
    alone = settings.engine.rope_theta is None and "rope_theta" not in scaling
    if way is not None and way.key == ROPE_PARAMETERS and alone:
        yield Problem(
            "ROPE_SCALING",
            f"vLLM {profile.vllm} of {profile.name} would take 10000 for the base, whatever the model says: set "
            "ROPE_THETA to the model's rope_theta, as its config.json has it",
        )


def _exclusive(settings: Settings, profile: EngineProfile) -> Iterator[Problem]:
    given = passed(settings, profile)
    for pair in profile.exclusive:
        if all(given.get(argument) for argument in pair.arguments):
            named = [v.name for argument in pair.arguments for v in ROUTED if v.engine_argument == argument]
            yield Problem(named[0], f"vLLM {profile.vllm} of {profile.name} refuses it with {named[1]}: {pair.detail}")


def _with_defaults(settings: Settings, profile: EngineProfile) -> Iterator[Problem]:
    """Rules that are broken only together with what holds where a variable is unset."""
    filled = {v.attribute: _held(v, settings, profile) for v in ROUTED if v.group == "engine"}
    engine = Engine.model_construct(**filled)
    before = rules.broken(settings)
    for rule in rules.broken(settings.model_copy(update={"engine": engine})):
        if rule not in before:
            problem = rule.in_environment()
            unset = [v for v in ROUTED if v.name in rule.variables and v.stated(settings) is None]
            held = ", ".join(f"{v.name} is {filled[v.attribute]}" for v in unset if filled[v.attribute] is not None)
            yield Problem(problem.variable, f"{problem.message} ({held} on {profile.name})")


def _held(variable: Variable, settings: Settings, profile: EngineProfile) -> Any:
    stated, each = variable.stated(settings), route(variable, profile)
    if stated is not None:
        return stated
    applied = applied_default(each, profile)
    if applied is not None or not each.own or each.way is None:
        return applied
    return profile.arguments[each.way.argument].default
