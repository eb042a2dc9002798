"""What the API server's audit log says."""

import json
from collections.abc import Iterator
from typing import Any

from cluster.rig import Rig

_WRITES = frozenset({"create", "update", "patch", "delete"})


def requests(rig: Rig, since: int = 0) -> Iterator[dict[str, Any]]:
    """All requests that the log holds after byte `since`."""
    yield from (json.loads(line) for line in rig.audit_log.read_bytes()[since:].splitlines())


def by_operator(event: dict[str, Any]) -> bool:
    """Whether it is the operator's own, told by its two clients: kopf's for watches, Kubernetes' for all else."""
    return any(client in event.get("userAgent", "") for client in ("kopf/", "/python"))


def by_user(rig: Rig, user: str, since: int = 0) -> Iterator[dict[str, Any]]:
    """All requests of a user about the cluster's objects: neither discovery nor questions who and what it may be."""
    for event in requests(rig, since):
        group = event.get("objectRef", {}).get("apiGroup")
        of_itself = group in {"authentication.k8s.io", "authorization.k8s.io"}
        if event["user"]["username"] == user and "objectRef" in event and not of_itself:
            yield event


def resource(event: dict[str, Any]) -> str:
    """What it is about, as a role names it: the resource, and its subresource behind a slash."""
    target = event.get("objectRef", {})
    return "/".join(target[part] for part in ("resource", "subresource") if part in target)


def asked(rig: Rig, since: int, namespace: str, kind: str) -> list[str]:
    """The verbs of the operator's requests for that resource in the namespace."""
    return [
        event["verb"]
        for event in requests(rig, since)
        if resource(event) == kind and event["objectRef"].get("namespace") == namespace and by_operator(event)
    ]


def writes(rig: Rig, since: int, namespace: str, *, of_operator: bool = False) -> list[str]:
    """Verb and resource of each write below the namespace. `of_operator`: only its own, where controllers write too."""
    return sorted(
        f"{event['verb']} {resource(event)}"
        for event in requests(rig, since)
        if event["verb"] in _WRITES
        and event.get("objectRef", {}).get("namespace") == namespace
        and (by_operator(event) or not of_operator)
    )
