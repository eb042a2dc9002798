"""Who may connect to a worker's pods."""

from collections.abc import Sequence
from typing import Any

from llmworker_contract import endpoints
from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.networkspec import LabelSelector, NetworkPeer
from llmworker_operator.owner import Owner


def network_policy(owner: Owner, spec: LLMWorkerSpec, config: Config) -> dict[str, Any] | None:
    """Closes the pods but to those who are named, and to the operator, which asks the admin port how far they are.

    The kubelet's probes need no rule: what comes from a pod's own node is always let in.
    """
    wanted = spec.network_policy
    if wanted is None:
        return None
    admins = [*_operator(config), *_peers(wanted.metrics_from or ())]
    rules = [_rule(_peers(wanted.ingress_from), endpoints.OPENAI_PORT)]
    if admins:  # without a peer, a rule lets everybody in
        rules.append(_rule(admins, endpoints.ADMIN_PORT))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owner.metadata(),
        "spec": {
            "podSelector": {"matchLabels": names.selector(owner.name)},
            "policyTypes": ["Ingress"],
            "ingress": rules,
        },
    }


def _rule(peers: list[dict[str, Any]], port: int) -> dict[str, Any]:
    return {"from": peers, "ports": [{"port": port, "protocol": "TCP"}]}


def _operator(config: Config) -> list[dict[str, Any]]:
    if not config.pod_namespace:
        return []
    namespace = {"matchLabels": {names.NAMESPACE_NAME: config.pod_namespace}}
    return [{"namespaceSelector": namespace, "podSelector": {"matchLabels": names.OPERATOR_LABELS}}]


def _peers(stated: Sequence[NetworkPeer]) -> list[dict[str, Any]]:
    return [
        {
            name: _selector(selector)
            for name, selector in (
                ("namespaceSelector", peer.namespace_selector),
                ("podSelector", peer.pod_selector),
            )
            if selector is not None
        }
        for peer in stated
    ]


def _selector(selector: LabelSelector) -> dict[str, Any]:
    return {"matchLabels": selector.match_labels} if selector.match_labels else {}
