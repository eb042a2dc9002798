"""The end of a worker, seen from its clients: what is open goes on, what is new is sent away, and nothing just breaks.

The supervisor says through the scoreboard that the worker drains, and later, when the time for it is over, that the
open requests have to end; so it works the same with engines that know no draining.
"""

import asyncio
from typing import Final

from llmworker_server.middleware.admission import generates
from llmworker_server.middleware.answer import error_body, refuse, stream_format
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.scoreboard import Scoreboard, Slot

RETRY_AFTER: Final = 2
"""Seconds that a client is told to wait: by then a Service sends it to another worker."""

_CHECK_INTERVAL: Final = 0.1
"""Seconds between two looks at what the supervisor says, while requests are open."""

_CLOSE: Final = (b"connection", b"close")
"""A client with a pool of connections would go on asking the worker that goes."""

_CODE: Final = "worker_ending"
_REFUSED: Final = f"This worker is ending and takes no further requests. Try again in {RETRY_AFTER} s."
_ENDED: Final = (
    "This worker was asked to end, and the time for open requests (DRAIN_TIMEOUT_SECONDS) is over: the answer is not "
    "complete. Ask again."
)


class Drain:
    """ASGI middleware that counts the open requests and, when the worker ends, refuses new and ends open ones."""

    def __init__(self, app: Application, board: Scoreboard) -> None:
        self._app = app
        self._board = board
        self._open: dict[asyncio.Task[None], _Answer] = {}
        self._watching: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._board)
        if not generates(scope):
            await self._app(scope, receive, answer.send)
        elif self._board[Slot.DRAINING]:
            retry = (b"retry-after", b"%d" % RETRY_AFTER)
            await refuse(answer.send, 503, retry, message=_REFUSED, kind="server_error", code=_CODE)
        else:
            await self._followed(scope, receive, answer)

    async def _followed(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """Pass the request on in a task of its own, which can be ended."""
        task = asyncio.ensure_future(self._app(scope, receive, answer.send))
        self._open[task] = answer
        self._board[Slot.RUNNING] += 1
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({task})
            if not answer.to_be_ended:
                task.result()
        finally:
            task.cancel()
            del self._open[task]
            self._board[Slot.RUNNING] -= 1
        if answer.to_be_ended:
            await answer.end()

    async def _watch(self) -> None:
        """As long as requests are open, count the streams, and end them all when the supervisor says so."""
        while self._open and not self._board[Slot.ENDING]:
            self._board[Slot.STREAMS] = sum(answer.error_format is not None for answer in self._open.values())
            await asyncio.sleep(_CHECK_INTERVAL)
        self._board[Slot.STREAMS] = 0
        self._watching = None
        for task, answer in list(self._open.items()):
            answer.to_be_ended = True
            task.cancel()


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, board: Scoreboard) -> None:
        self._send = send
        self._board = board
        self._begun = False
        self._complete = False
        self.error_format: bytes | None = None
        """How an error is written into the answer, once it is known to be a stream."""
        self.to_be_ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            self._board.answered(message["status"])
            self.error_format = stream_format(message)
            if self._board[Slot.DRAINING]:
                message = {**message, "headers": [*message["headers"], _CLOSE]}
        elif not message.get("more_body", False):
            self._complete = True
        await self._send(message)

    async def end(self) -> None:
        """Tell the client why nothing more comes. An answer that has no place for it is left without its end, which
        makes the server cut the connection."""
        if self._complete:
            return
        if not self._begun:
            retry = (b"retry-after", b"%d" % RETRY_AFTER)
            await refuse(self.send, 503, retry, message=_ENDED, kind="server_error", code=_CODE)
        elif self.error_format is not None:
            error = error_body(message=_ENDED, kind="server_error", code=_CODE)
            await self._send({"type": "http.response.body", "body": self.error_format % error, "more_body": False})
