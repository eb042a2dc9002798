"""Sizes of the pieces of a streamed answer."""

from itertools import islice

import pytest

from llmworker_contract.codec import parse
from llmworker_server.middleware.schedule import Schedule, schedule


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        pytest.param(Schedule(50, 1, 3), [1, 3, 9, 27, 50, 50], id="documented defaults"),
        pytest.param(Schedule(50, 1, 1.5), [1, 2, 3, 4, 6, 8, 12, 18, 26], id="fractions count as one more"),
        pytest.param(Schedule(10, 4, 2), [4, 8, 10, 10], id="capped at the largest"),
        pytest.param(Schedule(50, 1, 1), [50, 50], id="growth of one is static"),
        pytest.param(Schedule(50, 1, 0.5), [50, 50], id="growth below one is static"),
        pytest.param(Schedule(5, 5, 3), [5, 5], id="first equals largest"),
        pytest.param(Schedule(5, 9, 3), [5, 5], id="first above largest"),
        pytest.param(Schedule(1, 1, 3), [1, 1], id="one by one"),
    ],
)
def test_sizes(given: Schedule, sizes: list[int]) -> None:
    assert list(islice(given.sizes(), len(sizes))) == sizes


def test_the_documented_defaults_hold_where_the_settings_are_silent() -> None:
    assert schedule(parse({"MODEL_NAME": "m"}).streaming) == Schedule(largest=50, first=1, growth=3)


def test_the_settings_win() -> None:
    asked = {
        "MODEL_NAME": "m",
        "DEFAULT_BATCH_SIZE": "8",
        "DEFAULT_MIN_BATCH_SIZE": "2",
        "DEFAULT_BATCH_SIZE_GROWTH_FACTOR": "1.5",
    }
    assert schedule(parse(asked).streaming) == Schedule(largest=8, first=2, growth=1.5)
