"""Pods as the API server writes them, for tests of what is told of them."""

from typing import Any, Final

from llmworker_operator import names

CREATED: Final = "2026-01-02T03:00:00Z"
TEMPLATE: Final = "current"


def pod_body(
    name: str = "chat-1",
    *,
    template: str = TEMPLATE,
    node: str | None = "node-1",
    phase: str = "Running",
    ready: bool = False,
    container: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """A pod; `container`: what the kubelet says of the worker's container; None: nothing yet."""
    conditions = [{"type": "Ready", "status": str(ready)}, {"type": "PodScheduled", "status": str(node is not None)}]
    containers = [] if container is None else [{"name": names.CONTAINER, **container}]
    return {
        "metadata": {
            "name": name,
            "namespace": "prod",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": CREATED,
            "labels": names.labels("chat"),
            "annotations": {names.TEMPLATE_HASH: template},
        },
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": containers, **status},
    }


def unscheduled_body(message: str, name: str = "chat-1") -> dict[str, Any]:
    """A pod that the scheduler finds no node for."""
    body = pod_body(name, node=None, phase="Pending")
    body["status"]["conditions"][1].update(status="False", reason="Unschedulable", message=message)
    return body


def waiting(reason: str, message: str = "", ended: dict[str, Any] | None = None) -> dict[str, Any]:
    """A container that does not run; `ended`: how it did before."""
    last = {"lastState": {"terminated": ended}, "restartCount": 3} if ended else {}
    return {"state": {"waiting": {"reason": reason, "message": message}}, **last}


def running(ended: dict[str, Any] | None = None) -> dict[str, Any]:
    """A container that runs; `ended`: how it did before."""
    last = {"lastState": {"terminated": ended}, "restartCount": 1} if ended else {}
    return {"state": {"running": {"startedAt": CREATED}}, **last}
