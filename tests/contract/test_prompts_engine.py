"""What the request loggers of the old engines write, by their own classes: they log each request unless told not to."""

import json
import subprocess

import pytest

from assets.parsers import Parser, parser_environ, parser_python
from llmworker_contract.argv import engine_args
from llmworker_contract.codec import parse
from llmworker_contract.engines import profile

pytestmark = pytest.mark.engine

PROGRAM = """
import json, sys
from vllm.entrypoints.logger import RequestLogger
limit = json.loads(sys.argv[1])
RequestLogger(max_log_len=limit).log_inputs("cmpl-1", "verysecret", [421, 422, 423, 424], None, None, None)
"""


@pytest.mark.parametrize("name", ["stable-cuda12.1.0", "dev-cuda12.1.0"])
@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        pytest.param({}, "prompt: '', params: None, prompt_token_ids: [],", id="nothing was asked for"),
        pytest.param({"MAX_LOG_LEN": "3"}, "prompt: 'ver', params: None, prompt_token_ids: [421, 422, 423],", id="3"),
    ],
)
def test_a_prompt_is_shown_as_far_as_was_asked_for(name: str, environ: dict[str, str], shown: str) -> None:
    with Parser(name) as parser:
        answer = parser.parse(engine_args(parse({"MODEL_NAME": "m"} | environ), profile(name)))
    limit = json.dumps(answer["namespace"]["max_log_len"])
    done = subprocess.run(
        [str(parser_python(name)), "-P", "-c", PROGRAM, limit],
        env=parser_environ(name), capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "Received request cmpl-1" in line]
    assert shown in line
    assert "verysecret" not in line
