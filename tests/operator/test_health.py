"""What the operator's own probes answer."""

from time import monotonic

import pytest
from aiohttp import ClientSession, web

from llmworker_operator.health import Phase, State, application, healthz, readyz
from llmworker_operator.metrics import CONTENT_TYPE, Metrics
from llmworker_operator.store import Store
from llmworker_operator.watches import SILENCE, Watches


@pytest.fixture
def state() -> State:
    store, watches = Store(), Watches(("Pod", "Service"), now=0.0, patience=60.0)
    return State(store, watches, Metrics(store, watches), phase=Phase.WORKING)


def test_the_ages_of_the_watches(state: State) -> None:
    state.watches.heard("Pod", 5.0)
    assert healthz(state, 7.0) == (200, "ok\nPod last heard 2 s ago\nService last heard 7 s ago")


def test_a_sentence_for_each_dead_watch(state: State) -> None:
    status, text = healthz(state, SILENCE + 1)
    assert status == 503
    assert [line.split()[3] for line in text.splitlines()] == ["Pod", "Service"]


def test_an_api_server_that_is_away_is_no_reason_to_start_anew(state: State) -> None:
    state.watches.does_not_answer("0: refused")
    assert healthz(state, 10_000.0) == (
        200,
        "ok: the API server does not answer, and starting anew would not help: 0: refused",
    )


@pytest.mark.parametrize("phase", [Phase.ELECTING, Phase.LISTING])
def test_before_there_are_watches_none_can_be_dead(state: State, phase: Phase) -> None:
    state.phase = phase
    assert healthz(state, 10_000.0)[0] == 200


@pytest.mark.parametrize(
    ("phase", "leader", "expected"),
    [
        (Phase.ELECTING, None, (503, "asks for the Lease")),
        (Phase.ELECTING, "", (503, "asks for the Lease")),
        (Phase.ELECTING, "other", (200, "ok: standing by for other")),
        (Phase.LISTING, "me", (503, "the first lists are not complete")),
        (Phase.WORKING, "me", (200, "ok: 0 LLMWorkers")),
        (Phase.WORKING, None, (200, "ok: 0 LLMWorkers")),
    ],
)
def test_ready_is_who_works_or_stands_by(
    state: State, phase: Phase, leader: str | None, expected: tuple[int, str]
) -> None:
    state.phase, state.leader = phase, lambda: leader
    assert readyz(state) == expected


async def test_the_three_paths(state: State, unused_tcp_port: int) -> None:
    for kind in ("Pod", "Service"):
        state.watches.heard(kind, monotonic())
    server = web.AppRunner(application(state))
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", unused_tcp_port).start()
    async with ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as session:
        for path, begins in (("/healthz", "ok\n"), ("/readyz", "ok: 0"), ("/metrics", "# HELP llmworker_operator_")):
            async with session.get(path) as answer:
                assert answer.status == 200
                assert (await answer.text()).startswith(begins)
        async with session.get("/metrics") as answer:
            assert answer.headers["Content-Type"] == CONTENT_TYPE
        state.phase = Phase.LISTING
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "the first lists are not complete\n")
    await server.cleanup()
