"""Many clients at once, and clients that mean no good: each is answered or cut off, and the next request works."""

import asyncio
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from assets.waiting import until
from assets.worker_process import WorkerProcess, ready_worker
from llmworker_server.watchdog import LOOK_CLOSER

pytestmark = pytest.mark.engine

PLACES = 50
CLIENTS = 500
WAVES = 10
HANG = 15
"""Seconds: longer than a busy machine keeps an engine from answering."""
BODY = json.dumps({"model": "tiny", "prompt": "Hello", "max_tokens": 5, "ignore_eos": True})


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    environ = {"MAX_CONCURRENCY": str(PLACES), "HANG_TIMEOUT_SECONDS": str(HANG)}
    with ready_worker(tmp_path_factory.mktemp("worker"), **environ) as started:
        yield started


@pytest.fixture(autouse=True)
def _the_next_request_works(worker: WorkerProcess) -> Iterator[None]:
    yield
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(f"{worker.url}/completions", json=json.loads(BODY))
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["completion_tokens"] == 5
    until(lambda: requests_running(worker) == 0, "no request left", 20)


def request(body: str, headers: str = "") -> bytes:
    return (
        "POST /v1/completions HTTP/1.1\r\nHost: worker\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def status(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(BODY))
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


async def wave(port: int) -> Counter[int]:
    return Counter(await asyncio.gather(*(status(port) for _ in range(CLIENTS))))


def memory(worker: WorkerProcess) -> int:
    """Resident bytes of the serving process and of the supervisor."""
    pids = [pid for pid, name in worker.pids().items() if "api_server" in name or "llmworker_server" in name]
    found = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in pids]
    return sum(int(match[1]) * 1024 for match in found if match)


def test_each_of_500_requests_is_answered_or_refused_and_memory_stays_level(worker: WorkerProcess) -> None:
    total: Counter[int] = Counter()
    levels = []
    for _ in range(WAVES):
        total += asyncio.run(wave(worker.openai_port))
        levels.append(memory(worker))
    assert total.keys() == {200, 429}
    assert total.total() == WAVES * CLIENTS
    assert total[200] >= WAVES * PLACES
    growth = levels[-1] - levels[2]
    assert growth < 16_000_000, f"{growth / 1e6:.0f} MB in {(WAVES - 3) * CLIENTS} requests: {levels}"


def exchange(worker: WorkerProcess, sent: bytes, timeout: float = 60) -> bytes:
    """What is answered until the connection ends; a connection that is reset has been answered by that."""
    with socket.create_connection(("127.0.0.1", worker.openai_port), timeout) as connection:
        try:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionResetError, BrokenPipeError):
            return b""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(request('{"model": "tiny", "prompt": '), id="half a JSON"),
        pytest.param(request("[" * 100_000), id="deep JSON"),
        pytest.param(request('{"model": "tiny", "prompt": "a", "max_tokens": 1e400}'), id="a number too large"),
        pytest.param(request('{"model": "tiny", "prompt": "\\ud800"}'), id="half a character"),
        pytest.param(request('{"model": "tiny", "prompt": "' + "a" * 50_000_000 + '"}'), id="50 MB"),
        pytest.param(request(BODY, "".join(f"x-{number}: {'a' * 100}\r\n" for number in range(100_000))), id="headers"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"POST /v1/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n", id="a negative length"),
        pytest.param(request('{"model": "other", "prompt": "a"}'), id="another model"),
    ],
)
def test_a_bad_request_gets_a_clear_error_or_a_closed_connection(worker: WorkerProcess, sent: bytes) -> None:
    answer = exchange(worker, sent)
    if answer:
        assert re.match(rb"HTTP/1.1 (4\d\d|500) ", answer), answer[:300]


LONG = BODY.replace('"max_tokens": 5', '"max_tokens": 1900, "n": 4, "stream": true, "logprobs": 20')
"""Its answer is some 15 MB, more than the kernel takes for a client who does not read: 4 MB at most (tcp_wmem)."""

DEAF = 3
"""Clients who never read; the others never send the end of their request."""


@contextmanager
def silent_clients(worker: WorkerProcess) -> Iterator[None]:
    """All places but one are held by clients who will never be done."""
    with ExitStack() as stack:
        for number in range(PLACES - 1):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 536)  # so that the answer has to wait
            connection.connect(("127.0.0.1", worker.openai_port))
            connection.sendall(request(LONG) if number < DEAF else request(LONG)[:-10])
        until(lambda: requests_running(worker) == PLACES - 1, "all at work", 30)
        yield


def test_silent_clients_hold_their_places_and_nothing_else(worker: WorkerProcess) -> None:
    """They are no hang of the engine either: taken for one, they would make the worker unready for good after some
    time, and end it soon after that. For that time nobody else asks, whose tokens would be a sign of life."""
    with silent_clients(worker):
        for _ in range(8):
            assert asyncio.run(status(worker.openai_port)) == 200
        until(lambda: engine_rests(worker), "the engine has done what it can", 120)
        time.sleep(HANG + LOOK_CLOSER + 3)
        until(lambda: worker.phase() == "ready", "ready", 10)
        assert requests_running(worker) == PLACES - 1, "not all were held"


def requests_running(worker: WorkerProcess) -> float:
    """As the worker counts them."""
    found = re.search(r"^llmworker_requests_running (\S+)", worker.admin("/metrics").text, re.M)
    assert found
    return float(found[1])


def engine_rests(worker: WorkerProcess) -> bool:
    """Whether the engine itself has nothing left to compute."""
    found = re.findall(
        r"^vllm:num_requests_(?:running|waiting)(?:\{[^}]*\})? (\S+)", worker.admin("/metrics").text, re.M
    )
    return bool(found) and not any(map(float, found))
