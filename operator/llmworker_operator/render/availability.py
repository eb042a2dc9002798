"""What keeps a worker answering while nodes are emptied."""

from typing import Any

from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.owner import Owner


def budget(owner: Owner, spec: LLMWorkerSpec) -> dict[str, Any] | None:
    """A node's drain takes one pod after the other. With one replica it would only hold the drain up for ever."""
    if spec.replicas <= 1:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": owner.metadata(),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(owner.name)},
            # A pod that loads or fails serves nobody: it must not keep a node from being emptied.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
