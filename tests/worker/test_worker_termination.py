"""The message that a failed worker leaves for Kubernetes."""

import json
from pathlib import Path

import pytest

from llmworker_contract.problems import BadEnvironment, Problem
from llmworker_server.failure import Failure
from llmworker_server.termination import LIMIT, misconfiguration, termination_message, write

CAUSE = Failure("KvCacheTooSmall", "Too small.", "Lower it.", 1)


def test_fields() -> None:
    assert json.loads(termination_message(CAUSE)) == {
        "reason": "KvCacheTooSmall",
        "message": "Too small.",
        "remedy": "Lower it.",
        "exitCode": 1,
    }


@pytest.mark.parametrize("character", ["x", "é", "🐍", '"'], ids=["ASCII", "two bytes", "four bytes", "escaped"])
def test_a_long_message_keeps_both_ends_and_is_still_json(character: str) -> None:
    text = termination_message(Failure("EngineFailed", f"begin{character * 9000}end", "Look.", 1))
    assert len(text.encode()) <= LIMIT
    message = json.loads(text)["message"]
    assert message.startswith("begin")
    assert message.endswith("end")


def test_a_message_at_the_limit_is_whole() -> None:
    room = LIMIT - len(termination_message(Failure("EngineFailed", "", "Look.", 1)))
    text = termination_message(Failure("EngineFailed", "x" * room, "Look.", 1))
    assert (len(text), json.loads(text)["message"]) == (LIMIT, "x" * room)


def test_all_problems_of_a_bad_environment_are_in_it() -> None:
    problems = (Problem("DTYPE", "expected half"), Problem("SEED", "expected a whole number"))
    cause = misconfiguration(BadEnvironment(problems))
    assert cause.message == "DTYPE: expected half\nSEED: expected a whole number"
    assert cause.exit_code == 2


def test_it_is_written(tmp_path: Path) -> None:
    write(tmp_path / "log", CAUSE)
    assert (tmp_path / "log").read_text() == termination_message(CAUSE)


def test_without_such_a_file_the_log_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "none" / "log", CAUSE)
    assert "no termination message" in capsys.readouterr().out
