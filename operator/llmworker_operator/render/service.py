"""The Service that clients in the cluster talk to."""

from typing import Any

from llmworker_contract import endpoints
from llmworker_operator import names
from llmworker_operator.owner import Owner


def service(owner: Owner) -> dict[str, Any]:
    """One address for all replicas; only pods that are ready receive requests."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector(owner.name),
            "ports": [
                {
                    "name": endpoints.OPENAI_PORT_NAME,
                    "port": names.SERVICE_PORT,
                    "targetPort": endpoints.OPENAI_PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }
