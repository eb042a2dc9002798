"""What the supervisor needs to know of an engine that may hang: who waits for it, and when it last gave something.

Only what the engine itself gives counts: not the head of an answer and not an error, which the server writes by itself
while its engine hangs. And only requests that wait for the engine count as work: a client that is slow to send or to
read keeps nobody waiting but itself.
"""

from typing import Final

from llmworker_server.middleware.admission import generates
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.scoreboard import Scoreboard, Slot

_FIRST_ERROR: Final = 400


class Pulse:
    """ASGI middleware that keeps the scoreboard's account of its work."""

    def __init__(self, app: Application, board: Scoreboard) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not generates(scope):
            await self._app(scope, receive, send)
            return
        request = _Request(receive, send, self._board)
        try:
            await self._app(scope, request.receive, request.send)
        finally:
            request.works(False)


class _Request:
    """One request, as the engine's server sees it."""

    def __init__(self, receive: Receive, send: Send, board: Scoreboard) -> None:
        self._receive, self._send, self._board = receive, send, board
        self._working = False
        self._answers = False

    def works(self, working: bool) -> None:
        """Count it among those that wait for the engine, or do so no longer."""
        if working is not self._working:
            self._working = working
            self._board[Slot.WORKING] += 1 if working else -1

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.works(True)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answers = message["status"] < _FIRST_ERROR
        elif self._answers and message.get("body"):
            self._board.progressed()
        waits = self._working and message.get("more_body", True)
        self.works(False)
        await self._send(message)
        if waits:
            self.works(True)
