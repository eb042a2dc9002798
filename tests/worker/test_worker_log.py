"""Lines out of bytes cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmworker_server.log import Line, LineSplitter


def lines(chunks: list[bytes]) -> list[Line]:
    splitter = LineSplitter()
    return [line for chunk in [*chunks, b""] for line in splitter.lines(chunk)]


WHOLE = "start\n 10%\r 99%\r100%\nwindows\r\nünï\n\nlast".encode()
LINES = [
    Line("start", transient=False),
    Line(" 10%", transient=True),
    Line(" 99%", transient=True),
    Line("100%", transient=False),
    Line("windows", transient=False),
    Line("ünï", transient=False),
    Line("", transient=False),
    Line("last", transient=False),
]


@given(st.lists(st.integers(1, len(WHOLE) - 1), unique=True))
def test_lines_come_through_wherever_the_bytes_were_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    assert lines([WHOLE[a:b] for a, b in itertools.pairwise(places)]) == LINES


def test_a_line_is_given_as_soon_as_it_ends() -> None:
    assert list(LineSplitter().lines(b"one\ntwo")) == [Line("one", transient=False)]


def test_broken_characters_stop_nothing() -> None:
    assert lines([b"\xff\xfe\nnext\n"])[1] == Line("next", transient=False)


@pytest.mark.parametrize("size", [16_384, 16_385, 100_000])
def test_an_endless_line_is_cut_and_not_collected(size: int) -> None:
    assert "".join(line.text for line in lines([b"x" * size])) == "x" * size
    assert max(len(line.text) for line in lines([b"x" * size])) <= 16_384
