"""Token batching as a request asks for it: its body is read for that, and passed on without it."""

from collections.abc import Callable

from llmworker_server.middleware.answer import refuse
from llmworker_server.middleware.asgi import Application, Receive, Scope, Send
from llmworker_server.middleware.body import after, collected, may_be_completion, of_length
from llmworker_server.middleware.overrides import OverrideError, combined, taken
from llmworker_server.middleware.schedule import Schedule


class RequestBatching:
    """ASGI middleware that gives each request the batching of its own schedule; `own` is the worker's."""

    def __init__(self, own: Schedule, batching: Callable[[Schedule], Application]) -> None:
        self._own = own
        self._batching = batching
        self._default = batching(own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        application = self._default
        if may_be_completion(scope):
            try:
                application, scope, receive = await self._asked(scope, receive)
            except OverrideError as error:
                kind, code = "invalid_request_error", "invalid_value"
                await refuse(send, 400, message=str(error), kind=kind, code=code, param=error.param)
                return
        await application(scope, receive, send)

    async def _asked(self, scope: Scope, receive: Receive) -> tuple[Application, Scope, Receive]:
        """What answers the request, and the request as it is to see it. No body is held longer than it takes."""
        message = await collected(receive)
        given, rest = taken(message.get("body", b""))
        if not given:
            return self._default, scope, after(message, receive)
        application = self._batching(combined(given, self._own))
        return application, of_length(scope, len(rest)), after({**message, "body": rest}, receive)
