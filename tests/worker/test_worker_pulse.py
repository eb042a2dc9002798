"""What counts as work for the engine, and what as a sign that it lives."""

import asyncio
from collections.abc import Sequence

import pytest

from llmworker_server.middleware.asgi import Message, Receive, Scope, Send
from llmworker_server.middleware.pulse import Pulse
from llmworker_server.scoreboard import Scoreboard, Slot

REQUEST: Message = {"type": "http.request", "body": b"{}", "more_body": False}
PART: Message = {"type": "http.request", "body": b"{", "more_body": True}
TOKEN: Message = {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


def start(status: int) -> Message:
    return {"type": "http.response.start", "status": status, "headers": []}


class Run:
    """One request; before each message that the engine sends it is noted who works and whether it had progressed."""

    def __init__(self, received: Sequence[Message], sent: Sequence[Message], path: str = "/v1/completions") -> None:
        self.received, self.sent, self.path = list(received), list(sent), path
        self.board = Scoreboard()
        self.working: list[int] = []
        self.while_sending: list[int] = []
        self.progressed: list[bool] = []

    async def engine(self, scope: Scope, receive: Receive, send: Send) -> None:
        while self.received:
            await receive()
        for message in self.sent:
            self.working.append(self.board[Slot.WORKING])
            self.board[Slot.PROGRESS] = 0
            await send(message)
            self.progressed.append(self.board[Slot.PROGRESS] > 0)

    async def __call__(self) -> "Run":
        async def receive() -> Message:
            return self.received.pop(0)

        async def send(message: Message) -> None:
            self.while_sending.append(self.board[Slot.WORKING])

        await Pulse(self.engine, self.board)({"type": "http", "method": "POST", "path": self.path}, receive, send)
        return self


async def test_a_part_of_an_answer_is_a_sign_and_its_head_is_none() -> None:
    run = await Run([REQUEST], [start(200), TOKEN, TOKEN, END])()
    assert run.progressed == [False, True, True, False]


async def test_an_error_is_no_sign() -> None:
    run = await Run([REQUEST], [start(400), TOKEN, END])()
    assert run.progressed == [False, False, False]


async def test_a_request_works_from_the_end_of_its_body_to_the_end_of_its_answer() -> None:
    run = await Run([PART, REQUEST], [start(200), TOKEN, END])()
    assert run.working == [1, 1, 1]
    assert run.board[Slot.WORKING] == 0


async def test_a_request_whose_body_has_not_come_does_not_work() -> None:
    run = await Run([PART], [start(400), END])()
    assert run.working == [0, 0]


async def test_while_its_client_does_not_read_it_does_not_work() -> None:
    run = await Run([REQUEST], [start(200), TOKEN, END])()
    assert run.while_sending == [0, 0, 0]


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
async def test_no_work_is_left(error: type[BaseException]) -> None:
    board = Scoreboard()

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        assert board[Slot.WORKING] == 1
        raise error

    async def receive() -> Message:
        return REQUEST

    async def send(message: Message) -> None:
        raise AssertionError

    with pytest.raises(error):
        await Pulse(broken, board)({"type": "http", "method": "POST", "path": "/v1/completions"}, receive, send)
    assert board[Slot.WORKING] == 0


async def test_what_computes_nothing_is_neither() -> None:
    run = await Run([REQUEST], [start(200), TOKEN, END], "/tokenize")()
    assert run.working == [0, 0, 0]
    assert not any(run.progressed)
