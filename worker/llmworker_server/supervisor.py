"""The engine as a child process: started, followed, proven, stopped, and never left behind.

The child leads a process group of its own, since the engine starts processes too; whatever way it ends, the
group is killed at the end, so that no orphan keeps a GPU's memory.
"""

import asyncio
import os
import signal
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from llmworker_contract import endpoints
from llmworker_server.command import Command
from llmworker_server.download import downloaded
from llmworker_server.draining import drained
from llmworker_server.engine_client import EngineClient, NoToken
from llmworker_server.failure import Failure, failure
from llmworker_server.log import Line, LineSplitter
from llmworker_server.progress import Phase
from llmworker_server.records import MARK_VARIABLE, copy, received, say, write
from llmworker_server.scoreboard import Scoreboard
from llmworker_server.state import State
from llmworker_server.watchdog import Finding, Watchdog, hung

CHECK_INTERVAL: Final = 1.0
"""Seconds between two health checks."""


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds."""

    drain_timeout: float = endpoints.DRAIN_TIMEOUT
    """For open requests, once the worker was asked to end."""
    hang_timeout: float = endpoints.HANG_TIMEOUT
    """For an engine that has work and gives nothing, until it is not ready; for twice as long until it is ended.
    0: for ever."""
    stop_grace: float = endpoints.STOP_GRACE
    """For the engine to end, once it was asked to."""


DEFAULTS: Final = Limits()

_LOG_GRACE: Final = 2.0
"""Seconds that the engine's other processes have for their last words when its server has ended."""

_KEPT_LINES: Final = 5000
_KEPT_CHARACTERS: Final = 4000
"""Of each line, for finding the cause of a failure; the copy is whole."""

_CHUNK: Final = 65_536


class Supervisor:
    """One engine, from its start to its end."""

    def __init__(
        self, command: Command, client: EngineClient, state: State, board: Scoreboard, limits: Limits = DEFAULTS
    ) -> None:
        self._command = command
        self._mark = command.environ.get(MARK_VARIABLE)
        self._client = client
        self._state = state
        self._board = board
        self._limits = limits
        self._log: deque[str] = deque(maxlen=_KEPT_LINES)
        self._stop_asked = asyncio.Event()
        self._hurried = False
        self._hung: Failure | None = None

    def stop(self) -> None:
        """Have the engine end when its open requests are answered; asked again, at once. `run` returns when it has."""
        self._hurried = self._stop_asked.is_set()
        self._state.enter(Phase.DRAINING)
        self._stop_asked.set()

    async def run(self) -> Failure | None:
        """Run the engine until it ends. Why it did, or None if `stop` had been asked for."""
        process, log, pipe = await _started(self._command)
        following = asyncio.create_task(self._follow(log))
        watching = asyncio.create_task(self._watch())

        def lost() -> bool:
            return process.returncode is not None or self._hung is not None

        try:
            asked = await self._ended_or_asked(process, {watching, following})
            if asked and self._state.was_ready:
                await drained(self._board, self._limits.drain_timeout, lambda: self._hurried, lost)
                asked = not lost()
            if asked:
                self._state.enter(Phase.STOPPING)
                await _ask_to_end(process, self._limits.stop_grace)
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
        cause = self._hung or failure(self._log, exit_code, served=self._state.was_ready)
        self._state.enter(Phase.FAILED, str(cause))
        return cause

    async def _ended_or_asked(self, process: asyncio.subprocess.Process, helpers: set[asyncio.Task[None]]) -> bool:
        """Wait for the first of both; whether it was asked. An error of a helper ends the wait and is raised."""
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._stop_asked.wait())
        running = set(helpers)
        try:
            while not (ended.done() or asked.done() or self._hung):
                await asyncio.wait({ended, asked, *running}, return_when=asyncio.FIRST_COMPLETED)
                for helper in [helper for helper in running if helper.done()]:
                    helper.result()
                    running.remove(helper)
            return asked.done() and not ended.done()
        finally:
            ended.cancel()
            asked.cancel()

    async def _follow(self, log: asyncio.StreamReader) -> None:
        """Copy the child's log line by line to ours, without progress bars, and read what the engine wrote."""
        splitter = LineSplitter()
        while True:
            chunk = await log.read(_CHUNK)
            for line in splitter.lines(chunk):
                self._take(line)
            if not chunk:
                return

    def _take(self, line: Line) -> None:
        """A record of the serving process is no sign of anything: clients choose the paths that are in it."""
        text, record = received(line.text, self._mark)
        self._state.read(text)
        if not line.transient and (text or record is None):
            self._log.append(text[:_KEPT_CHARACTERS])
            copy(text)
        if record is not None:
            write(record)

    async def _watch(self) -> None:
        """Wait for the server, prove that it generates, then look after it until it hangs for too long."""
        cache, began = self._command.model_cache, time.time()
        proven = False
        while not proven:
            if cache and (count := await asyncio.to_thread(downloaded, cache, began)) is not None:
                self._state.downloading(count)
            proven = await self._client.healthy() and await self._prove()
            await asyncio.sleep(CHECK_INTERVAL)
        watchdog = Watchdog(self._board, self._client)
        while self._hung is None:
            self._judge(await watchdog.look())
            await asyncio.sleep(CHECK_INTERVAL)

    def _judge(self, found: Finding) -> None:
        """Draw the consequences of what the watchdog saw."""
        limit = self._limits.hang_timeout
        if limit and found.quiet >= 2 * limit:
            self._hung = hung(found)
        elif not found.healthy or (limit and found.quiet >= limit):
            self._state.enter(Phase.UNHEALTHY, found.sentence)
        else:
            self._state.enter(Phase.READY)

    async def _prove(self) -> bool:
        self._state.enter(Phase.FIRST_TOKEN, self._state.detail)
        try:
            await self._client.generate_one_token()
        except NoToken as error:
            say(f"no token yet: {error}", "warning")
            self._state.enter(Phase.FIRST_TOKEN, str(error))
            return False
        self._state.enter(Phase.READY)
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
            preexec_fn=os.setpgrp,  # process_group= came with Python 3.11; no thread of ours runs yet
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
        say(f"the engine has not ended within {grace:.0f} s and is killed", "warning")


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return  # all have ended
