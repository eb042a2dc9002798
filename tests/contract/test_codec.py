"""Environment to settings and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import BadEnvironment, documented_default, parse, render
from llmworker_contract.document import NAMES
from llmworker_contract.settings import Settings

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


@pytest.mark.parametrize("text", ["", "None", "  "])
def test_empty_and_none_mean_unset(text: str) -> None:
    assert parse({**NAMED, "MAX_MODEL_LEN": text}).engine.max_model_len is None


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("MAX_MODEL_LEN", "-1", "expected greater than or equal to 1, got '-1'"),
        ("MAX_MODEL_LEN", "1.5", "expected a whole number, got '1.5'"),
        ("MAX_MODEL_LEN", "1_000", "expected a whole number, got '1_000'"),
        ("GPU_MEMORY_UTILIZATION", "nan", "expected a finite number, got 'nan'"),
        ("GPU_MEMORY_UTILIZATION", "1.2", "expected less than or equal to 1, got '1.2'"),
        ("BLOCK_SIZE", "7", "expected one of 8, 16, 32, got '7'"),
        ("DTYPE", "int4", "expected one of auto, half, float16, bfloat16, float, float32, got 'int4'"),
        ("ENFORCE_EAGER", "2", "expected 1 or 0 (true, false, yes, no, on, off), got '2'"),
    ],
)
def test_a_value_that_is_not_allowed_names_what_is(variable: str, text: str, sentence: str) -> None:
    assert problems({**NAMED, variable: text}) == [f"{variable}: {sentence}"]


def test_all_problems_are_reported_together() -> None:
    found = problems({"MAX_MODEL_LEN": "x", "SWAP_SPACE": "4", "SEED": "?"})
    assert [line.split(":")[0] for line in found] == ["SWAP_SPACE", "MAX_MODEL_LEN", "SEED", "MODEL_NAME"]


def test_a_worker_without_a_model_is_refused() -> None:
    assert problems({}) == ["MODEL_NAME: is required: the model to serve, by its hub name or its path"]


def test_a_token_is_parsed_but_never_shown_nor_rendered() -> None:
    settings = parse({**NAMED, "HF_TOKEN": "hf_verysecret"})
    assert settings.model.hf_token is not None
    assert settings.model.hf_token.get_secret_value() == "hf_verysecret"
    assert "hf_verysecret" not in repr(settings)
    assert render(settings) == NAMED


@pytest.mark.parametrize("name", sorted(NAMES - {variable.name for variable in VARIABLES}))
def test_a_documented_name_that_is_not_supported_is_said_and_not_dropped(name: str) -> None:
    assert problems({**NAMED, name: "1"}) == [f"{name}: is documented but not supported by this version; remove it"]


def test_every_name_of_the_catalogue_is_documented() -> None:
    assert {variable.name for variable in VARIABLES} <= NAMES
    assert len(NAMES) == 78


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


_TEXT = {
    "bool": st.sampled_from(["0", "1"]),
    "int": st.integers(min_value=1, max_value=10**9).map(str),
    "float": st.floats(min_value=1e-3, max_value=1).map(repr),
    "str": st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1),
}


@st.composite
def environments(draw: st.DrawFn) -> dict[str, str]:
    environ = {"MODEL_NAME": "org/model"}
    for variable in draw(st.lists(st.sampled_from(VARIABLES), unique=True)):
        chosen = st.sampled_from([str(choice) for choice in variable.choices])
        environ[variable.name] = draw(chosen if variable.choices else _TEXT[variable.kind])
    return environ


@given(environments())
def test_rendering_is_the_inverse_of_parsing(environ: dict[str, str]) -> None:
    settings = parse(environ)
    public = settings.model_copy(update={"model": settings.model.model_copy(update={"hf_token": None})})
    assert parse(render(settings) | {"MODEL_NAME": str(settings.model.name)}) == public


@given(st.dictionaries(st.sampled_from([v.name for v in VARIABLES]), st.text()))
def test_any_environment_is_parsed_or_refused_by_our_own_error(environ: dict[str, str]) -> None:
    refused = False
    try:
        parse(environ)
    except BadEnvironment:
        refused = True
    assert refused or environ["MODEL_NAME"].strip()
