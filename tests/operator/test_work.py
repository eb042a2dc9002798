"""The queue: one at a time for each key, joined, retried."""

import asyncio

from llmworker_operator.store import Key
from llmworker_operator.work import WorkQueue

A, B = Key("n", "a"), Key("n", "b")


async def run(queue: WorkQueue, seconds: float, workers: int = 4) -> None:
    tasks = [asyncio.create_task(queue.work()) for _ in range(workers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_changes_while_one_runs_become_one_more_run() -> None:
    running, runs, overlap = 0, 0, 0

    async def reconcile(key: Key) -> None:
        nonlocal running, runs, overlap
        running += 1
        overlap = max(overlap, running)
        runs += 1
        if runs == 1:
            for _ in range(100):
                queue.add(key)
        await asyncio.sleep(0.01)
        running -= 1

    queue = WorkQueue(reconcile)
    queue.add(A)
    await run(queue, 0.1)
    assert (runs, overlap) == (2, 1)


async def test_keys_run_side_by_side() -> None:
    started: list[Key] = []

    async def reconcile(key: Key) -> None:
        started.append(key)
        await asyncio.sleep(1)

    queue = WorkQueue(reconcile)
    queue.add(A)
    queue.add(B)
    await run(queue, 0.05)
    assert started == [A, B]


async def test_a_failure_is_tried_again_and_the_others_go_on() -> None:
    seen: list[Key] = []

    async def reconcile(key: Key) -> None:
        seen.append(key)
        if key == A and seen.count(A) == 1:
            raise RuntimeError("once")

    queue = WorkQueue(reconcile)
    queue.add(A)
    queue.add(B)
    await run(queue, 0.4)
    assert (seen.count(A), seen.count(B)) == (2, 1)


async def test_a_reconcile_can_ask_to_be_looked_at_again() -> None:
    runs = 0

    async def reconcile(key: Key) -> float | None:
        nonlocal runs
        runs += 1
        return 0.01 if runs < 3 else None

    queue = WorkQueue(reconcile)
    queue.add(A)
    await run(queue, 0.2)
    assert runs == 3


async def test_a_later_look_replaces_the_one_that_was_planned_before() -> None:
    """Otherwise every event about a worker that loads would start one more chain of looks."""
    runs = 0

    async def reconcile(key: Key) -> float:
        nonlocal runs
        runs += 1
        return 0.1

    queue = WorkQueue(reconcile)
    began = asyncio.get_running_loop().time()
    tasks = [asyncio.create_task(queue.work())]
    for _ in range(10):
        queue.add(A)
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.35)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    looks = (asyncio.get_running_loop().time() - began) / 0.1
    assert 10 < runs <= 10 + looks + 1
