"""Who may connect to a worker's pods; the whole object is in golden/private.yaml."""

from typing import Any

import pytest

from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.validation import InvalidSpec, parsed

GATEWAY = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
PROMETHEUS = {"podSelector": {"matchLabels": {"app": "prometheus"}}, "namespaceSelector": {}}


def rules(policy: dict[str, Any] | None, **config: str) -> dict[int, list[dict[str, Any]]] | None:
    """Who is let in, by port; None where there is no policy."""
    spec = parsed({"model": {"name": "m"}, **({} if policy is None else {"networkPolicy": policy})})
    for child in children(Owner("w", "n"), spec, Config(**config)):  # type: ignore[arg-type]
        if child["kind"] == "NetworkPolicy":
            return {rule["ports"][0]["port"]: rule["from"] for rule in child["spec"]["ingress"]}
    return None


def test_without_the_field_there_is_no_policy() -> None:
    assert rules(None, pod_namespace="system") is None


def test_the_operator_is_let_in_where_it_asks_and_nowhere_else() -> None:
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "system"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "llmworker-operator"}},
    }
    found = rules({"ingressFrom": [GATEWAY], "metricsFrom": [PROMETHEUS]}, pod_namespace="system")
    assert found == {8000: [GATEWAY], 8001: [operator, PROMETHEUS]}
    assert rules({"ingressFrom": [GATEWAY]}, pod_namespace="system") == {8000: [GATEWAY], 8001: [operator]}


def test_where_nobody_may_read_the_admin_port_no_rule_opens_it_to_all() -> None:
    assert rules({"ingressFrom": [GATEWAY]}) == {8000: [GATEWAY]}


def test_an_empty_selector_is_all_and_stays_in_the_object() -> None:
    assert rules({"ingressFrom": [{"podSelector": {}}]}) == {8000: [{"podSelector": {}}]}


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({}, "spec.networkPolicy.ingressFrom: is required"),
        ({"ingressFrom": []}, "spec.networkPolicy.ingressFrom: "),
        ({"ingressFrom": [GATEWAY], "metricsFrom": []}, "spec.networkPolicy.metricsFrom: "),
        ({"ingressFrom": [GATEWAY, {}]}, "spec.networkPolicy.ingressFrom[1]: a peer is chosen by podSelector"),
        ({"ingressFrom": [{"ipBlock": {}}]}, "spec.networkPolicy.ingressFrom[0].ipBlock: is not a field"),
    ],
)
def test_a_policy_that_would_let_in_everybody_by_mistake_is_refused(policy: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        rules(policy)
    assert told in str(refused.value)
