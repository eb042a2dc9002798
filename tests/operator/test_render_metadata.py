"""Labels and annotations of the pods beside the operator's own."""

from typing import Any

import pytest

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.names import TEMPLATE_HASH, labels, selector
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.validation import InvalidSpec, parsed


def deployment(**metadata: Any) -> dict[str, Any]:
    spec = LLMWorkerSpec.model_validate({"model": {"name": "m"}, "podMetadata": metadata})
    return {child["kind"]: child for child in children(Owner("w", "n", "u"), spec, Config())}["Deployment"]


def test_they_reach_the_pods_and_no_other_object() -> None:
    found = deployment(labels={"team": "search"}, annotations={"sidecar.istio.io/inject": "false"})
    pods = found["spec"]["template"]["metadata"]
    assert pods["labels"] == {"team": "search", **labels("w")}
    assert pods["annotations"].items() >= {"sidecar.istio.io/inject": "false"}.items()
    assert (found["metadata"]["labels"], found["spec"]["selector"]["matchLabels"]) == (labels("w"), selector("w"))


def test_each_of_them_makes_another_revision() -> None:
    made = [
        deployment(),
        deployment(labels={"a": "1"}),
        deployment(annotations={"a": "1"}),
        deployment(labels={"a": "2"}),
    ]
    assert len({each["spec"]["template"]["metadata"]["annotations"][TEMPLATE_HASH] for each in made}) == 4


@pytest.mark.parametrize(
    ("metadata", "field", "words"),
    [
        ({"labels": {"llmworker.dev/worker": "x"}}, "labels", "llmworker.dev/worker is the operator's own"),
        ({"labels": {"app.kubernetes.io/name": "x"}}, "labels", "app.kubernetes.io/name is the operator's own"),
        ({"labels": {"pod-template-hash": "x"}}, "labels", "pod-template-hash is the operator's own"),
        ({"annotations": {TEMPLATE_HASH: "x"}}, "annotations", "template-hash is the operator's own"),
        ({"labels": {"a b": "x"}}, "labels", "expected keys as team or example.com/team, got 'a b'"),
        ({"labels": {"a": "x y"}}, "labels.a", "got 'x y'"),
        ({"labels": {"a": "x" * 64}}, "labels.a", "xxx"),
    ],
)
def test_what_is_none_or_not_the_users_is_refused(metadata: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed({"model": {"name": "m"}, "podMetadata": metadata})
    (problem,) = refused.value.problems
    assert (problem.variable, words in problem.message) == (f"spec.podMetadata.{field}", True), problem
