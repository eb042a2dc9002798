"""One shape for all errors of the engine's server: its clients are OpenAI's, and read that one.

An error in the middle of a stream has the shape in all known releases already, so the bytes of streams are not looked
at. Where the engine's server breaks a stream off without a word, this says one.
"""

from typing import Final

from llmworker_server.middleware.answer import error_body, stream_format
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send, header
from llmworker_server.middleware.error_shape import phrase, shaped

_LARGEST: Final = 2**20
"""Bytes. A longer answer with an error passes as it comes."""

_FIRST_ERROR: Final = 400
_INTERNAL: Final = 500
_BROKEN: Final = error_body(
    message="The engine failed in the middle of its answer; the worker's log says why.",
    kind=phrase(_INTERNAL),
    code=_INTERNAL,
)


class OneErrorShape:
    """ASGI middleware that gives every answer with an error OpenAI's shape."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            # The server around us logs it, and answers in plain text if nobody has.
            if not answer.failed and not _answers_itself(scope):
                await answer.explain()
            raise


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._held: list[bytes] | None = None
        self._stream_format: bytes | None = None
        self._over = False
        self.failed = False
        """Whether the client could not be sent something: it has gone."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._stream_format = stream_format(message)
            if _may_change(message):
                self._held = []
                return
        elif self._held is not None and message["type"] == "http.response.body":
            await self._hold(message, self._held)
            return
        await self._pass(message)

    async def explain(self) -> None:
        """Say that the engine failed, if something still can be said."""
        if self._start is None or self._held is not None:
            self._start = {"type": "http.response.start", "status": _INTERNAL, "headers": []}
            self._held = None
            await self._whole(self._start, b"")
        elif self._stream_format is not None and not self._over:
            last = self._stream_format % _BROKEN
            await self._pass({"type": "http.response.body", "body": last, "more_body": True})

    async def _hold(self, message: Message, held: list[bytes]) -> None:
        held.append(message.get("body", b""))
        more = message.get("more_body", False)
        if more and sum(map(len, held)) <= _LARGEST:
            return
        assert self._start is not None  # noqa: S101 - an answer begins with its head
        self._held, body = None, b"".join(held)
        if more or len(body) > _LARGEST:
            await self._pass(self._start)
            await self._pass({**message, "body": body})
        else:
            await self._whole(self._start, body)

    async def _whole(self, start: Message, body: bytes) -> None:
        """The answer in the shape, with the length and type that it then has."""
        found = shaped(body, start["status"], header(start, b"content-type"))
        if found is not body:
            replaced = (b"content-type", b"content-length")
            headers = [(name, value) for name, value in start.get("headers", ()) if name.lower() not in replaced]
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(found))]
            start = {**start, "headers": headers}
        await self._pass(start)
        await self._pass({"type": "http.response.body", "body": found, "more_body": False})

    async def _pass(self, message: Message) -> None:
        self._over = message["type"] == "http.response.body" and not message.get("more_body", False)
        try:
            await self._send(message)
        except Exception:
            self.failed = True
            raise


def _may_change(start: Message) -> bool:
    """Whether it is an error of a size that can be held and in bytes that can be read."""
    length = header(start, b"content-length")
    return (
        start["status"] >= _FIRST_ERROR
        and not header(start, b"content-encoding")
        and stream_format(start) is None
        and not (length.isdigit() and int(length) > _LARGEST)
    )


def _answers_itself(scope: Scope) -> bool:
    """Whether the engine's server has an answer of its own to any exception, as newer releases do, in the shape."""
    handlers = getattr(scope.get("app"), "exception_handlers", {})
    return Exception in handlers or _INTERNAL in handlers
