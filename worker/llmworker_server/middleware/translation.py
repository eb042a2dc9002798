"""Requests of newer clients translated for an older engine, and the client told what was done."""

from llmworker_server.middleware.answer import refuse
from llmworker_server.middleware.asgi import Application, Message, Receive, Scope, Send
from llmworker_server.middleware.body import after, collected, may_be_completion, of_length
from llmworker_server.middleware.dialect import NEW_LIMIT, Dialect, LimitsDifferError
from llmworker_server.records import say

HEADER = b"x-llmworker-translated"
"""Of an answer to a request that was translated: what was done."""


class Translation:
    """ASGI middleware that gives the engine its own dialect of a completion request."""

    def __init__(self, app: Application, dialect: Dialect) -> None:
        self._app = app
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not may_be_completion(scope):
            await self._app(scope, receive, send)
            return
        message = await collected(receive)
        body = message.get("body", b"")
        try:
            found = self._dialect.translated(
                body, "chat" if scope["path"].endswith("/chat/completions") else "completion"
            )
        except LimitsDifferError as error:
            kind, code = "invalid_request_error", "invalid_value"
            await refuse(send, 400, message=str(error), kind=kind, code=code, param=NEW_LIMIT)
            return
        if found.done:
            say(f"{scope['path']}: translated for the engine: {found.summary}")
            message = {**message, "body": found.body}
            scope, send = of_length(scope, len(found.body)), _telling(send, found.summary)
        await self._app(scope, after(message, receive), send)


def _telling(send: Send, summary: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (HEADER, summary.encode())]}
        await send(message)

    return sending
