"""Members and elements written anew; what is cut out of objects is tested with the overrides of a request."""

import pytest

from llmworker_server.middleware.members import edited, edited_list


def test_only_what_changes_is_written_anew() -> None:
    body = b'\n{"a" : 1e400, "b":[2 ], "a":3}\t'
    assert edited(body, lambda name, value: (name, value)) == body
    assert edited(body, lambda name, value: None if name == "a" else ("c", value)) == b'\n{"c": [2 ]}\t'
    assert edited(body, lambda name, value: (name, b"0")) == b'\n{"a" : 0, "b":0, "a":0}\t'


def test_elements_keep_their_places() -> None:
    body = b'[ 1e400 , {"a":[ ]},"]" ] '
    assert edited_list(body, lambda element: element) == body
    assert edited_list(body, lambda element: b"<%b>" % element) == b'[ <1e400> , <{"a":[ ]}>,<"]"> ] '


@pytest.mark.parametrize("body", [b"", b"[]", b"[1", b"[1,", b"[1,]", b"[1}", b"[1] 2", b"1", b"[" * 100_000])
def test_what_is_no_list_of_something_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own error is one, in its own words
        edited_list(body, lambda element: element)
