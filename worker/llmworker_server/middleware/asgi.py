"""The types of an ASGI application, spelled here since no library of both worker images exports them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def header(message: Message, name: bytes) -> bytes:
    """A header's value, empty if there is none; `name` in lower case."""
    return next((value for key, value in message.get("headers", ()) if key.lower() == name), b"")
