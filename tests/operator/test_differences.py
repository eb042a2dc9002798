"""Where two documents differ, and a document with one place changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmworker_operator.differences import differences, put

A, B, C = ({"name": name, "value": name} for name in "abc")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="equal"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, [("a.b", 1, 3)], id="as deep as both have it"),
        pytest.param({}, {"a": {"b": 1}}, [("a", None, {"b": 1})], id="whole where only one has it"),
        pytest.param({"a": [A, B]}, {"a": [A]}, [("a[b]", B, None)], id="a named thing is gone"),
        pytest.param({"a": [A, B]}, {"a": [C, A, B]}, [("a[c]", None, C)], id="another comes before them"),
        pytest.param({"a": [A]}, {"a": [{**A, "value": 2}]}, [("a[a].value", "a", 2)], id="within a named thing"),
        pytest.param({"a": [A, B]}, {"a": [B, A]}, [("a", [A, B], [B, A])], id="their order counts"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])], id="other lists are one value"),
        pytest.param({"a": {"x/y.z": 1}}, {"a": {}}, [("a[x/y.z]", 1, None)], id="a key that a dot would cut"),
    ],
)
def test_each_place_is_found_once(before: Any, after: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert [(d.path, d.before, d.after) for d in differences(before, after)] == found


values = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
named = st.lists(st.sampled_from("xyz"), unique=True).map(lambda found: [{"name": name, "value": 1} for name in found])
documents = st.fixed_dictionaries({"spec": values, "env": named})


@given(documents, documents)
def test_all_differences_put_into_one_document_make_the_other(before: Any, after: Any) -> None:
    made = before
    for found in differences(before, after):
        made = put(made, found.steps, found.after)
    assert sorted(made.pop("env", []), key=str) == sorted(after.pop("env"), key=str)
    assert made == after
