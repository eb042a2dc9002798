"""The judgement on chat templates is that of each engine's own transformers, and no template of vLLM's is refused."""

import json
import subprocess
from pathlib import Path

import pytest

from assets.chat_templates import BAD, GOOD
from assets.parsers import parser_environ, parser_python
from llmworker_contract.engines import names
from llmworker_server.chat_template import fault

pytestmark = pytest.mark.engine

COMPILE = """
import json, pathlib, sys, importlib.util
from transformers.utils.chat_template_utils import _compile_jinja_template
vllm = pathlib.Path(importlib.util.find_spec("vllm").origin).parent
shipped = [path.read_text() for path in vllm.rglob("*.jinja")]
found = {}
for template in [*shipped, *json.load(sys.stdin)]:
    try:
        _compile_jinja_template(template)
        found[template] = True
    except Exception:
        found[template] = False
print(json.dumps(found))
"""


@pytest.mark.parametrize("profile", names())
def test_every_engine_judges_as_we_do(profile: str, tmp_path: Path) -> None:
    templates = [case.values[0] for case in (*GOOD, *BAD)]
    done = subprocess.run(
        [str(parser_python(profile)), "-c", COMPILE],
        input=json.dumps(templates),
        env=parser_environ(profile) | {"USE_TORCH": "0"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    judged = json.loads(done.stdout)
    assert judged.keys() >= set(templates)
    assert [template for template, compiles in judged.items() if compiles is not (fault(template) is None)] == []
