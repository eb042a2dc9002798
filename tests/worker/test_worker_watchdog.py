"""When an engine is said to hang."""

import httpx
import pytest

from llmworker_server.engine_client import EngineClient
from llmworker_server.scoreboard import Scoreboard, Slot
from llmworker_server.watchdog import Finding, Watchdog, hung


class Engine:
    """A server with a clock; each look happens a second after the last."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.health = 200
        self.tokens: int | None = 7
        self.scraped = 0
        self.board = Scoreboard()
        http = httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(self))
        self.watchdog = Watchdog(self.board, EngineClient(http, "m"), lambda: self.now)
        self.progress()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(self.health)
        self.scraped += 1
        counted = f'vllm:prompt_tokens_total{{engine="0"}} 3.0\nvllm:generation_tokens_total {self.tokens}\n'
        return httpx.Response(200, text="other 1\n" if self.tokens is None else counted)

    def progress(self) -> None:
        self.board[Slot.PROGRESS] = int(self.now * 1e9)

    async def looks(self, seconds: int) -> Finding:
        for _ in range(seconds):
            self.now += 1
            found = await self.watchdog.look()
        return found


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def test_an_idle_engine_is_never_quiet(engine: Engine) -> None:
    assert await engine.looks(1000) == Finding(healthy=True, quiet=0, working=0)
    assert engine.scraped == 0


async def test_tokens_at_the_clients_side_are_a_sign_and_cost_no_scrape(engine: Engine) -> None:
    engine.board[Slot.WORKING] = 1
    for _ in range(100):
        engine.progress()
        assert (await engine.looks(3)).quiet == 0
    assert engine.scraped == 0


async def test_an_answer_in_one_piece_is_no_hang_while_the_engine_counts_tokens(engine: Engine) -> None:
    engine.board[Slot.WORKING] = 1
    for _ in range(100):
        assert engine.tokens is not None
        engine.tokens += 1
        assert (await engine.looks(1)).quiet <= 1


async def test_work_without_any_sign_is_quiet_from_the_last_one_on(engine: Engine) -> None:
    engine.board[Slot.WORKING] = 2
    found = await engine.looks(60)
    assert 54 <= found.quiet <= 60
    assert found.working == 2
    assert found.sentence == f"no token for {found.quiet:.0f} s with 2 requests at work"
    engine.progress()
    assert (await engine.looks(1)).quiet == 0


async def test_the_end_of_all_requests_ends_it(engine: Engine) -> None:
    engine.board[Slot.WORKING] = 1
    assert (await engine.looks(60)).quiet > 50
    engine.board[Slot.WORKING] = 0
    assert (await engine.looks(1)).quiet == 0


@pytest.mark.parametrize(("streams", "hangs"), [(1, True), (0, False)])
async def test_an_engine_that_keeps_no_count_is_judged_by_its_streams_alone(
    engine: Engine, streams: int, hangs: bool
) -> None:
    engine.tokens = None
    engine.board[Slot.WORKING], engine.board[Slot.STREAMS] = 3, streams
    assert ((await engine.looks(60)).quiet > 50) is hangs


async def test_a_server_that_does_not_answer_is_quiet_even_when_idle(engine: Engine) -> None:
    engine.health, engine.board[Slot.PROGRESS] = 503, 0
    assert await engine.looks(60) == Finding(healthy=False, quiet=60, working=0)


async def test_a_server_that_is_too_busy_for_checks_and_gives_tokens_is_not_quiet(engine: Engine) -> None:
    engine.health, engine.board[Slot.WORKING] = 503, 1
    for _ in range(100):
        engine.progress()
        found = await engine.looks(3)
    assert (found.healthy, found.quiet) == (False, 0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Finding(True, 600.4, 3), "The engine hangs: no token for 600 s with 3 requests at work."),
        (Finding(False, 600.4, 3), "The engine hangs: the engine's health check fails, for 600 s."),
    ],
)
def test_the_failure_says_what_was_seen(found: Finding, words: str) -> None:
    assert (hung(found).reason, hung(found).message) == ("EngineHung", words)
