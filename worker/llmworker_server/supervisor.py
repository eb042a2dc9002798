"""The engine as a child process: started, followed, proven, stopped, and never left behind.

The child leads a process group of its own, since the engine starts processes too; whatever way it ends, the
group is killed at the end, so that no orphan keeps a GPU's memory.
"""

import asyncio
import os
import signal
from collections import deque
from typing import Final

from llmworker_server.command import Command
from llmworker_server.engine_client import EngineClient, NoToken
from llmworker_server.failure import Failure, failure
from llmworker_server.log import LineSplitter
from llmworker_server.progress import Phase
from llmworker_server.state import State

CHECK_INTERVAL: Final = 1.0
"""Seconds between two health checks."""

STOP_GRACE: Final = 20.0
"""Seconds that the engine has to end after it was asked to; below Kubernetes' default of 30 for the pod."""

_LOG_GRACE: Final = 2.0
"""Seconds that the engine's other processes have for their last words when its server has ended."""

_OWN_CHECK: Final = '"GET /health HTTP/1.1" 200'
"""The server's line about a passed check; one each second would bury everything else."""

_KEPT_LINES: Final = 5000
_KEPT_CHARACTERS: Final = 4000
"""Of each line, for finding the cause of a failure; the copy is whole."""

_CHUNK: Final = 65_536


class Supervisor:
    """One engine, from its start to its end."""

    def __init__(self, command: Command, client: EngineClient, state: State, stop_grace: float = STOP_GRACE) -> None:
        self._command = command
        self._stop_grace = stop_grace
        self._client = client
        self._state = state
        self._log: deque[str] = deque(maxlen=_KEPT_LINES)
        self._stop_asked = asyncio.Event()

    def stop(self) -> None:
        """Ask the engine to end. `run` returns when it has."""
        self._state.enter(Phase.STOPPING)
        self._stop_asked.set()

    async def run(self) -> Failure | None:
        """Run the engine until it ends. Why it did, or None if `stop` had been asked for."""
        process, log, pipe = await _started(self._command)
        following = asyncio.create_task(self._follow(log))
        watching = asyncio.create_task(self._watch())
        try:
            asked = await self._ended_or_asked(process, {watching, following})
            if asked:
                await _ask_to_end(process, self._stop_grace)
        finally:
            watching.cancel()
            if process.returncode is not None:
                await asyncio.wait({following}, timeout=_LOG_GRACE)
            _kill_group(process.pid)
            exit_code = await process.wait()
            await asyncio.wait({following}, timeout=_LOG_GRACE)
            following.cancel()
            pipe.close()
        if asked:
            return None
        cause = failure(self._log, exit_code)
        self._state.enter(Phase.FAILED, str(cause))
        return cause

    async def _ended_or_asked(self, process: asyncio.subprocess.Process, helpers: set[asyncio.Task[None]]) -> bool:
        """Wait for the first of both; whether it was asked. An error of a helper ends the wait and is raised."""
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._stop_asked.wait())
        running = set(helpers)
        try:
            while not (ended.done() or asked.done()):
                await asyncio.wait({ended, asked, *running}, return_when=asyncio.FIRST_COMPLETED)
                for helper in [helper for helper in running if helper.done()]:
                    helper.result()
                    running.remove(helper)
            return not ended.done()
        finally:
            ended.cancel()
            asked.cancel()

    async def _follow(self, log: asyncio.StreamReader) -> None:
        """Copy the child's log line by line to ours, without progress bars and our own checks, and read it."""
        splitter = LineSplitter()
        while True:
            chunk = await log.read(_CHUNK)
            for line in splitter.lines(chunk):
                self._state.read(line.text)
                if not line.transient and _OWN_CHECK not in line.text:
                    self._log.append(line.text[:_KEPT_CHARACTERS])
                    print(line.text, flush=True)
            if not chunk:
                return

    async def _watch(self) -> None:
        """Wait for the server, prove that it generates, then check its health for ever."""
        proven = False
        while True:
            if not await self._client.healthy():
                if proven:
                    self._state.enter(Phase.UNHEALTHY, "the engine's health check fails")
            elif proven:
                self._state.enter(Phase.READY)
            else:
                proven = await self._prove()
                if proven:
                    self._state.enter(Phase.READY)
            await asyncio.sleep(CHECK_INTERVAL)

    async def _prove(self) -> bool:
        self._state.enter(Phase.FIRST_TOKEN, self._state.detail)
        try:
            await self._client.generate_one_token()
        except NoToken as error:
            print(f"llmworker: no token yet: {error}", flush=True)
            self._state.enter(Phase.FIRST_TOKEN, str(error))
            return False
        return True


async def _started(
    command: Command,
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.BaseTransport]:
    """The process, its log, and what to close at the end.

    The pipe is ours and not asyncio's, whose `wait` would wait for the pipe as well: a process that outlives the
    engine's server keeps it open for ever.
    """
    reading, writing = os.pipe()
    log = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(log), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            env=command.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError:
        pipe.close()
        raise
    finally:
        os.close(writing)
    return process, log, pipe


async def _ask_to_end(process: asyncio.subprocess.Process, grace: float) -> None:
    """Ask the server, which ends its own processes; return when it has or when its time is over."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), grace)
    except asyncio.TimeoutError:
        print(f"llmworker: the engine has not ended within {grace:.0f} s and is killed", flush=True)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return  # all have ended
