"""Answers of the middleware itself, in the shape that OpenAI's clients know."""

import json
from typing import Any, Final

from llmworker_server.middleware.asgi import Message, Send, header

STREAMS: Final = {b"text/event-stream": b"data: %b\n\n", b"application/x-ndjson": b"[%b]\n"}
"""How a JSON text is written into a stream of each content type: those of `batching.EVENTS` and `ndjson.NDJSON`."""


def stream_format(start: Message) -> bytes | None:
    """How a JSON text is written into the answer that begins so; None if it is no stream."""
    return STREAMS.get(header(start, b"content-type").partition(b";")[0].strip().lower())


async def refuse(
    send: Send, status: int, *headers: tuple[bytes, bytes], message: str, kind: str, code: str, param: str | None = None
) -> None:
    """The whole answer to a request that the engine does not get to see."""
    body = error_body(message=message, kind=kind, code=code, param=param)
    all_headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def error_body(*, message: str, kind: str, code: Any, param: Any = None) -> bytes:
    """An error as JSON on one line."""
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()
