"""A bound on a request's head, which no server of the engines' releases sets."""

from typing import Final

from llmworker_server.middleware.answer import refuse
from llmworker_server.middleware.asgi import Application, Receive, Scope, Send

FIELDS: Final = 200
BYTES: Final = 65_536
"""Of names and values together; proxies mostly allow 8 to 32 kB."""

_MESSAGE: Final = f"The request's head is too large: at most {FIELDS} header fields of {BYTES} bytes in all are read."


class HeadLimit:
    """ASGI middleware that answers 431 to requests whose header fields are too many or too long."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _too_large(scope):
            close = (b"connection", b"close")
            await refuse(send, 431, close, message=_MESSAGE, kind="invalid_request_error", code="head_too_large")
            return
        await self._app(scope, receive, send)


def _too_large(scope: Scope) -> bool:
    fields = scope["headers"]
    return len(fields) > FIELDS or sum(len(name) + len(value) for name, value in fields) > BYTES
