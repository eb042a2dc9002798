"""The resource's schema."""

import pytest
from pydantic import BaseModel

from llmworker_contract.catalogue import VARIABLES
from llmworker_operator.crd import definition, structural
from llmworker_operator.generate import files


def schema(path: str) -> dict[str, object]:
    node = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in path.split("."):
        node = node["properties"][part]
    return dict(node)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_has_its_field_and_the_field_names_the_variable(variable) -> None:  # type: ignore[no-untyped-def]
    assert variable.name in str(schema(variable.field)["description"])


def test_engine_settings_have_no_default_in_the_schema() -> None:
    for group in ("model", "engine", "streaming", "openai", "serving"):
        for name, field in schema(f"spec.{group}")["properties"].items():  # type: ignore[attr-defined]
            assert "default" not in field, name


def test_bounds_and_choices_reach_the_schema() -> None:
    assert schema("spec.engine.maxModelLen")["minimum"] == 1
    assert schema("spec.engine.gpuMemoryUtilization")["exclusiveMinimum"] is True
    assert schema("spec.engine.blockSize")["enum"] == [8, 16, 32]


def test_what_a_structural_schema_cannot_say_is_refused() -> None:
    class Pair(BaseModel):
        both: tuple[int, str]

    with pytest.raises(ValueError, match=r"spec\.both.*prefixItems"):
        structural(Pair, "spec")


def test_the_committed_files_are_what_the_types_say() -> None:
    for path, text in files().items():
        assert path.read_text() == text, f"{path.name} is stale: run make generate"


def test_the_definition_stays_readable() -> None:
    assert len(next(iter(files().values())).splitlines()) < 1600
