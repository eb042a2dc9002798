"""A request's body as one message: read by whoever must know it, and passed on as if it had just come."""

from typing import Final

from llmworker_server.middleware.asgi import Message, Receive, Scope, header

_COMPLETIONS: Final = ("/v1/chat/completions", "/v1/completions")


def may_be_completion(scope: Scope) -> bool:
    """Whether it is a completion with a body that may be JSON; one that does not say what it is may."""
    if scope.get("method") != "POST" or scope["path"] not in _COMPLETIONS:
        return False
    content_type = header(scope, b"content-type").partition(b";")[0].strip().lower()
    return content_type in (b"", b"application/json") or content_type.endswith(b"+json")


async def collected(receive: Receive) -> Message:
    """The whole body as one message, or the message that says that the client has gone.

    A body that comes in one message, as from another layer that has collected it, is not copied.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return {**message, "body": b"".join(parts)}


def after(message: Message, receive: Receive) -> Receive:
    """The message once, then whatever comes: the server's application waits there for the client to go."""
    pending = [message]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def of_length(scope: Scope, length: int) -> Scope:
    """The request's head with the length of the body that is left; a body sent in chunks states none."""
    headers = [
        (name, b"%d" % length if name.lower() == b"content-length" else value) for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}
