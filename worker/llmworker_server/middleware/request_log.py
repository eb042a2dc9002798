"""A name for each request, told to whoever sent it, and one record of how it went.

No header, no query and no body is ever in a record: a path tells what was asked for, not what was said.
"""

import re
import time
import uuid
from typing import Any, Final
from urllib.parse import quote

from llmworker_server import records
from llmworker_server.middleware.answer import refuse
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send, header

_ID: Final = b"x-request-id"
_USABLE: Final = re.compile(rb"[!-~]{1,128}")

_PROBES: Final = frozenset({"/health", "/metrics"})
"""Asked for every few seconds: their records would bury all others."""

_LONGEST_PATH: Final = 500
"""Characters; what is cut off is in nobody's API, and a record has to fit into one write to a pipe."""

_ERROR: Final = 500
_NORMAL_CLOSURE: Final = 1000
_SWITCHING, _FORBIDDEN = 101, 403
"""The statuses with which servers answer a WebSocket that is taken, or is closed before that."""


class RequestLog:
    """ASGI middleware that sets `x-request-id` on every answer and, unless `silent`, writes a record of each request.

    The id is the client's own if a header can hold it. The application gets to see what the client sent and no other:
    engines take the header for their own name of the request.
    """

    def __init__(self, app: Application, *, silent: bool) -> None:
        self._app = app
        self._silent = silent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, receive, send)
        try:
            await self._app(scope, request.receive, request.send)
        except Exception:
            # The server's own answer to this is written outside of all middleware and would be without the id.
            await request.fail()
            raise
        finally:
            if not self._silent and scope["path"] not in _PROBES:
                records.write(request.record())


class _Request:
    """One request on its way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        given = header(scope, _ID)
        self._id = given if _USABLE.fullmatch(given) else uuid.uuid4().hex.encode()
        self._began = time.monotonic()
        self._head: float | None = None
        self._end: float | None = None
        self._status: int | None = None
        self._gone = self._failed = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect" and message.get("code") == _NORMAL_CLOSURE:
            self._end = time.monotonic()
        elif message["type"] in ("http.disconnect", "websocket.disconnect") and self._end is None:
            self._gone = True  # after a whole answer it would mean nothing
        return message

    async def send(self, message: Message) -> None:
        status = _status(message)
        if status is not None and self._status is None:
            self._status, self._head = status, time.monotonic()
            message = _named(message, self._id)
        try:
            await self._send(message)
        except OSError:
            self._gone = True
            raise
        if _is_last(message):
            self._end = time.monotonic()

    async def fail(self) -> None:
        """Answer that it failed, if nobody has answered and somebody waits for it."""
        if self._status is None and not self._gone and self._scope["type"] == "http":
            message = "The server failed at this request. Its log tells why; this answer's x-request-id names it there."
            await refuse(self.send, _ERROR, message=message, kind="server_error", code="internal_error")
            self._failed = True

    def record(self) -> records.Record:
        """How it went."""
        method = self._scope.get("method", "WEBSOCKET")
        path, name = quote(self._scope["path"])[:_LONGEST_PATH], self._id.decode()
        total, head = self._milliseconds(self._end or time.monotonic()), self._milliseconds(self._head)
        ended = "client gone" if self._gone else "error" if self._failed or self._end is None else "complete"
        message = f"{method} {path} {self._status or '-'}"
        fields: dict[str, Any] = {
            "message": message,
            "requestId": name,
            "method": method,
            "path": path,
            "status": self._status,
            "millisecondsToHead": head,
            "milliseconds": total,
            "ended": ended,
        }
        words = f"{message} in {total} ms, {'no head' if head is None else f'head after {head} ms'}, {ended}, id {name}"
        failed = ended == "error" or (self._status or 0) >= _ERROR
        return records.Record(words, "request", "error" if failed else "info", fields)

    def _milliseconds(self, until: float | None) -> float | None:
        return None if until is None else round((until - self._began) * 1000, 1)


def _status(message: Message) -> int | None:
    """The status that the message gives the request; None for one that gives none."""
    kind = message["type"]
    if kind in ("http.response.start", "websocket.http.response.start"):
        return int(message["status"])
    return {"websocket.accept": _SWITCHING, "websocket.close": _FORBIDDEN}.get(kind)


def _is_last(message: Message) -> bool:
    bodies = ("http.response.body", "websocket.http.response.body")
    return message["type"] == "websocket.close" or (message["type"] in bodies and not message.get("more_body", False))


def _named(message: Message, name: bytes) -> Message:
    """The head of an answer with the request's id in it, and no other."""
    if message["type"] == "websocket.close":
        return message  # the server writes the head
    headers = [(key, value) for key, value in message.get("headers", ()) if key.lower() != _ID]
    return {**message, "headers": [*headers, (_ID, name)]}
