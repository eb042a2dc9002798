"""Events about an LLMWorker: what goes wrong and that it is over, once each time it turns. Pure.

Only transitions are told, so a worker that becomes ready without trouble costs no event. Those of one reason are one
object that counts, as Kubernetes' own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

from llmworker_operator import names
from llmworker_operator.digest import digest
from llmworker_operator.owner import Owner

_LONGEST: Final = 1024
"""Characters of a message; the API server refuses longer ones."""


class Told(NamedTuple):
    """What an event says."""

    kind: str
    """Normal or Warning."""
    reason: str
    message: str


def transitions(status: Mapping[str, Any], previous: Mapping[str, Any]) -> Iterator[Told]:
    """What there is to tell of a status that takes the place of another."""
    yield from _warnings(status, previous)
    now, before = _conditions(status), _conditions(previous)
    for kind, wrong in (("Accepted", "False"), ("Degraded", "True")):
        found, was = now.get(kind, {}), before.get(kind, {})
        if found.get("status") == wrong:
            if (was.get("status"), was.get("reason")) != (wrong, found["reason"]):
                severity = "Normal" if found["reason"] == "Paused" else "Warning"  # somebody wished it
                yield Told(severity, found["reason"], found["message"])
        elif was.get("status") == wrong and found.get("status") != "Unknown":
            yield Told("Normal", "Recovered", f"{was['reason']} is over. {found['message']}")


def _warnings(status: Mapping[str, Any], previous: Mapping[str, Any]) -> Iterator[Told]:
    """Those that were not there before, all of one reason in one event."""
    before = previous.get("warnings", ())
    fresh: dict[str, list[str]] = {}
    for found in status.get("warnings", ()):
        if found not in before:
            fresh.setdefault(found["reason"], []).append(f"{found['field']}: {found['message']}.")
    for reason, messages in fresh.items():
        yield Told("Warning", reason, " ".join(messages))


def event(owner: Owner, told: Told, now: datetime) -> dict[str, Any]:
    """The object of an event that happens for the first time."""
    at = now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"{owner.name}.{digest({'uid': owner.uid, 'kind': told.kind, 'reason': told.reason})}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": owner.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": owner.name,
            "namespace": owner.namespace,
            "uid": owner.uid,
        },
        "type": told.kind,
        "reason": told.reason,
        "message": told.message[:_LONGEST],
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": names.FIELD_MANAGER,
        "count": 1,
        "firstTimestamp": at,
        "lastTimestamp": at,
    }


def again(known: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch for one that has happened before."""
    return {
        "count": (known.get("count") or 1) + 1,
        "lastTimestamp": fresh["lastTimestamp"],
        "message": fresh["message"],
    }


def _conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in status.get("conditions", ())}
