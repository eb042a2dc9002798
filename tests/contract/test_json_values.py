"""JSON in the environment."""

import pytest

from llmworker_contract.json_values import dumped, exact, loaded


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[" * 100_000, "less deeply nested", id="nested without end"),
        pytest.param('{"a": Infinity}', "expected finite numbers, not Infinity", id="infinity"),
        pytest.param("1e999", "expected finite numbers", id="a number too large"),
        pytest.param('{"a":1,"a":2}', "each key of a JSON object once", id="a key twice"),
        pytest.param(r'"\ud800"', "half characters", id="half a character"),
        pytest.param('{"a"', "at character 5", id="an end too early"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_a_reason(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        loaded(text)


def test_it_is_written_compact_and_sorted_with_whole_numbers_as_an_api_server_stores_them() -> None:
    value = {"b": [2.0, 2.5], "a": "é", "c": {"z": None, "y": True}}
    assert dumped(value) == '{"a":"é","b":[2,2.5],"c":{"y":true,"z":null}}'
    assert exact(value) == '{"a":"é","b":[2.0,2.5],"c":{"y":true,"z":null}}'
