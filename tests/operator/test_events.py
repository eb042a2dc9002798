"""Which events a change of the status makes, and what is in them."""

from datetime import datetime, timezone
from typing import Any

import pytest

from llmworker_operator.events import Told, again, event, transitions
from llmworker_operator.owner import Owner

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def status(accepted: str = "True Applied", degraded: str = "False AsExpected") -> dict[str, Any]:
    found = {"Accepted": accepted.split(), "Ready": ["False", "Loading"], "Degraded": degraded.split()}
    return {
        "conditions": [
            {"type": kind, "status": state, "reason": reason, "message": f"{reason}, in words."}
            for kind, (state, reason) in found.items()
        ]
    }


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param({}, status(), [], id="a new worker without trouble"),
        pytest.param(status(), status(), [], id="nothing turned"),
        pytest.param(status(), status(degraded="True NoGPU"), [("Warning", "NoGPU")], id="something goes wrong"),
        pytest.param(status(degraded="True NoGPU"), status(degraded="True NoGPU"), [], id="it goes on"),
        pytest.param(
            status(degraded="True NoGPU"), status(degraded="True Quota"), [("Warning", "Quota")], id="another cause"
        ),
        pytest.param(status(degraded="True NoGPU"), status(), [("Normal", "Recovered")], id="it is over"),
        pytest.param(status(degraded="True NoGPU"), status(degraded="Unknown Applying"), [], id="nobody knows yet"),
        pytest.param({}, status("False InvalidSpec"), [("Warning", "InvalidSpec")], id="refused from the start"),
        pytest.param(status(), status("False Paused"), [("Normal", "Paused")], id="somebody wished it"),
        pytest.param(status("False InvalidSpec"), status(), [("Normal", "Recovered")], id="corrected"),
    ],
)
def test_only_what_turns_is_told(before: dict[str, Any], now: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert [(told.kind, told.reason) for told in transitions(now, before)] == expected


def warnings(*found: tuple[str, str]) -> dict[str, Any]:
    listed = [{"reason": reason, "field": field, "message": f"{field} in words"} for reason, field in found]
    return {**status(), "warnings": listed}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param((), (("Typo", "a"),), [("Warning", "Typo", "a: a in words.")], id="new"),
        pytest.param((("Typo", "a"),), (("Typo", "a"),), [], id="told before"),
        pytest.param(
            (("Typo", "a"),), (("Typo", "a"), ("Typo", "b")), [("Warning", "Typo", "b: b in words.")], id="one more"
        ),
        pytest.param((("Typo", "a"),), (), [], id="corrected"),
        pytest.param(
            (),
            (("Typo", "a"), ("Typo", "b"), ("Old", "c")),
            [("Warning", "Typo", "a: a in words. b: b in words."), ("Warning", "Old", "c: c in words.")],
            id="one event of each reason",
        ),
    ],
)
def test_a_warning_is_told_once(before: Any, now: Any, expected: list[tuple[str, str, str]]) -> None:
    assert list(transitions(warnings(*now), warnings(*before))) == expected


def test_what_is_over_is_named() -> None:
    (told,) = transitions(status(), status(degraded="True NoGPU"))
    assert told.message == "NoGPU is over. AsExpected, in words."


def test_the_object_refers_to_the_worker_and_keeps_its_name_for_a_reason() -> None:
    owner = Owner("chat", "prod", "u1")
    first = event(owner, Told("Warning", "NoGPU", "x" * 3000), NOW)
    assert first["involvedObject"]["uid"] == "u1"
    assert first["metadata"]["namespace"] == first["involvedObject"]["namespace"] == "prod"
    assert (len(first["message"]), first["count"]) == (1024, 1)
    same = event(owner, Told("Warning", "NoGPU", "other words"), NOW)
    other = event(owner, Told("Warning", "Quota", "other words"), NOW)
    anew = event(Owner("chat", "prod", "u2"), Told("Warning", "NoGPU", "x"), NOW)
    assert first["metadata"]["name"] == same["metadata"]["name"]
    assert len({found["metadata"]["name"] for found in (first, other, anew)}) == 3


def test_one_that_happens_again_is_counted() -> None:
    fresh = event(Owner("chat", "prod", "u1"), Told("Warning", "NoGPU", "now"), NOW)
    assert again({"count": 4}, fresh) == {"count": 5, "lastTimestamp": "2026-01-02T03:04:05Z", "message": "now"}
