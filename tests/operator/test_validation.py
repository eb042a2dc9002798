"""What is wrong with a spec for its engine and for this operator, beside what the API server says."""

import pytest

from llmworker_contract import codec
from llmworker_operator.config import Config
from llmworker_operator.remarks import remarks
from llmworker_operator.validation import Forbidden, InvalidSpec, parsed, understood

HUB_CODE = {"model": {"name": "m", "trustRemoteCode": True}}


def test_code_of_a_model_is_run_only_where_the_operator_may() -> None:
    assert understood(HUB_CODE, Config(allow_trust_remote_code=True)).model.trust_remote_code is True
    with pytest.raises(Forbidden) as refused:
        understood(HUB_CODE, Config())
    assert str(refused.value).startswith("spec.model.trustRemoteCode: is not allowed by this operator")
    assert "worker.allowTrustRemoteCode" in str(refused.value)


@pytest.mark.parametrize("stated", [{}, {"trustRemoteCode": False}])
def test_who_does_not_ask_for_it_needs_no_leave(stated: dict[str, bool]) -> None:
    assert understood({"model": {"name": "m", **stated}}, Config()).model.name == "m"


def test_what_the_engine_refuses_and_what_the_operator_does_not_allow_are_told_together() -> None:
    with pytest.raises(InvalidSpec) as refused:
        understood({**HUB_CODE, "engine": {"quantization": "squeezellm"}}, Config())
    assert not isinstance(refused.value, Forbidden)
    assert [problem.variable for problem in refused.value.problems] == [
        "spec.engine.quantization",
        "spec.model.trustRemoteCode",
    ]


WRONG_DIGESTS = [
    "r/w@sha256:abc",
    "r/w@latest",
    f"r/w@sha256:{'0A' * 32}",
    f"r/w@sha256:{'0a' * 33}",
    "r/w@",
    "@",
    f"r/w@sha256:{'0a' * 32}\n",
]


@pytest.mark.parametrize("reference", WRONG_DIGESTS)
def test_a_digest_that_is_none_is_refused_with_what_one_looks_like(reference: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed({"model": {"name": "m"}, "image": {"reference": reference}})
    assert "spec.image.reference: a digest is sha256: and 64 digits" in str(refused.value)
    assert f"got {reference!r}" in str(refused.value)


@pytest.mark.parametrize("name", ["trust_remote_code", "TRUST_REMOTE_CODES"])
def test_a_name_like_it_is_read_by_nobody(name: str) -> None:
    """So it may pass, as every name that looks like one of ours, and is told."""
    spec = understood({"model": {"name": "m"}, "env": [{"name": name, "value": "1"}]}, Config())
    assert [remark.reason for remark in remarks(spec)] == ["MisspeltVariable"]
    assert codec.parse({"MODEL_NAME": "m", name: "1"}) == codec.parse({"MODEL_NAME": "m"})


@pytest.mark.parametrize("value", [{"value": "1"}, {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}])
def test_a_free_variable_is_no_way_around_it(value: dict[str, object]) -> None:
    with pytest.raises(InvalidSpec, match=r"spec\.env\[0\]\.name"):
        parsed({"model": {"name": "m"}, "env": [{"name": "TRUST_REMOTE_CODE", **value}]})
