"""Whose the Lease is, what is written to it, and who may go on: by clocks of our own."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from llmworker_operator.cluster import LEASES, ApiError, Resource
from llmworker_operator.election import Elector, Lost, Seen, free, released, seen, taken

AT = ("system", "op")
NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def lease(holder: str, version: str = "1", **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "system", "name": "op", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"holderIdentity": holder, **spec}}


@pytest.mark.parametrize(
    ("body", "age", "expected"),
    [
        pytest.param(None, 0, True, id="there is none"),
        pytest.param(lease("me"), 0, True, id="ours"),
        pytest.param(lease(""), 0, True, id="given back"),
        pytest.param({"metadata": {"resourceVersion": "1"}}, 0, True, id="made by hand, without a spec"),
        pytest.param(lease("other"), 14.9, False, id="another's, that was renewed lately"),
        pytest.param(lease("other"), 15, True, id="another's, that ran out"),
        pytest.param(lease("other", leaseDurationSeconds=60), 59, False, id="another's, who promised less often"),
        pytest.param(lease("other", renewTime="1999-01-01T00:00:00.000000Z"), 1, False, id="a clock that is late"),
    ],
)
def test_whether_it_may_be_taken(body: dict[str, Any] | None, age: float, expected: bool) -> None:
    assert free(Seen(body, since=100.0), "me", 15, now=100.0 + age) is expected


def test_only_a_change_starts_its_time_anew() -> None:
    first = seen(lease("other", "1"), None, 10.0)
    assert seen(lease("other", "1"), first, 20.0).since == 10.0
    assert seen(lease("other", "2"), first, 20.0).since == 20.0


def test_one_that_is_taken_tells_since_when_and_how_often_it_went_over() -> None:
    body = lease("other", leaseTransitions=4, acquireTime="then")
    body["metadata"]["labels"] = {"kept": "yes"}
    written = taken(Seen(body, 0.0), AT, "me", 15, NOW)
    assert written["metadata"] == body["metadata"]
    assert written["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T12:00:00.000000Z",
        "renewTime": "2026-01-01T12:00:00.000000Z",
        "leaseTransitions": 5,
    }


def test_one_that_is_renewed_keeps_since_when() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    spec = taken(Seen(lease("me", acquireTime="then", leaseTransitions=5), 0.0), AT, "me", 15, elsewhere)["spec"]
    assert (spec["acquireTime"], spec["leaseTransitions"]) == ("then", 5)
    assert spec["renewTime"] == "2026-01-01T12:00:00.000000Z"


def test_one_that_is_given_back_is_nobodys_and_fenced_by_its_version() -> None:
    written = released(Seen(lease("me", "7", leaseDurationSeconds=15), 0.0), NOW)
    assert written["spec"]["holderIdentity"] == ""
    assert written["metadata"]["resourceVersion"] == "7"


class FakeLeases:
    """One Lease, with the API server's rule for versions; a clock that only a test moves."""

    def __init__(self, body: dict[str, Any] | None = None) -> None:
        self.body = body
        self.version = 10
        self.now = 1000.0
        self.failure: ApiError | None = None
        self.writes = 0

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        assert (resource, namespace, name) == (LEASES, *AT)
        if self.failure:
            raise self.failure
        return self.body

    async def create(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.body is not None:
            raise ApiError(409, "already exists")
        return self.write(body)

    async def replace(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        if self.body is None:
            raise ApiError(404, "not found")
        if body["metadata"]["resourceVersion"] != self.body["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified")
        return self.write(body)

    def write(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.writes += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return self.body


def elector(leases: FakeLeases, seconds: float = 0.15) -> Elector:
    """A try every 20 ms."""
    return Elector(leases, AT, "me", seconds, lambda: leases.now)  # type: ignore[arg-type]  # shorter than any real one


async def lost(found: Elector, while_: Any = None) -> str:
    """What it says when it loses the Lease, at the latest in two seconds."""
    keeping = asyncio.create_task(found.keep())
    await asyncio.sleep(0.1)
    if while_:
        assert not keeping.done()
        while_()
    with pytest.raises(Lost) as told:
        await asyncio.wait_for(keeping, 2)
    return str(told.value)


async def test_the_first_makes_the_lease() -> None:
    leases = FakeLeases()
    found = elector(leases)
    assert (found.holder, found.left()) == (None, 0.0)
    await found.win()
    assert found.holder == "me"
    assert found.left() == pytest.approx(0.1)


async def test_another_is_waited_for_until_it_has_not_renewed_for_its_whole_time() -> None:
    leases = FakeLeases(lease("other", leaseDurationSeconds=15))
    found = elector(leases)
    winning = asyncio.create_task(found.win())
    await asyncio.sleep(0.1)
    leases.now += 14
    await asyncio.sleep(0.1)
    assert not winning.done()
    assert found.holder == "other"
    leases.now += 1
    await asyncio.wait_for(winning, 2)
    assert found.holder == "me"


async def test_of_two_that_try_at_once_the_faster_has_it() -> None:
    leases = FakeLeases(lease(""))
    found, read = elector(leases), leases.read

    async def overtaken(*at: Any) -> dict[str, Any] | None:
        before = await read(*at)
        leases.read = read  # type: ignore[method-assign]
        leases.write(lease("other", leaseDurationSeconds=15))
        return before

    leases.read = overtaken  # type: ignore[method-assign]
    winning = asyncio.create_task(found.win())
    await asyncio.sleep(0.1)
    assert not winning.done()
    winning.cancel()
    assert leases.body
    assert leases.body["spec"]["holderIdentity"] == "other"


async def test_a_label_that_somebody_adds_does_not_cost_the_lease() -> None:
    leases = FakeLeases()
    found = elector(leases)
    await found.win()

    def labelled() -> None:
        assert leases.body
        leases.write({**leases.body, "metadata": {**leases.body["metadata"], "labels": {"a": "b"}}})

    keeping = asyncio.create_task(found.keep())
    labelled()
    await asyncio.sleep(0.15)
    assert not keeping.done()
    keeping.cancel()
    assert leases.body
    assert leases.body["metadata"]["labels"] == {"a": "b"}
    assert leases.writes > 3


async def test_an_api_server_that_is_away_costs_the_lease_only_when_its_time_is_over() -> None:
    leases = FakeLeases()
    found = elector(leases)
    await found.win()
    leases.failure = ApiError(0, "refused")

    def time_is_over() -> None:
        leases.now += 0.11

    assert "could not be renewed in time" in await lost(found, time_is_over)
    assert found.left() == 0.0


async def test_one_that_was_frozen_asks_for_nothing_when_it_goes_on() -> None:
    leases = FakeLeases()
    found = elector(leases)
    await found.win()
    leases.now += 100
    before = leases.writes
    assert found.left() == 0.0
    await lost(found)
    await found.release()
    assert leases.writes == before


@pytest.mark.parametrize("body", [lease("other", "99"), lease("", "99"), None], ids=["another", "nobody", "deleted"])
async def test_a_lease_that_is_no_longer_ours_is_lost_at_once(body: dict[str, Any] | None) -> None:
    leases = FakeLeases()
    found = elector(leases)
    await found.win()
    leases.body = body
    assert "taken from us" in await lost(found)
    assert found.left() == 0.0
    await found.release()
    assert leases.body == body


async def test_it_is_given_back_once() -> None:
    leases = FakeLeases()
    found = elector(leases)
    await found.win()
    await found.release()
    assert leases.body
    assert leases.body["spec"]["holderIdentity"] == ""
    assert found.left() == 0.0
    await found.release()
    assert leases.writes == 2


async def test_a_try_without_an_answer_is_ended_and_tried_again() -> None:
    leases = FakeLeases()
    read = leases.read

    async def silent(*_: Any) -> None:
        leases.read = read  # type: ignore[method-assign]
        await asyncio.sleep(60)

    leases.read = silent  # type: ignore[assignment,method-assign]
    await asyncio.wait_for(elector(leases).win(), 2)
