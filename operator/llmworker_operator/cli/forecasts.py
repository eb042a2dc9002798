"""What `diff` says of a forecast, for people and for programs. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

import click

from llmworker_operator.changes import ChildChange, FieldChange, Forecast, Told

_SHOWN: Final = 120
"""Characters of a value: a chat template is longer than anybody reads here."""

_ACTIONS: Final = {
    "create": ("is created", "green"),
    "change": ("changes", "yellow"),
    "delete": ("is deleted", "red"),
    "keep": ("stays, and is no longer used", "yellow"),
}


def entry(told: Told) -> dict[str, Any]:
    """All of it as JSON has it."""
    found = told.forecast
    return {
        "namespace": told.owner.namespace,
        "name": told.owner.name,
        "refused": list(told.refused),
        "remarks": list(told.remarks),
        "fields": [
            {
                "field": field.field,
                "before": field.before,
                "after": field.after,
                "restartsPods": field.restarts,
                "changes": list(field.kinds),
            }
            for field in (found.fields if found else ())
        ],
        "objects": [
            {
                "kind": child.kind,
                "name": child.name,
                "action": child.action,
                "differences": [{"path": d.path, "before": d.before, "after": d.after} for d in child.differences],
            }
            for child in (found.children if found else ())
        ],
        "restarts": {"template": found.rolls, "pods": found.restarts, "how": found.way} if found else None,
    }


def lines(told: Told) -> Iterator[str]:
    """All of it for people."""
    yield click.style(f"LLMWorker {told.owner.namespace}/{told.owner.name}", bold=True)
    for words in told.refused:
        yield click.style(f"  refused: {words}", fg="red")
    for words in told.remarks:
        yield click.style(f"  note: {words}", fg="yellow")
    if told.forecast is None:
        return
    if told.forecast.nothing:
        yield "  no difference"
    for field in told.forecast.fields:
        yield f"  {_change(field.field, field.before, field.after)}  {_effect(field, told.forecast)}"
    for child in told.forecast.children:
        yield from _child(child)
    yield from _roll(told.forecast)


def _effect(field: FieldChange, found: Forecast) -> str:
    if field.restarts:
        text = f"restarts {_pods(found.restarts)}" if found.rolls else "would restart pods"
        return click.style(text, fg="red")
    return click.style("restarts nothing", fg="green")


def _child(child: ChildChange) -> Iterator[str]:
    words, colour = _ACTIONS[child.action]
    yield click.style(f"  {child.kind} {child.name} {words}", fg=colour)
    for found in child.differences:
        yield f"    {_change(found.path, found.before, found.after)}"


def _roll(found: Forecast) -> Iterator[str]:
    if found.paused:
        yield "  spec.paused is true: nothing is applied until it is removed"
    elif found.rolls and not found.restarts:
        yield "  no pod restarts, for none runs or none stays"
    elif found.rolls:
        verb = "restarts" if found.restarts == 1 else "restart"
        yield click.style(f"  {_pods(found.restarts)} {verb}, {found.way}", bold=True)
    elif found.fields:
        yield "  no pod restarts"


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _change(path: str, before: Any, after: Any) -> str:
    return f"{path}: {_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    if value is None:
        return "unset"
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
