"""Environment to settings and back."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.samples import DOCUMENT, Row, environment, environments, jsonable
from llmworker_contract.catalogue import BY_NAME, NAMES, VARIABLES, Variable
from llmworker_contract.codec import parse, read, render
from llmworker_contract.problems import BadEnvironment
from llmworker_contract.settings import Settings, public_values
from llmworker_contract.values import documented_default
from llmworker_operator.api import LLMWorkerSpec

NAMED = {"MODEL_NAME": "org/model"}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(BadEnvironment) as caught:
        parse(environ)
    return [str(problem) for problem in caught.value.problems]


def test_what_is_not_stated_stays_unset() -> None:
    settings = parse(NAMED)
    assert settings == Settings.model_validate({"model": {"name": "org/model"}})
    assert render(settings) == NAMED


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "on", " 1 "])
def test_every_documented_spelling_of_true(text: str) -> None:
    assert parse({**NAMED, "ENFORCE_EAGER": text}).engine.enforce_eager is True


@pytest.mark.parametrize("text", ["0", "False", "no", "OFF"])
def test_every_documented_spelling_of_false(text: str) -> None:
    assert parse({**NAMED, "ENFORCE_EAGER": text}).engine.enforce_eager is False


@pytest.mark.parametrize("text", ["y", "n", "t", "f", "2", "-1", "enabled", "none", "1.0", "11", "ja"])
def test_nothing_else_is_a_boolean(text: str) -> None:
    (problem,) = problems({**NAMED, "ENFORCE_EAGER": text})
    assert problem == f"ENFORCE_EAGER: expected 1 or 0 (true, false, yes, no, on, off), got {text!r}"


@pytest.mark.parametrize("text", ["", "None", "  "])
def test_empty_and_none_mean_unset(text: str) -> None:
    assert parse({**NAMED, "MAX_MODEL_LEN": text}).engine.max_model_len is None


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("MAX_MODEL_LEN", "-1", "expected greater than or equal to 1, got '-1'"),
        ("MAX_MODEL_LEN", "1.5", "expected a whole number, got '1.5'"),
        ("MAX_MODEL_LEN", "1_000", "expected a whole number, got '1_000'"),
        ("GPU_MEMORY_UTILIZATION", "nan", "expected a number, got 'nan'"),
        ("ROPE_THETA", "inf", "expected a number, got 'inf'"),
        ("ROPE_THETA", "1e999", "expected a number that is not too large, got '1e999'"),
        ("KV_CACHE_DTYPE", "fp8_e5m2", "expected one of auto, fp8, got 'fp8_e5m2'"),
        ("ROPE_SCALING", "dynamic", "expected JSON, but at character 1: Expecting value, got 'dynamic'"),
        ("ROPE_SCALING", "[1]", """expected a JSON object, as {"key": "value"}, got '[1]'"""),
        ("ROPE_SCALING", '{"factor":NaN}', """expected finite numbers, not NaN, got '{"factor":NaN}'"""),
        ("LONG_LORA_SCALING_FACTORS", "1.5;2", "expected a number, got '1.5;2'"),
        ("LONG_LORA_SCALING_FACTORS", "[1,0]", "[1] expected greater than 0, got '[1,0]'"),
        ("LONG_LORA_SCALING_FACTORS", "[true,2]", "[0] expected a valid number, got '[true,2]'"),
        ("ROPE_SCALING", '{"a":1,"a":2}', """expected each key of a JSON object once, got '{"a":1,"a":2}'"""),
        ("LORA_MODULES", '[{"name":"a"}]', """[0].path Field required, got '[{"name":"a"}]'"""),
        (
            "DOWNLOAD_DIR",
            "a\nb",
            "expected one line of text without control characters or blanks at its ends, got 'a\\nb'",
        ),
        (
            "CUSTOM_CHAT_TEMPLATE",
            "{{ a }}\n{{ b }}",
            "expected a template in one line; one of several lines is taken from a file, got '{{ a }}\\n{{ b }}'",
        ),
        ("GPU_MEMORY_UTILIZATION", "1.2", "expected less than or equal to 1, got '1.2'"),
        ("BLOCK_SIZE", "7", "expected one of 8, 16, 32, got '7'"),
        ("DTYPE", "int4", "expected one of auto, half, float16, bfloat16, float, float32, got 'int4'"),
        ("ENFORCE_EAGER", "2", "expected 1 or 0 (true, false, yes, no, on, off), got '2'"),
    ],
)
def test_a_value_that_is_not_allowed_names_what_is(variable: str, text: str, sentence: str) -> None:
    assert problems({**NAMED, variable: text}) == [f"{variable}: {sentence}"]


def test_all_problems_are_reported_together() -> None:
    found = problems({"MAX_MODEL_LEN": "x", "MAX_LORAS": "4", "SEED": "?"})
    assert [line.split(":")[0] for line in found] == [
        "MODEL_NAME",
        "MAX_MODEL_LEN",
        "SEED",
        "MAX_LORAS",
    ]


def test_a_worker_without_a_model_is_refused() -> None:
    assert problems({}) == ["MODEL_NAME: is required: the model to serve, by its hub name or its path"]


ZERO_IS_UNSET = """
MAX_MODEL_LEN MAX_PARALLEL_LOADING_WORKERS NUM_GPU_BLOCKS_OVERRIDE MAX_NUM_BATCHED_TOKENS ROPE_THETA MAX_CPU_LORAS
NUM_SPECULATIVE_TOKENS SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE SPECULATIVE_MAX_MODEL_LEN
SPECULATIVE_DISABLE_BY_BATCH_SIZE NGRAM_PROMPT_LOOKUP_MAX NGRAM_PROMPT_LOOKUP_MIN
TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_THRESHOLD TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA
""".split()
"""Where workers of the document's era read a zero as unset, by their source."""


@pytest.mark.parametrize("name", ZERO_IS_UNSET)
@pytest.mark.parametrize("text", ["0", "+00"])
def test_zero_means_unset_where_the_documents_era_meant_so(name: str, text: str) -> None:
    assert render(parse({**NAMED, name: text})) == NAMED


def test_zero_means_unset_nowhere_else() -> None:
    assert sorted(variable.name for variable in VARIABLES if variable.zero_is_unset) == sorted(ZERO_IS_UNSET)


@pytest.mark.parametrize(
    "name",
    """PATH HOME HOSTNAME HF_HOME HF_TOKEN_PATH HF_HUB_OFFLINE VLLM_USE_V1 VLLM_CPU_KVCACHE_SPACE TOKENIZERS_PARALLELISM
    CUDA_VISIBLE_DEVICES NCCL_DEBUG OMP_NUM_THREADS MAX_MODEL_LENGTH KUBERNETES_SERVICE_HOST""".split(),
)
def test_names_that_are_none_of_ours_are_left_alone(name: str) -> None:
    assert render(parse({**NAMED, name: "1"})) == NAMED


@pytest.mark.parametrize(
    ("alias", "name", "text"),
    [
        ("MIN_BATCH_SIZE", "DEFAULT_MIN_BATCH_SIZE", "4"),
        ("BATCH_SIZE_GROWTH_FACTOR", "DEFAULT_BATCH_SIZE_GROWTH_FACTOR", "1.5"),
        ("SERVED_MODEL_NAME", "OPENAI_SERVED_MODEL_NAME_OVERRIDE", "chat"),
        ("REVISION", "MODEL_REVISION", "main"),
    ],
)
def test_an_alias_of_the_documents_era_states_the_same(alias: str, name: str, text: str) -> None:
    assert render(parse({**NAMED, alias: text})) == {**NAMED, name: text}
    assert parse({**NAMED, alias: text, name: text}) == parse({**NAMED, name: text})
    other = "5" if text.isdecimal() or "." in text else "else"
    assert problems({**NAMED, alias: other, name: text}) == [
        f"{alias}: states the same as {name}, with another value: remove one of the two"
    ]


def test_the_era_s_way_to_limit_multimodal_items_is_read_and_written_as_json() -> None:
    assert render(parse({**NAMED, "LIMIT_MM_PER_PROMPT": "image=2,video=0"})) == {
        **NAMED,
        "LIMIT_MM_PER_PROMPT": '{"image":2,"video":0}',
    }


def test_a_single_adapter_needs_no_list() -> None:
    environ = {**NAMED, "ENABLE_LORA": "1", "LORA_MODULES": '{"name":"a","path":"/a"}'}
    assert render(parse(environ))["LORA_MODULES"] == '[{"name":"a","path":"/a"}]'


def test_two_adapters_of_one_name_are_refused() -> None:
    two = '[{"name":"a","path":"/a"},{"name":"a","path":"/b"}]'
    (problem,) = problems({**NAMED, "ENABLE_LORA": "1", "LORA_MODULES": two})
    assert problem.startswith("LORA_MODULES: two adapters are named a: rename one, got ")


def test_a_token_is_parsed_but_never_shown_nor_rendered() -> None:
    settings = parse({**NAMED, "HF_TOKEN": "hf_verysecret"})
    assert settings.model.hf_token is not None
    assert settings.model.hf_token.get_secret_value() == "hf_verysecret"
    assert "hf_verysecret" not in repr(settings)
    assert render(settings) == NAMED


@pytest.mark.parametrize("secret", ["hf_very\nhidden", "hf_very hidden", "hf_véryhidden"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(secret: str) -> None:
    (problem,) = problems({**NAMED, "HF_TOKEN": secret})
    assert problem.startswith("HF_TOKEN: expected letters, digits and signs of ASCII without blanks")
    assert "hidden" not in problem


@pytest.mark.parametrize(
    ("variable", "given", "written"),
    [
        ("ENFORCE_EAGER", "yes", "1"),
        ("ENFORCE_EAGER", "off", "0"),
        ("DEFAULT_BATCH_SIZE_GROWTH_FACTOR", "3.0", "3"),
        ("GPU_MEMORY_UTILIZATION", "0.950", "0.95"),
        ("MAX_MODEL_LEN", "+08", "8"),
    ],
)
def test_a_value_is_written_as_the_document_writes_it(variable: str, given: str, written: str) -> None:
    assert render(parse({**NAMED, variable: given}))[variable] == written


def test_documented_batch_sizes() -> None:
    assert documented_default("DEFAULT_BATCH_SIZE") == 50
    assert documented_default("DEFAULT_MIN_BATCH_SIZE") == 1
    assert documented_default("DEFAULT_BATCH_SIZE_GROWTH_FACTOR") == 3.0


@settings(max_examples=300)
@given(environments())
def test_rendering_is_the_inverse_of_parsing(environ: dict[str, str]) -> None:
    stated = parse(environ)
    public = {name: text for name, text in environ.items() if not BY_NAME[name].secret}
    again = parse(render(stated))
    assert again == parse(public)
    assert render(again) == render(stated)


@settings(max_examples=300)
@given(environments())
def test_resource_to_environment_to_settings_to_resource_is_the_identity(environ: dict[str, str]) -> None:
    resource = public_values(parse(environ))
    resource["model"].pop("customChatTemplateFile", None)  # a reference in the resource
    spec = LLMWorkerSpec.model_validate(jsonable(resource))
    assert public_values(parse(render(spec.settings()))) == resource


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_each_variable_alone_survives_both_ways(variable: Variable) -> None:
    environ = environment(variable.name)
    stated = parse(environ)
    assert variable.stated(stated) is not None
    written = render(stated)
    if variable.secret:
        assert variable.name not in written
    else:
        assert written == environ
        assert variable.stated(parse(written)) == variable.stated(stated)


_NAMES = st.sampled_from([name for variable in VARIABLES for name in variable.names])
_TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        """1 0 2 -1 1.5 True no None auto fp8 nan inf 1e999 1_0 ٣ 0x10 {} [] [1,2] {"a":NaN} null 8 16 ray""".split()
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5).map(json.dumps),
    st.sampled_from(["[" * 9000, '{"a":' * 9000, "9" * 5000, "\ud800", "a" * 100_000]),
)


@settings(max_examples=10_000, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(_NAMES, _TEXTS, max_size=8))
def test_ten_thousand_environments_are_understood_or_refused_by_our_own_error(environ: dict[str, str]) -> None:
    """Nothing but `BadEnvironment` comes out, and nothing is accepted that the document forbids."""
    _, found = read({"MODEL_NAME": "org/model"} | environ)
    assert {problem.variable for problem in found} <= NAMES
    if found:
        return
    for name, text in environ.items():
        if text.strip(" \t\r\n") not in {"", "None"} and name in DOCUMENT:
            assert permitted(DOCUMENT[name], text.strip(" \t\r\n")), (name, text)


def permitted(row: Row, text: str) -> bool:
    """Whether the document's own words allow the value: an independent reading of its table."""
    if row.choices:
        return text in row.choices or (row.type == "int" and text.lstrip("+0") in row.choices)
    forms = {
        "bool": r"(?i)0|1|true|false|yes|no|on|off",
        "int": r"[+-]?[0-9]+",
        "float": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?",
        "dict": r"(?s)\{.*\}",
        "tuple": r"(?s)\[.*\]|[^\[\]{}]+",
        "str": r"[^\n]+",
    }
    return re.fullmatch(forms[row.type], text) is not None
