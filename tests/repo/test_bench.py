"""What a bench says in the end."""

import json
from pathlib import Path

import pytest

from bench.figures import Bar, conclude
from bench.operator import Figure


@pytest.mark.parametrize(("value", "status", "word"), [(9.0, 0, "holds"), (11.0, 1, "FAILS")])
def test_a_promise_that_fails_fails_the_command_and_is_in_the_file(
    value: float, status: int, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = Figure("start", value, "s", 10).bar
    assert bar == Bar("start", value, "<= 10 s", value <= 10)
    assert conclude("| start |", "2 cores", [bar], tmp_path / "figures.json") == status
    assert f"{word}: start" in capsys.readouterr().out
    told = json.loads((tmp_path / "figures.json").read_text())
    assert told["bars"] == [{"name": "start", "value": value, "limit": "<= 10 s", "ok": value <= 10}]


def test_a_figure_without_a_limit_promises_nothing() -> None:
    assert Figure("memory", 60, "MiB").bar is None
