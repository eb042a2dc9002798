"""Streamed completions over plain sockets: a client that costs little beside the server that it measures."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Final

_READ: Final = 65_536


@dataclass(frozen=True)
class Answer:
    """One streamed answer as it arrived; times in seconds."""

    first: float
    """From the request to the first piece of the answer."""
    whole: float
    pieces: int
    """How often something arrived."""


async def answer(port: int, model: str, tokens: int) -> Answer:
    """Ask for a completion of so many tokens. Raises RuntimeError when another number came."""
    body = json.dumps(
        {
            "model": model,
            "prompt": "Hello",
            "max_tokens": tokens,
            "stream": True,
            "ignore_eos": True,
            "stream_options": {"include_usage": True},
        }
    )
    request = (
        "POST /v1/completions HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    received, first, pieces = b"", 0.0, 0
    while chunk := await reader.read(_READ):
        if not first and b"\ndata: " in b"\n" + chunk:
            first = time.perf_counter() - began
        pieces += 1
        received = received[-_READ:] + chunk
    writer.close()
    if f'"completion_tokens":{tokens}'.encode() not in received or b"[DONE]" not in received:
        raise RuntimeError(f"not {tokens} tokens: {received[-500:]!r}")
    return Answer(first, time.perf_counter() - began, pieces)


async def load(port: int, model: str, streams: int, tokens: int, waves: int) -> tuple[float, list[Answer]]:
    """Keep so many streams open, each asking `waves` times in a row. Tokens per second, and the answers."""

    async def one() -> list[Answer]:
        return [await answer(port, model, tokens) for _ in range(waves)]

    began = time.perf_counter()
    answers = await asyncio.gather(*(one() for _ in range(streams)))
    took = time.perf_counter() - began
    return streams * waves * tokens / took, [each for several in answers for each in several]
