"""The end of a supervised engine: draining, and an engine that hangs; small programs stand in the engine's place."""

import asyncio
from dataclasses import replace

import pytest

from assets.stand_in import FOREVER, Server, engine, stopped, until
from llmworker_server.failure import Failure
from llmworker_server.progress import Phase
from llmworker_server.scoreboard import Scoreboard, Slot
from llmworker_server.state import State
from llmworker_server.supervisor import DEFAULTS, Limits, Supervisor


async def draining(board: Scoreboard, limits: Limits = DEFAULTS) -> tuple[Supervisor, "asyncio.Task[Failure | None]"]:
    """A ready worker with one open request that was asked to end."""
    state = State()
    supervisor = Supervisor(engine(FOREVER), Server().client(), state, board, limits)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: state.ready)
    board[Slot.RUNNING] = 1
    supervisor.stop()
    await until(lambda: board[Slot.DRAINING] == 1)
    assert state.progress.phase is Phase.DRAINING
    return supervisor, running


async def test_open_requests_go_on_until_the_last_is_answered() -> None:
    board = Scoreboard()
    _, running = await draining(board)
    await asyncio.sleep(0.5)
    assert not running.done()
    board[Slot.RUNNING] = 0
    assert await asyncio.wait_for(running, 5) is None
    assert board[Slot.ENDING] == 0


@pytest.mark.parametrize("how", ["the time is over", "asked again"])
async def test_open_requests_are_ended(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    board = Scoreboard()
    supervisor, running = await draining(
        board, replace(DEFAULTS, drain_timeout=0.5 if how == "the time is over" else 60)
    )
    if how == "asked again":
        supervisor.stop()
    await until(lambda: board[Slot.ENDING] == 1, 2)
    board[Slot.RUNNING] = 0
    assert await asyncio.wait_for(running, 5) is None
    assert f"1 open requests are ended: {how}" in capsys.readouterr().out


async def test_a_client_that_takes_nothing_does_not_hold_the_worker(capsys: pytest.CaptureFixture[str]) -> None:
    _, running = await draining(Scoreboard(), replace(DEFAULTS, drain_timeout=0))
    assert await asyncio.wait_for(running, 5) is None
    assert "1 clients take no more and are cut off" in capsys.readouterr().out


async def test_an_engine_that_dies_while_it_drains_has_failed() -> None:
    state, board = State(), Scoreboard()
    program = "import time; time.sleep(3)"
    supervisor = Supervisor(engine(program), Server().client(), state, board)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: state.ready)
    board[Slot.RUNNING] = 1
    supervisor.stop()
    cause = await asyncio.wait_for(running, 10)
    assert cause is not None
    assert cause.reason == "EngineFailed"


async def test_an_engine_that_hangs_is_unready_and_then_ended() -> None:
    state, board = State(), Scoreboard()
    supervisor = Supervisor(engine(FOREVER), Server().client(), state, board, replace(DEFAULTS, hang_timeout=2))
    running = asyncio.create_task(supervisor.run())
    await until(lambda: state.ready)
    board[Slot.WORKING] = board[Slot.STREAMS] = 1
    await until(lambda: state.progress.phase is Phase.UNHEALTHY)
    assert "no token for" in state.detail
    cause = await asyncio.wait_for(running, 10)
    assert cause is not None
    assert cause.reason == "EngineHung"
    assert state.progress.phase is Phase.FAILED


async def test_an_engine_may_hang_for_ever_if_told_so() -> None:
    state, board = State(), Scoreboard()
    supervisor = Supervisor(engine(FOREVER), Server().client(), state, board, replace(DEFAULTS, hang_timeout=0))
    running = asyncio.create_task(supervisor.run())
    await until(lambda: state.ready)
    board[Slot.WORKING] = board[Slot.STREAMS] = 1
    await asyncio.sleep(3)
    assert state.ready
    await stopped(supervisor, running)


async def test_a_worker_that_never_was_ready_has_nobody_to_wait_for() -> None:
    """But its own request for a first token, which may take minutes."""
    server, state, board = Server(), State(), Scoreboard()
    server.health = 503
    supervisor = Supervisor(engine(FOREVER), server.client(), state, board)
    running = asyncio.create_task(supervisor.run())
    await asyncio.sleep(0.2)
    board[Slot.RUNNING] = 1
    assert await stopped(supervisor, running) is None
