"""The rules between fields on a real API server: its CEL and the worker's Python must agree, whatever is given."""

import re

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from assets.llmworkers import defined
from cluster.rig import Rig
from contract.samples import jsonable, texts
from demo.kube import Failed
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import read
from llmworker_contract.rules import RULES
from llmworker_contract.settings import public_values
from llmworker_operator.validation import InvalidSpec, parsed
from llmworker_operator.yaml_text import yaml_text

pytestmark = pytest.mark.l1

_BY_PLACE = {(variable.group, variable.attribute): variable for variable in VARIABLES}


@st.composite
def unsound(draw: st.DrawFn) -> dict[str, str]:
    """Valid values of what one rule is about, and of a few others, whether or not they fit together."""
    rule = draw(st.sampled_from(RULES))
    about = [_BY_PLACE[rule.group, attribute] for attribute in rule.about]
    chosen = draw(st.lists(st.sampled_from(about), min_size=1, unique_by=lambda v: v.name))
    chosen += draw(st.lists(st.sampled_from(VARIABLES), max_size=3, unique_by=lambda v: v.name))
    environ = {variable.name: draw(texts(variable)) for variable in chosen if not variable.secret}
    return {**environ, "MODEL_NAME": "org/model"}


def specs(count: int) -> list[dict[str, object]]:
    """As many specs, the same in every run."""
    found: list[dict[str, object]] = []

    @settings(max_examples=count, phases=[Phase.generate], derandomize=True, database=None)
    @given(unsound())
    def collect(environ: dict[str, str]) -> None:
        spec = public_values(read(environ)[0])
        if spec["model"].pop("customChatTemplateFile", None):
            spec["model"]["customChatTemplateConfigMapRef"] = {"name": "templates", "key": "chat"}
        found.append(jsonable(spec))

    collect()
    return found


def test_the_api_server_and_the_worker_refuse_the_same_with_the_same_words(l1: Rig) -> None:
    kube = defined(l1)
    given_specs = specs(400)
    bodies = [
        {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "metadata": {"name": f"w-{n}"}, "spec": spec}
        for n, spec in enumerate(given_specs)
    ]
    with pytest.raises(Failed) as refused:
        kube.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml_text(*bodies))
    words = dict(re.findall(r'"(w-\d+)" is invalid: (.*)', str(refused.value)))
    broken = 0
    for number, spec in enumerate(given_specs):
        messages = _messages(spec)
        told = words.get(f"w-{number}", "")
        assert bool(messages) == bool(told), (spec, messages, told)
        assert all(message in told for message in messages), (spec, messages, told)
        broken += bool(messages)
    assert 40 < broken < 360  # else the test would show nothing


def _messages(spec: dict[str, object]) -> list[str]:
    """What the operator says of a spec, as far as the schema should say it too."""
    try:
        parsed(spec)
    except InvalidSpec as error:
        return [problem.message for problem in error.problems]
    return []
