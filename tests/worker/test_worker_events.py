"""Server-sent events out of bytes cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmworker_server.middleware.events import EventSplitter

EVENTS = [b"data: 1\n\n", b"data: a\ndata: b\n\n", b": ping\r\n\r\n", b"data: \xc3\xa9\n\n", b"data: [DONE]\n\n"]


def split(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    splitter = EventSplitter()
    return [event for chunk in chunks for event in splitter.events(chunk)], splitter.rest()


@given(st.lists(st.integers(0, len(b"".join(EVENTS)))))
def test_events_come_through_whole_wherever_the_bytes_were_cut(cuts: list[int]) -> None:
    whole = b"".join(EVENTS)
    places = [0, *sorted(cuts), len(whole)]
    chunks = [whole[a:b] for a, b in itertools.pairwise(places)]
    assert split(chunks) == (EVENTS, b"")


@given(st.lists(st.binary(max_size=6).map(lambda raw: raw.replace(b"a", b"\n").replace(b"b", b"\r"))))
def test_no_byte_is_lost_or_moved(chunks: list[bytes]) -> None:
    events, rest = split(chunks)
    assert b"".join(events) + rest == b"".join(chunks)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"\n\n", id="line feeds"),
        pytest.param(b"\r\n\r\n", id="both"),
        pytest.param(b"\r\r", id="carriage returns"),
        pytest.param(b"\n\r\n", id="mixed"),
    ],
)
def test_every_line_ending_of_the_standard_ends_an_event(end: bytes) -> None:
    assert split([b"data: 1" + end + b"data: 2"]) == ([b"data: 1" + end], b"data: 2")


def test_the_rest_is_given_away_once() -> None:
    splitter = EventSplitter()
    assert list(splitter.events(b"data: 1")) == []
    assert [splitter.rest(), splitter.rest()] == [b"data: 1", b""]
