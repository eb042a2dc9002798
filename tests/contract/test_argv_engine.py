"""The command line against the real parser of every engine profile: it is accepted, and every value arrives."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from assets.parsers import Parser
from contract.samples import environment, environments, sample
from llmworker_contract.argv import engine_args
from llmworker_contract.catalogue import BY_NAME, VARIABLES, Variable
from llmworker_contract.codec import parse
from llmworker_contract.engines import EngineProfile, names
from llmworker_contract.engines import profile as engine_profile
from llmworker_contract.limits import refused
from llmworker_contract.routes import route
from llmworker_contract.values import read

pytestmark = pytest.mark.engine

SCALED = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
"""One complete dictionary: newer engines let it replace all that the model says."""


@pytest.fixture(scope="module", params=names())
def profile(request: pytest.FixtureRequest) -> EngineProfile:
    return engine_profile(str(request.param))


@pytest.fixture(scope="module")
def parser(profile: EngineProfile) -> Iterator[Parser]:
    with Parser(profile.name) as started:
        yield started


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the files that a command line may refer to: servers look whether they are there."""
    folder = tmp_path_factory.mktemp("scratch")
    (folder / "chat-template.jinja").write_text("{{ messages }}")
    return str(folder)


def flags(argv: list[str]) -> set[str]:
    return {token.split("=")[0] for token in argv if token.startswith("--")}


def known(profile: EngineProfile) -> set[str]:
    found = set()
    for name, argument in profile.arguments.items():
        flag = name.replace("_", "-")
        found |= {f"--{flag}", f"--no-{flag}"} if argument.negatable else {f"--{flag}"}
    return found


def arrived(answer: Mapping[str, Any], profile: EngineProfile, argument: str) -> Any:
    """What the argument holds behind the parser: in the engine's arguments, else in the server's."""
    recorded = profile.arguments[argument]
    place = answer["engine_args"] if recorded.engine else answer["namespace"]
    return place[recorded.dest or argument]


def plain(value: Any) -> Any:
    """A value as this release holds it: some keep JSON as text until later, one keeps models as objects."""
    if isinstance(value, str) and value.startswith(("{", "[{")):
        return plain(json.loads(value))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def expected(variable: Variable, text: str, profile: EngineProfile, scratch: str) -> Any:
    """What should stand there, written down by hand where it is not the value itself."""
    value = read(variable, text)
    special = {
        "OPENAI_SERVED_MODEL_NAME_OVERRIDE": [value],
        "PREEMPTION_MODE": "swap",
        "CUSTOM_CHAT_TEMPLATE": f"{scratch}/chat-template.jinja",
    }
    if variable.name in {"DISABLE_LOG_REQUESTS", "DISABLE_LOGGING_REQUEST"}:
        return value if "disable_log_requests" in profile.arguments else not value
    if variable.name == "WORKER_USE_RAY":
        return value if "worker_use_ray" in profile.arguments else "ray"
    if variable.kind in {"dict", "list"}:
        return plain(json.loads(text))
    return special.get(variable.name, list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_valid_value_is_accepted_and_arrives(
    variable: Variable, profile: EngineProfile, parser: Parser, scratch: str
) -> None:
    file = f"{scratch}/chat-template.jinja"
    text = file if variable.name == "CUSTOM_CHAT_TEMPLATE_FILE" else _fitting(variable, profile)
    argv = engine_args(parse(environment(variable.name, text)), profile, scratch)
    answer = parser.parse(argv)
    assert answer["ok"], answer
    assert flags(argv) <= known(profile)
    way = route(variable, profile).way if variable.engine_argument else None
    if way is None or not route(variable, profile).passed:
        flag = f"--{(variable.engine_argument or variable.name).lower().replace('_', '-')}"
        assert flag not in flags(argv) or flag in flags(engine_args(parse({"MODEL_NAME": "org/model"}), profile))
        return
    found = plain(arrived(answer, profile, way.argument))
    if way.key is not None:
        found = found[way.key]
    if way.key == "rope_parameters":
        assert (
            found == {"ROPE_SCALING": SCALED, "ROPE_THETA": {"rope_type": "default", "rope_theta": 0.5}}[variable.name]
        )
        return
    wanted = expected(variable, text, profile, scratch)
    if variable.name == "LORA_MODULES":  # newer releases add fields of their own
        found = [{key: module[key] for key in ("name", "path")} for module in found]
    assert found == wanted


def _fitting(variable: Variable, profile: EngineProfile) -> str:
    """The variable's sample, or the first of its choices that this engine runs with, or else the sample."""
    tried = [sample(variable), *(str(choice) for choice in variable.choices)]
    fitting = (text for text in tried if not refused(parse(environment(variable.name, text)), profile))
    return next(fitting, sample(variable))


@pytest.mark.parametrize(
    "variable", [variable for variable in VARIABLES if variable.kind == "bool"], ids=lambda variable: variable.name
)
def test_off_is_off(variable: Variable, profile: EngineProfile, parser: Parser) -> None:
    argv = engine_args(parse({"MODEL_NAME": "org/model", variable.name: "0"}), profile)
    answer = parser.parse(argv)
    assert answer["ok"], answer
    each = route(variable, profile) if variable.engine_argument else None
    if each is None or each.way is None or each.remark or each.way.argument == "distributed_executor_backend":
        return
    assert bool(arrived(answer, profile, each.way.argument)) is (each.way.argument == "enable_log_requests")


def test_drafts_from_the_prompt(profile: EngineProfile, parser: Parser) -> None:
    environ = {"MODEL_NAME": "org/model", "NGRAM_PROMPT_LOOKUP_MAX": "4", "NUM_SPECULATIVE_TOKENS": "5"}
    for more in ({}, {"SPECULATIVE_MODEL": "[ngram]"}):
        answer = parser.parse(engine_args(parse(environ | more), profile))
        assert answer["ok"], answer
        taken = answer["engine_args"]
        if "speculative_model" in profile.arguments:
            assert (taken["speculative_model"], taken["ngram_prompt_lookup_max"]) == ("[ngram]", 4)
        else:
            assert taken["speculative_config"] == {
                "method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4
            }  # fmt: skip


def test_documented_defaults_arrive_on_documented_images_and_the_engines_own_elsewhere(
    profile: EngineProfile, parser: Parser
) -> None:
    answer = parser.parse(engine_args(parse({"MODEL_NAME": "org/model"}), profile))
    own = parser.parse(["--model=org/model"])
    assert answer["engine_args"]["gpu_memory_utilization"] == (
        0.95 if profile.documented else own["engine_args"]["gpu_memory_utilization"]
    )
    if not profile.documented:
        assert answer == own


def test_any_sound_environment_is_accepted(profile: EngineProfile, parser: Parser, scratch: str) -> None:
    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(environments())
    def holds(environ: dict[str, str]) -> None:
        if "CUSTOM_CHAT_TEMPLATE_FILE" in environ:
            environ["CUSTOM_CHAT_TEMPLATE_FILE"] = f"{scratch}/chat-template.jinja"
        stated = parse(environ)
        if refused(stated, profile):
            return
        argv = engine_args(stated, profile, scratch)
        assert flags(argv) <= known(profile)
        answer = parser.parse(argv)
        assert answer["ok"], (argv, answer)
        for variable in (BY_NAME[name] for name in environ):
            each = route(variable, profile) if variable.engine_argument and variable.kind in {"int", "float"} else None
            if each and each.way and each.passed and each.way.key is None:
                assert arrived(answer, profile, each.way.argument) == variable.stated(stated), variable.name

    holds()
