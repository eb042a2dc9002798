"""The door: what computes or tells about the model wants a key. What is not known to be open is closed.

Open is what probes ask for before they could know a key, and a browser's question whether it may ask at all.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from llmworker_server.middleware.answer import refuse
from llmworker_server.middleware.asgi import Application, Receive, Scope, Send, header

_OPEN: Final = frozenset({"/health", "/ping"})

_POLICY_VIOLATION: Final = 1008
"""The closing code of a WebSocket that is refused; before it is accepted, servers answer 403."""


class KeyCheck:
    """ASGI middleware that answers 401 to whoever does not send one of the keys that hold at that moment."""

    def __init__(self, app: Application, keys: Callable[[], tuple[bytes, ...]]) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _open(scope) or matches(header(scope, b"authorization"), self._keys()):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "invalid_api_key"})
        else:
            await _refuse(send)


def matches(authorization: bytes, keys: tuple[bytes, ...]) -> bool:
    """Whether the header's bearer token is one of the keys.

    The time it takes tells neither how much of a key was right nor which key it was.
    """
    scheme, _, token = authorization.partition(b" ")
    given = _digest(token.strip(b" "))
    found = False
    for key in keys:
        found |= hmac.compare_digest(given, _digest(key))
    return found and scheme.lower() == b"bearer"


def _open(scope: Scope) -> bool:
    if scope["type"] == "lifespan":
        return True
    return scope["type"] == "http" and (scope["path"] in _OPEN or _preflight(scope))


def _preflight(scope: Scope) -> bool:
    """A browser's question, which the server's own CORS middleware answers and which reaches no route.

    Any other OPTIONS might: the application behind /metrics gives its metrics to every method.
    """
    asks = header(scope, b"origin") and header(scope, b"access-control-request-method")
    return scope["method"] == "OPTIONS" and bool(asks)


def _digest(text: bytes) -> bytes:
    """Of one length for texts of all lengths."""
    return hashlib.sha256(text).digest()


async def _refuse(send: Send) -> None:
    """Answer as OpenAI does. What was sent is not repeated."""
    message = "This worker wants one of its keys: send it as Authorization: Bearer …"
    await refuse(
        send,
        401,
        (b"www-authenticate", b"Bearer"),
        message=message,
        kind="invalid_request_error",
        code="invalid_api_key",
    )
