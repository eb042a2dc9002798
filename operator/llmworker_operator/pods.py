"""A worker's pods as last seen: only what tells why one does not serve. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from llmworker_operator import names

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Exit:
    """How a worker's container ended."""

    code: int
    reason: str
    """The kubelet's word, as Error or OOMKilled, or the worker's own from its termination message."""
    message: str
    """What the worker said of it, or the end of its log."""
    remedy: str
    """The worker's own advice; empty where it could give none."""
    at: str
    """When, as Kubernetes writes times."""


@dataclass(frozen=True)
class Pod:
    """One pod."""

    name: str
    uid: str
    template: str | None
    """Hash of the template that it was made of."""
    created: str
    leaving: bool
    phase: str
    trouble: tuple[str, str]
    """Reason and message of the pod itself, as Evicted; empty words when it has none."""
    scheduled: bool
    unschedulable: str
    """The scheduler's own sentence, while it finds no node."""
    waiting: tuple[str, str]
    """Reason and message of a container that does not run; empty words when it does."""
    running: bool
    ready: bool
    restarts: int
    last_exit: Exit | None
    address: str

    @property
    def finished(self) -> bool:
        """Whether it is over with it: evicted, say. Its object stays for a while."""
        return self.phase in {"Failed", "Succeeded"}

    def age(self, now: datetime) -> float:
        """Seconds since it was created."""
        return (now - datetime.fromisoformat(self.created.replace("Z", "+00:00"))).total_seconds()


def pod(body: Body) -> Pod:
    """What a pod's object says."""
    metadata, status = body["metadata"], body.get("status") or {}
    conditions = {found["type"]: found for found in status.get("conditions") or ()}
    container = _worker(status)
    state: Mapping[str, Any] = container.get("state") or {}
    waiting: Mapping[str, Any] = state.get("waiting") or {}
    scheduled: Mapping[str, Any] = conditions.get("PodScheduled", {})
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        template=(metadata.get("annotations") or {}).get(names.TEMPLATE_HASH),
        created=metadata["creationTimestamp"],
        leaving="deletionTimestamp" in metadata,
        phase=status.get("phase", "Pending"),
        trouble=(status.get("reason", ""), status.get("message", "")),
        scheduled=scheduled.get("status") == "True" or bool((body.get("spec") or {}).get("nodeName")),
        unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else "",
        waiting=(waiting.get("reason", ""), waiting.get("message", "")),
        running="running" in state,
        ready=conditions.get("Ready", {}).get("status") == "True",
        restarts=container.get("restartCount", 0),
        last_exit=_last_exit(container),
        address=status.get("podIP", ""),
    )


def _worker(status: Body) -> Body:
    """The status of the worker's container: others may have been injected beside it."""
    listed = status.get("containerStatuses") or ()
    return next((found for found in listed if found["name"] == names.CONTAINER), {})


def _last_exit(container: Body) -> Exit | None:
    """The newest end of the container; the state before is kept there while it runs again."""
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        if ended := state.get("terminated"):
            return _exit(ended)
    return None


def _exit(ended: Body) -> Exit:
    told = _told(ended.get("message", ""))
    reason, message, remedy = (str(told.get(field, "")) for field in ("reason", "message", "remedy"))
    killed = ended.get("reason") == "OOMKilled"  # the worker had no time to say anything of it
    return Exit(
        code=ended.get("exitCode", 0),
        reason=ended["reason"] if killed or not reason else reason,
        message=message or ended.get("message", "").strip(),
        remedy="" if killed else remedy,
        at=ended.get("finishedAt") or "",
    )


def _told(message: str) -> Body:
    """The worker's termination message; empty if it is something else."""
    try:
        told = json.loads(message)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
