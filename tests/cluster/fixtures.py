"""Rigs for tests: one of each level per test session, made when a test first asks for it.

`tests/conftest.py` imports them. A name is held for the session, so that two sessions on one machine do not share a
rig, and used again by the next session, so that a node's image store is filled once.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from assets.cache import cache_dir
from cluster.rig import Rig, lacking

_SESSIONS = 8


@pytest.fixture(scope="session")
def l1() -> Iterator[Rig]:
    """An API server and its etcd; no controllers, so that what a test writes stays as it is."""
    with _rig(1) as rig:
        yield rig


@pytest.fixture(scope="session")
def l2() -> Iterator[Rig]:
    """Controllers and a scheduler too; `simulate_nodes` adds nodes."""
    with _rig(2) as rig:
        yield rig


@pytest.fixture(scope="session")
def l3() -> Iterator[Rig]:
    """A whole node with eight simulated GPUs. Skipped, with all reasons, where it cannot be had."""
    reasons = lacking(3)
    if reasons:
        pytest.skip("; ".join(reasons))
    with _rig(3) as rig:
        yield rig


@contextmanager
def _rig(level: int) -> Iterator[Rig]:
    with session_name(f"tests-l{level}") as name:
        left_over = Rig.find(name)
        if left_over:
            left_over.down()
        rig = Rig.up(name, level)
        try:
            yield rig
        finally:
            rig.down()


@contextmanager
def session_name(stem: str) -> Iterator[str]:
    """The first of `stem`, `stem-2`, … that no other test session on this machine holds."""
    for number in range(1, _SESSIONS + 1):
        name = stem if number == 1 else f"{stem}-{number}"
        with (cache_dir("rigs", "sessions") / name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield name
            return
    raise RuntimeError(f"{_SESSIONS} test sessions hold a rig {stem} already; wait for one of them to end")
