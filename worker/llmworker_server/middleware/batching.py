"""Token batching: server-sent events go out in growing pieces, so that a long answer costs few writes.

One event of vLLM's stream is one token or one step of the engine. Nothing but the grouping changes: the bytes
and their order are the server's. Answers of any other content type pass untouched.
"""

from collections.abc import Callable

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send, header
from llmworker_server.middleware.events import EventSplitter
from llmworker_server.middleware.schedule import Schedule

Join = Callable[[list[bytes]], bytes]
"""How the events of one piece are written."""


def concatenated(events: list[bytes]) -> bytes:
    """A piece in OpenAI's own format: its server-sent events as the engine wrote them."""
    return b"".join(events)


class TokenBatching:
    """ASGI middleware that sends the events of a streamed answer in the pieces of a schedule."""

    def __init__(self, app: Application, schedule: Schedule, join: Join = concatenated) -> None:
        self._app = app
        self._schedule = schedule
        self._join = join

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._schedule, self._join)
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            # The tokens held back were generated before the error: without batching the client had them.
            await answer.flush()
            raise


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, schedule: Schedule, join: Join) -> None:
        self._send = send
        self._join = join
        self._sizes = schedule.sizes()
        self._size = next(self._sizes)
        self._splitter = EventSplitter()
        self._held: list[bytes] = []
        self._batched = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._batched = _is_event_stream(message)
        if not self._batched or message["type"] != "http.response.body":
            await self._send(message)
            return
        ends = not message.get("more_body", False)
        for event in self._splitter.events(message.get("body", b"")):
            self._held.append(event)
            if len(self._held) >= self._size:
                await self._send_piece()
        if ends:
            await self._send_body(self._take(), more=False)

    async def flush(self) -> None:
        """Send what is held back, if anything, and leave the answer open."""
        if body := self._take():
            await self._send_body(body, more=True)

    async def _send_piece(self) -> None:
        body = self._join(self._held)
        self._held = []
        self._size = next(self._sizes)
        await self._send_body(body, more=True)

    def _take(self) -> bytes:
        body = (self._join(self._held) if self._held else b"") + self._splitter.rest()
        self._held = []
        return body

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _is_event_stream(start: Message) -> bool:
    """Whether the answer is server-sent events in plain bytes; compressed ones can not be told apart."""
    content_type = header(start, b"content-type").partition(b";")[0].strip().lower()
    return content_type == b"text/event-stream" and not header(start, b"content-encoding")
