"""The numbers that two processes share."""

import subprocess
import sys
import time
from pathlib import Path

from llmworker_server.scoreboard import Scoreboard, Slot


def test_another_process_reads_and_writes_the_same_numbers(tmp_path: Path) -> None:
    board = Scoreboard(tmp_path / "board")
    board[Slot.DRAINING] = 1
    program = (
        "import sys; from pathlib import Path; from llmworker_server.scoreboard import Scoreboard, Slot\n"
        "board = Scoreboard(Path(sys.argv[1])); print(board[Slot.DRAINING])\n"
        "board[Slot.RUNNING] = -3; board.answered(200); board.progressed()"
    )
    before = time.monotonic_ns()
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "board")], capture_output=True, check=True)
    assert done.stdout == b"1\n"
    assert board[Slot.RUNNING] == -3
    assert board.answers() == {200: 1}
    assert before < board[Slot.PROGRESS] < time.monotonic_ns()


def test_opening_it_again_loses_nothing(tmp_path: Path) -> None:
    Scoreboard(tmp_path / "board")[Slot.RUNNING] = 2
    assert Scoreboard(tmp_path / "board")[Slot.RUNNING] == 2


def test_answers_are_counted_by_status_and_impossible_ones_not_at_all() -> None:
    board = Scoreboard()
    for status in (100, 200, 200, 599, 600, 0, 99):
        board.answered(status)
    assert board.answers() == {100: 1, 200: 2, 599: 1}
    assert [board[slot] for slot in Slot] == [0] * len(Slot)


def test_without_a_path_nothing_is_shared() -> None:
    Scoreboard()[Slot.RUNNING] = 1
    assert Scoreboard()[Slot.RUNNING] == 0
