"""What the control plane costs: the operator's process against a real API server, controllers and simulated GPU nodes.

The operator has a ServiceAccount of its own and holds a Lease, as the chart installs it. The controller manager's and
the scheduler's client limits are those of the rig: 50 requests a second, bursts of 100.

    make bench-operator [BENCH_ARGS="--quick --json FILE"]
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assets.audit import by_user, resource
from assets.llmworkers import defined
from assets.operator_process import OperatorProcess
from assets.service_accounts import ServiceAccount
from bench.crowd import NAMESPACE, Crowd, crowd
from bench.figures import Bar, conclude, machine
from cluster.rig import Rig

RIG: Final = "bench"
SYSTEM: Final = "bench-system"
SINGLE: Final = 40
_ROUND: Final = 100
"""From here on figures are written without a fraction."""
WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True)
class Figure:
    """One row: what, how much, and the most that is promised."""

    name: str
    value: float
    unit: str
    limit: float | None = None

    def __str__(self) -> str:
        number = f"{self.value:,.0f}" if self.value >= _ROUND else f"{self.value:.3g}"
        return f"{number} {self.unit}"

    @property
    def bar(self) -> Bar | None:
        """The promise, if there is one."""
        if self.limit is None:
            return None
        return Bar(self.name, round(self.value, 3), f"<= {self.limit:g} {self.unit}", self.value <= self.limit)


class Bench:
    """The operator, the crowd, and what was measured of them."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.account = ServiceAccount(rig, SYSTEM, "operator", folder)
        settings = {
            "KUBECONFIG": str(self.account.kubeconfig),
            "LLMWORKER_LEADER_ELECTION": "true",
            "LLMWORKER_POD_NAMESPACE": SYSTEM,
        }
        self.operator = OperatorProcess(rig, folder / "operator.log", settings)
        self.figures: list[Figure] = []

    def take(self, name: str, value: float, unit: str, limit: float | None = None) -> None:
        """Note a figure, and say it."""
        self.figures.append(Figure(name, value, unit, limit))
        print(f"{name}: {self.figures[-1]}", flush=True)

    def memory(self) -> float:
        """Resident MiB of the operator."""
        status = Path(f"/proc/{self.operator.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def asked(self, since: int) -> Counter[str]:
        """The operator's requests that ended after byte `since` of the audit log, by verb and resource."""
        found = by_user(self.rig, self.account.user, since)
        return Counter(f"{event['verb']} {resource(event)}" for event in found)

    def mark(self) -> int:
        """The present end of the audit log."""
        return self.rig.audit_log.stat().st_size

    async def latencies(self, crowd: Crowd) -> None:
        """From applying to the Deployment, and from an edit to its template, one after the other."""
        created, edited = [], []
        for number in range(SINGLE):
            sent = await crowd.create(name := f"one-{number}")
            created.append(await crowd.revision(name, 1024) - sent)
        for number in range(SINGLE):
            sent = await crowd.edit(name := f"one-{number}", 2048)
            edited.append(await crowd.revision(name, 2048) - sent)
        await crowd.until(lambda: len(crowd.ready) == SINGLE)
        self._spread("apply to Deployment", created, (50, 200))
        self._spread("edit to template", edited, (None, None))

    def _spread(self, name: str, seconds: Sequence[float], limits: tuple[float | None, float | None]) -> None:
        ordered = sorted(seconds)
        self.take(f"{name}, median of {len(ordered)}", statistics.median(ordered) * 1000, "ms", limits[0])
        self.take(f"{name}, 99th percentile", ordered[int(len(ordered) * 0.99)] * 1000, "ms", limits[1])

    async def burst(self, crowd: Crowd, count: int) -> None:
        """Many at once: until all have Deployments and a status, until all are Ready, and what was written for it."""
        before, since = len(crowd.deployed), self.mark()
        names = [f"many-{number:05}" for number in range(count)]
        began = await crowd.create_all(names)
        whole = before + count
        limit = 35.0 if count == 1000 else None  # noqa: PLR2004  (what is promised for a thousand)
        done = await crowd.until(lambda: len(crowd.deployed) == len(crowd.accepted) == whole)
        self.take(f"{count:,} at once: all Deployments and statuses", done - began, "s", limit)
        done = await crowd.until(lambda: len(crowd.ready) == whole)
        self.take(f"{count:,} at once: all Ready", done - began, "s")
        await asyncio.sleep(5)
        written = {what: times for what, times in self.asked(since).items() if what.split()[0] in WRITES}
        for what in ("patch deployments", "patch services", "patch llmworkers/status", "create events"):
            self.take(f"{what}, for each", written.get(what, 0) / count, "requests")
        self.take(f"operator's memory with {whole:,}", self.memory(), "MiB")

    async def edits(self, crowd: Crowd, count: int) -> None:
        """Edits while the many are there."""
        took = []
        for number in range(SINGLE):
            sent = await crowd.edit(name := f"many-{number:05}", 2048)
            took.append(await crowd.revision(name, 2048) - sent)
        self._spread(f"edit to template with {count:,} present", took, (None, 200))
        await crowd.until(lambda: len(crowd.ready) == len(crowd.deployed))

    async def rest(self, seconds: float, count: int) -> None:
        """Nothing happens: what the operator asks of the API server meanwhile."""
        await asyncio.sleep(10)
        since = self.mark()
        await asyncio.sleep(seconds)
        asked = self.asked(since)
        written = sum(times for what, times in asked.items() if what.split()[0] in WRITES and "leases" not in what)
        self.take(f"writes in {seconds / 60:g} min at rest with {count:,}, the Lease aside", written, "requests", 0)
        self.take("requests at rest, the Lease among them", sum(asked.values()) / seconds * 60, "a minute")

    async def restart(self, crowd: Crowd, count: int) -> None:
        """A new process beside all that is there."""
        since = self.mark()
        if self.operator.stop():
            raise RuntimeError("the operator did not end as it should")
        began = time.monotonic()
        await asyncio.to_thread(self.operator.start)
        self.take(f"restart with {count:,} until it watches", time.monotonic() - began, "s")
        await asyncio.sleep(10)
        asked = self.asked(since)
        written = sum(times for what, times in asked.items() if what.split()[0] in WRITES and "leases" not in what)
        self.take("writes of a restart, the Lease aside", written, "requests", 0)

    async def delete(self, crowd: Crowd, count: int) -> None:
        """All go; the controller manager collects their children."""
        began = await crowd.delete_all()
        done = await crowd.until(lambda: not crowd.deployed)
        self.take(f"{count:,} deleted at once: all Deployments collected", done - began, "s")


async def measure(bench: Bench, count: int, rest: float) -> None:
    """All figures, in an order in which each stands on the one before."""
    async with crowd(bench.rig) as found:
        bench.take("operator's memory without workers", bench.memory(), "MiB")
        await bench.latencies(found)
        await bench.burst(found, count)
        whole = len(found.deployed)
        await bench.edits(found, whole)
        await bench.rest(rest, whole)
        await bench.restart(found, whole)
        await bench.delete(found, whole)


def run(count: int, rest: float, say: Callable[[str], None] = print) -> list[Figure]:
    """On a rig of its own, which is gone afterwards."""
    rig = Rig.up(RIG, 2, say)
    try:
        rig.simulate_nodes(-(-(count + SINGLE) // 200), gpus=250)
        kube = defined(rig)
        for namespace in (NAMESPACE, SYSTEM):
            kube.kubectl("create", "namespace", namespace)
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(rig, Path(folder))
            bench.operator.start()
            try:
                asyncio.run(measure(bench, count, rest))
            finally:
                bench.operator.stop()
        return bench.figures
    finally:
        rig.down(say)


def main() -> int:
    """Measure, print, and say whether what is promised holds: exit status 1 if it does not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 workers and a minute of rest")
    parser.add_argument("--count", type=int, default=0, help="workers at once; unset: 1,000")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    told = parser.parse_args()
    count, rest = told.count or (100 if told.quick else 1000), 60.0 if told.quick else 600.0
    figures = run(count, rest)
    rows = [f"| {figure.name} | {figure} |" for figure in figures]
    table = "\n".join(["| what | figure |", "|---|---|", *rows])
    bars = [figure.bar for figure in figures if figure.bar]
    what = f"{machine()}; API server, etcd, controllers and operator on the same cores; controllers at 50 qps"
    return conclude(table, what, bars, told.json)


if __name__ == "__main__":
    raise SystemExit(main())
