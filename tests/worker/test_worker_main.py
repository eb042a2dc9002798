"""The entry point as a process."""

import os
import subprocess
import sys
from pathlib import Path


def test_names_that_nobody_reads_are_told_whatever_comes_of_it(tmp_path: Path) -> None:
    names = {"MAX_MODEL_LENGTH": "1", "BASE_PATH": "/x", "OUR_SWITCH": "1"}
    places = {"LLMWORKER_ENGINE_PROFILE": "cpu", "LLMWORKER_TERMINATION_LOG": str(tmp_path / "log")}
    done = subprocess.run(
        [sys.executable, "-m", "llmworker_server"],
        env={"PATH": os.environ["PATH"], **names, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode != 0, lines  # for the engine is not there
    assert lines[:2] == [
        "llmworker: BASE_PATH is not read by a worker: set spec.cache; HF_HOME follows it",
        "llmworker: MAX_MODEL_LENGTH is not read by a worker: did you mean MAX_MODEL_LEN? Correct or remove it",
    ]
    assert [line for line in lines if "OUR_SWITCH" in line] == []
