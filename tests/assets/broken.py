"""Workers that are broken for real, and what has to be told of them."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from assets.llmworkers import LLMWorkers
from assets.waiting import until


@dataclass(frozen=True)
class Broken:
    """What is wrong with a worker's spec, and what has to be told of it."""

    spec: dict[str, Any]
    reason: str
    said: str
    """Part of the component's own sentence."""
    step: str
    """Part of what to do."""
    objects: list[dict[str, Any]] = field(default_factory=list)
    """What has to be in its namespace."""


def check_told(workers: LLMWorkers, name: str, broken: Broken, *, scheduled: bool) -> None:
    """All conditions, the event and `kubectl describe` tell it. `scheduled`: whether its pods have a node."""
    try:
        until(lambda: workers.condition("Ready", name).get("reason") == broken.reason, "told", 300)
    except AssertionError:
        pytest.fail(f"{broken.reason} is not told, but {workers.get('llmworker', name).get('status')}")
    found = {kind: workers.condition(kind, name) for kind in ("Scheduled", "ModelLoaded", "Ready", "Degraded")}
    states = {kind: condition["status"] for kind, condition in found.items()}
    assert states == {"Scheduled": str(scheduled), "ModelLoaded": "False", "Ready": "False", "Degraded": "True"}
    assert found["Degraded"]["reason"] == broken.reason

    def described() -> str:
        return " ".join(workers.kubectl("describe", "llmworker", name).split())

    until(lambda: f"Warning {broken.reason}" in described(), "an event, which comes after the status")
    assert broken.said in described()
    assert broken.step in described()
