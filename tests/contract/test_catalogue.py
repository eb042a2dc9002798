"""The catalogue against the document."""

import pytest

from contract.samples import DOCUMENT, Row
from llmworker_contract.catalogue import BY_NAME, VARIABLES, Variable
from llmworker_contract.values import documented_default, read


def test_every_documented_name_is_there_and_nothing_else_is_called_documented() -> None:
    assert len(DOCUMENT) == 78
    assert {variable.name for variable in VARIABLES if variable.documented} == DOCUMENT.keys()


@pytest.mark.parametrize("row", DOCUMENT.values(), ids=lambda row: row.name)
def test_type_choices_and_default_are_the_documents(row: Row) -> None:
    variable = BY_NAME[row.name]
    assert variable.kind == row.type
    expected = None if row.default == "" else read(variable, row.default)
    assert documented_default(row.name) == expected
    if row.name != "PREEMPTION_MODE":  # which the document describes in words
        assert {str(choice) for choice in variable.choices} == set(row.choices)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_says_what_it_means_and_what_unset_does(variable: Variable) -> None:
    assert variable.meaning
    assert variable.unset
    if variable.unit and variable.kind in {"int", "float"}:
        assert variable.unit.split()[-1].lower().rstrip("s") in variable.meaning.lower()


def test_no_two_variables_share_a_name_or_a_field() -> None:
    names = [name for variable in VARIABLES for name in variable.names]
    assert len(names) == len(set(names))
    assert len({variable.field for variable in VARIABLES}) == len(VARIABLES)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("MODEL_NAME", "spec.model.name"),
        ("HF_TOKEN", "spec.model.hfTokenSecretRef"),
        ("MAX_MODEL_LEN", "spec.engine.maxModelLen"),
        ("DEFAULT_BATCH_SIZE_GROWTH_FACTOR", "spec.streaming.defaultBatchSizeGrowthFactor"),
        ("STREAM_INTERVAL", "spec.streaming.streamInterval"),
        ("API_KEYS_FILE", "spec.serving.apiKeysSecretRef"),
        ("RAW_OPENAI_OUTPUT", "spec.openai.rawOutput"),
        ("MAX_CONCURRENCY", "spec.serving.maxConcurrency"),
    ],
)
def test_a_field_is_the_camel_case_of_its_variable_without_the_groups_name(name: str, field: str) -> None:
    assert BY_NAME[name].field == field


def test_secrets_are_known_as_such() -> None:
    assert {variable.name for variable in VARIABLES if variable.secret} == {"HF_TOKEN"}
