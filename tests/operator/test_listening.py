"""kopf's streams, heard. The real ones are heard on a real API server in test_operating_l1."""

import inspect
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest
from kopf._cogs.clients import watching

from llmworker_operator.listening import listen

PODS = SimpleNamespace(group="", plural="pods")


def test_kopf_still_has_what_is_stood_around() -> None:
    assert inspect.isasyncgenfunction(watching.watch_objs)
    source = inspect.getsource(watching.continuous_watch)
    assert "watch_objs(" in source, "every stream is opened by it, by its name in the module"


async def test_a_stream_that_opens_a_bookmark_and_an_event_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    async def stream(*, resource: Any, since: str) -> AsyncGenerator[Any, None]:
        try:
            yield {"type": "BOOKMARK", "since": since}
            yield {"type": "ADDED"}
        finally:
            ended.append(resource)

    monkeypatch.setattr(watching, "watch_objs", stream)
    heard: list[str] = []
    listen(heard.append)
    counts = []
    opened = watching.watch_objs(resource=PODS, since="7")  # type: ignore[arg-type,call-arg]
    async for said in opened:
        counts.append(len(heard))
        assert said["type"] in {"BOOKMARK", "ADDED"}
        if said["type"] == "ADDED":
            break
    await opened.aclose()  # type: ignore[attr-defined]
    assert counts == [2, 3]
    assert set(heard) == {"Pod"}
    assert ended == [PODS]
