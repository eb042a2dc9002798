"""The contract with the oldest pydantic that a worker image ships: the stable image's, in its parser's environment."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from assets.parsers import parser_python
from contract.samples import environment
from llmworker_contract.argv import engine_args
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import read, render
from llmworker_contract.engines import names, profile
from llmworker_contract.reference import markdown

pytestmark = pytest.mark.engine

WORKER = Path(__file__).parents[2] / "worker"

PROGRAM = """
import json, sys, pydantic
from llmworker_contract.argv import engine_args
from llmworker_contract.codec import read, render
from llmworker_contract.engines import names, profile
from llmworker_contract.reference import markdown
answers = []
for environ in json.load(sys.stdin):
    settings, problems = read(environ)
    argv = {name: engine_args(settings, profile(name)) for name in names()}
    answers.append([render(settings), [str(problem) for problem in problems], argv])
print(json.dumps({"pydantic": pydantic.VERSION, "answers": answers, "page": markdown()}))
"""


def test_it_reads_writes_and_refuses_the_same() -> None:
    asked = [environment(variable.name) for variable in VARIABLES]
    asked += [
        environment(variable.name, text) for variable in VARIABLES for text in ("?", "0", "[1]", "{}", "1.5", "a\n")
    ]
    done = subprocess.run(
        [str(parser_python("stable-cuda12.1.0")), "-c", PROGRAM],
        input=json.dumps(asked),
        env=os.environ | {"PYTHONPATH": str(WORKER)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["pydantic"].startswith("2.9.")
    assert told["page"] == markdown()
    for environ, (written, problems, argv) in zip(asked, told["answers"], strict=True):
        settings, found = read(environ)
        assert written == render(settings)
        assert problems == [str(problem) for problem in found]
        assert argv == {name: engine_args(settings, profile(name)) for name in names()}
