"""The supervisor around small programs in the engine's place."""

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from assets.stand_in import FOREVER, GOOD_TOKEN, Server, alive, engine, stopped, until
from llmworker_server.command import Command
from llmworker_server.progress import Phase
from llmworker_server.scoreboard import Scoreboard
from llmworker_server.state import State
from llmworker_server.supervisor import DEFAULTS, Supervisor


async def test_ready_only_after_a_token_and_unready_once_asked_to_stop() -> None:
    server, state = Server(), State()
    server.token = httpx.Response(500, text="warming")
    supervisor = Supervisor(engine(FOREVER), server.client(), state, Scoreboard())
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "warming" in state.detail)
    assert not state.ready
    server.token = GOOD_TOKEN
    await until(lambda: state.ready)
    assert state.detail == ""
    supervisor.stop()
    assert not state.ready
    assert await asyncio.wait_for(running, 10) is None
    assert state.progress.phase is Phase.STOPPING


async def test_an_answer_without_a_token_is_no_proof() -> None:
    server, state = Server(), State()
    server.token = httpx.Response(200, json={"usage": {"completion_tokens": 0}})
    supervisor = Supervisor(engine(FOREVER), server.client(), state, Scoreboard())
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "without a token" in state.detail)
    assert not state.ready
    await stopped(supervisor, running)


@pytest.mark.parametrize("health", [503, 0], ids=["says so", "does not answer"])
async def test_an_unhealthy_engine_is_not_ready_until_it_recovers(health: int) -> None:
    server, state = Server(), State()
    supervisor = Supervisor(engine(FOREVER), server.client(), state, Scoreboard())
    running = asyncio.create_task(supervisor.run())
    await until(lambda: state.ready)
    server.health = health
    await until(lambda: state.progress.phase is Phase.UNHEALTHY)
    server.health = 200
    await until(lambda: state.ready)
    assert server.asked_for.count("/v1/completions") == 1
    await stopped(supervisor, running)


@pytest.mark.parametrize("code", [0, 1], ids=["as if all were well", "with an error"])
async def test_an_end_that_nobody_asked_for_is_a_failure(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    state = State()
    program = f"import sys; print('RuntimeError: CUDA out of memory'); sys.exit({code})"
    cause = await Supervisor(engine(program), Server().client(), state, Scoreboard()).run()
    assert cause is not None
    assert (cause.reason, cause.exit_code) == ("OutOfMemory", code)
    assert state.progress.phase is Phase.FAILED
    assert "OutOfMemory" in state.detail
    assert "CUDA out of memory\n" in capsys.readouterr().out


async def test_the_log_is_followed_without_progress_bars(capsys: pytest.CaptureFixture[str]) -> None:
    program = (
        r"print('Loading safetensors checkpoint shards:  50%\rLoading safetensors checkpoint shards: 100%');"
        r"print('x' * 100_000)"
    )
    server = Server()
    server.health = 0
    await Supervisor(engine(program), server.client(), State(), Scoreboard()).run()
    out = capsys.readouterr().out
    assert "shards: 100%" in out
    assert "shards:  50%" not in out
    assert out.count("x") >= 100_000


async def test_a_record_of_the_serving_process_is_written_and_is_no_sign_of_anything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A client chose the path."""
    program = (
        "from llmworker_server import records; records.relay('mark');"
        "records.write(records.Record('GET /CUDA out of memory', 'request'));"
        "print('half a line of the engine ', end=''); records.say('API_KEYS_FILE: 2 keys hold')"
    )
    started = engine(program)
    environ = dict(started.environ) | {"LLMWORKER_RECORD_MARK": "mark", "PYTHONPATH": os.pathsep.join(sys.path)}
    cause = await Supervisor(Command(started.argv, environ), Server().client(), State(), Scoreboard()).run()
    written = capsys.readouterr().out.splitlines()
    for line in (
        "llmworker: GET /CUDA out of memory",
        "half a line of the engine ",
        "llmworker: API_KEYS_FILE: 2 keys hold",
    ):
        assert line in written
    assert cause is not None
    assert cause.reason == "EngineFailed"
    assert "half a line of the engine" in cause.message
    assert "/CUDA" not in cause.message
    assert "API_KEYS_FILE" not in cause.message


async def test_a_process_of_a_dead_engine_is_not_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('child', child.pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    cause = await Supervisor(engine(program), Server().client(), State(), Scoreboard()).run()
    assert cause is not None
    assert cause.reason == "Killed"
    orphan = int(capsys.readouterr().out.partition("child ")[2].split()[0])
    await until(lambda: not alive(orphan))


async def test_what_ends_a_start_is_no_cause_once_the_engine_has_served(tmp_path: Path) -> None:
    words = "ValueError: LoRA rank 64 is greater than max_lora_rank 16."
    program = (
        f"import os, time\nwhile not os.path.exists('{tmp_path}/end'): time.sleep(0.02)\nraise SystemExit('{words}')"
    )
    state = State()
    running = asyncio.create_task(Supervisor(engine(program), Server().client(), state, Scoreboard()).run())
    await until(lambda: state.ready)
    (tmp_path / "end").touch()
    served = await asyncio.wait_for(running, 10)
    never = Server()
    never.health = 0
    unserved = await Supervisor(engine(program), never.client(), State(), Scoreboard()).run()
    assert served is not None
    assert unserved is not None
    assert (served.reason, unserved.reason) == ("EngineFailed", "LoraRankTooHigh")


async def test_an_engine_that_does_not_end_is_killed_after_the_grace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {FOREVER}"
    supervisor = Supervisor(
        engine(program), Server().client(), State(), Scoreboard(), replace(DEFAULTS, stop_grace=0.3)
    )
    running = asyncio.create_task(supervisor.run())
    out = ""

    def deaf() -> bool:
        nonlocal out
        out += capsys.readouterr().out
        return "deaf" in out

    await until(deaf)
    assert await stopped(supervisor, running) is None
    assert "is killed" in capsys.readouterr().out


async def test_an_error_of_our_own_is_raised_and_leaves_no_engine() -> None:
    server = Server()
    server.token = httpx.Response(200, json={"unexpected": True})
    state = State()
    started = time.monotonic()
    with pytest.raises(KeyError, match="usage"):
        await Supervisor(engine(FOREVER), server.client(), state, Scoreboard()).run()
    assert time.monotonic() - started < 10
