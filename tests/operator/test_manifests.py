"""Whether a live object still says what was applied."""

import pytest

from llmworker_operator.manifests import covers, desired_hash, stamped


@pytest.mark.parametrize(
    ("live", "desired", "same"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, True, id="a field that the server defaulted"),
        pytest.param({"a": 1}, {"a": 2}, False, id="another value"),
        pytest.param({}, {"a": 1}, False, id="a field that is gone"),
        pytest.param({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}, True, id="one amount in two spellings"),
        pytest.param({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, False, id="another amount"),
        pytest.param({"version": "1.10"}, {"version": "1.1"}, False, id="two texts that are one number"),
        pytest.param([{"name": "b"}, {"name": "a", "x": 1}], [{"name": "a"}], True, id="an injected sidecar"),
        pytest.param([{"name": "b"}], [{"name": "a"}], False, id="a container that is gone"),
        pytest.param(["ALL"], ["ALL"], True, id="equal lists"),
        pytest.param(["ALL", "X"], ["ALL"], False, id="a longer list without names"),
    ],
)
def test_covers(live: object, desired: object, same: bool) -> None:
    assert covers(live, desired) is same


def test_the_hash_follows_the_content_and_not_the_order() -> None:
    first = stamped({"metadata": {"name": "a", "labels": {}}, "spec": {}})
    second = stamped({"spec": {}, "metadata": {"labels": {}, "name": "a"}})
    other = stamped({"metadata": {"name": "b", "labels": {}}, "spec": {}})
    assert desired_hash(first) == desired_hash(second) != desired_hash(other)
