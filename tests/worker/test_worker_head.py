"""How large a request's head may be."""

import pytest

from llmworker_server.middleware.asgi import Message, Receive, Scope, Send
from llmworker_server.middleware.head import BYTES, FIELDS, HeadLimit


async def engine(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param([(b"x", b"a")] * FIELDS, 200, id="as many as may be"),
        pytest.param([(b"x", b"a")] * (FIELDS + 1), 431, id="one more"),
        pytest.param([(b"x", b"a" * (BYTES - 1))], 200, id="as long as may be"),
        pytest.param([(b"x", b"a" * BYTES)], 431, id="one byte more"),
    ],
)
async def test_a_head_that_is_too_large_is_refused(headers: list[tuple[bytes, bytes]], status: int) -> None:
    messages: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("no body is read")

    async def send(message: Message) -> None:
        messages.append(message)

    await HeadLimit(engine)({"type": "http", "headers": headers}, receive, send)
    assert messages[0]["status"] == status


async def test_what_is_no_request_passes() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    await HeadLimit(engine)({"type": "lifespan"}, None, send)  # type: ignore[arg-type]
    assert messages
