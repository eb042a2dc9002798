"""A limit on the requests that the engine works on at a time: one more is told at once to come back.

Waiting belongs to whoever can choose another worker. A request counts from its head to the end of its answer; what
never makes the engine compute (health, metrics, models, tokens, cancelling) is not counted and never refused.
"""

from typing import Final

from llmworker_server.middleware.answer import refuse
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send

RETRY_AFTER: Final = 1
"""Seconds that a refused client is told to wait."""

_GENERATING: Final = frozenset(
    """
    /classify /cohere/v2/chat /generative_scoring /inference/v1/generate /invocations /pooling /rerank /score
    /v2/embed /v2/rerank
    """.split()
)
"""The routes of the known releases that make the engine compute, outside of /v1."""

_IDLE: Final = frozenset("cancel count_tokens derender load_lora_adapter render unload_lora_adapter".split())
"""Last parts of the routes below /v1 that do not. A request that frees a place must never need one."""


class ConcurrencyLimit:
    """ASGI middleware that answers 429 instead of passing on more than `limit` requests at a time."""

    def __init__(self, app: Application, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._running: set[object] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not generates(scope):
            await self._app(scope, receive, send)
        elif len(self._running) >= self._limit:
            await _refuse(send, self._limit)
        else:
            await self._admit(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = object()

        async def freeing(message: Message) -> None:
            # The application has work to do after its answer, and a client that has the answer may be faster.
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._running.discard(place)
            await send(message)

        self._running.add(place)
        try:
            await self._app(scope, receive, freeing)
        finally:
            self._running.discard(place)


def generates(scope: Scope) -> bool:
    """Whether the request makes the engine compute. A path below /v1 that nobody knows yet is taken to."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path: str = scope["path"]
    return path in _GENERATING or (path.startswith("/v1/") and path.rpartition("/")[2] not in _IDLE)


async def _refuse(send: Send, limit: int) -> None:
    """Answer as OpenAI does when there were too many requests: its clients wait and try again by themselves."""
    message = (
        f"This worker answers at most {limit} requests at a time (MAX_CONCURRENCY), and it does. "
        f"Try again in {RETRY_AFTER} s."
    )
    retry_after = (b"retry-after", b"%d" % RETRY_AFTER)
    await refuse(send, 429, retry_after, message=message, kind="rate_limit_error", code="rate_limit_exceeded")
