"""Token batching: server-sent events go out in growing pieces, so that a long answer costs few writes.

One event of vLLM's stream is one token or one step of the engine. In the engine's own format nothing but the
grouping changes: the bytes and their order are the server's. Answers of any other content type pass untouched.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send, header
from llmworker_server.middleware.events import EventSplitter
from llmworker_server.middleware.schedule import Schedule


@dataclass(frozen=True)
class Format:
    """How the pieces of a streamed answer are written."""

    join: Callable[[Sequence[bytes]], bytes]
    """The bytes of one piece out of its events. A piece without bytes is not sent."""
    content_type: bytes | None = None
    """What the answer says it is; None: what the server says."""


EVENTS: Final = Format(b"".join)
"""OpenAI's own format: server-sent events as the engine wrote them."""


class TokenBatching:
    """ASGI middleware that sends the events of a streamed answer in the pieces of a schedule.

    `max_wait`: seconds after which a piece goes out though it is not full; None: never. `heard` is called for whatever
    comes of a stream, long before it goes out.
    """

    def __init__(
        self,
        app: Application,
        schedule: Schedule,
        written_as: Format = EVENTS,
        max_wait: float | None = None,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._schedule = schedule
        self._format = written_as
        self._max_wait = max_wait
        self._heard = heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._schedule, self._format, self._heard)
        timed = None if self._max_wait is None else _Timed(answer, self._max_wait)
        try:
            await self._app(scope, receive, timed.send if timed else answer.send)
        except (Exception, asyncio.CancelledError):
            # The tokens held back were generated before the end: without batching the client had them.
            await (timed or answer).flush()
            raise
        finally:
            if timed:
                timed.close()


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, schedule: Schedule, written_as: Format, heard: Callable[[], None]) -> None:
        self._send = send
        self._heard = heard
        self._format = written_as
        self._sizes = schedule.sizes()
        self._size = next(self._sizes)
        self._splitter = EventSplitter()
        self._held: list[bytes] = []
        self._batched = False

    @property
    def holds(self) -> bool:
        """Whether whole events wait for their piece to fill."""
        return bool(self._held)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._batched = _is_event_stream(message)
            if self._batched:
                message = _start(message, self._format)
        if not self._batched or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._heard()
        ends = not message.get("more_body", False)
        for event in self._splitter.events(message.get("body", b"")):
            self._held.append(event)
            if len(self._held) >= self._size:
                await self._send_piece()
        if ends:
            await self._send_body(self._take(self._splitter.rest()), more=False)

    async def flush(self) -> None:
        """Send all that is held back, if anything, and leave the answer open."""
        if body := self._take(self._splitter.rest()):
            await self._send_body(body, more=True)

    async def flush_events(self) -> None:
        """Send the whole events that are held back; the next piece is as large as this one should have been."""
        if body := self._take():
            await self._send_body(body, more=True)

    async def _send_piece(self) -> None:
        if body := self._take():
            self._size = next(self._sizes)
            await self._send_body(body, more=True)

    def _take(self, *rest: bytes) -> bytes:
        body = self._format.join([*self._held, *rest])
        self._held = []
        return body

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


class _Timed:
    """An answer whose events wait no longer than `max_wait` seconds."""

    def __init__(self, answer: _Answer, max_wait: float) -> None:
        self._answer = answer
        self._max_wait = max_wait
        self._one_at_a_time = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        if self._flushing and self._flushing.done():
            self._flushing.result()  # what could not be sent is the application's to know
        async with self._one_at_a_time:
            held = self._answer.holds
            await self._answer.send(message)
        if self._answer.holds and not (held and self._timer):
            self._stop_timer()
            self._timer = asyncio.get_running_loop().call_later(self._max_wait, self._due)

    async def flush(self) -> None:
        """Send all that is held back, behind what is being sent."""
        async with self._one_at_a_time:
            await self._answer.flush()

    def close(self) -> None:
        """Nothing goes out by itself any more."""
        self._stop_timer()
        if self._flushing:
            self._flushing.cancel()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._flushing = asyncio.ensure_future(self._flush())

    async def _flush(self) -> None:
        async with self._one_at_a_time:
            await self._answer.flush_events()


def _is_event_stream(start: Message) -> bool:
    """Whether the answer is server-sent events in plain bytes; compressed ones can not be told apart."""
    content_type = header(start, b"content-type").partition(b";")[0].strip().lower()
    return content_type == b"text/event-stream" and not header(start, b"content-encoding")


def _start(start: Message, written_as: Format) -> Message:
    """The head of an answer in the format, which may not be as long as the server said."""
    if written_as.content_type is None:
        return start
    replaced = (b"content-type", b"content-length")
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in replaced]
    return {**start, "headers": [(b"content-type", written_as.content_type), *headers]}
