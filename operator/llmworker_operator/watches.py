"""Whether the watches live: what was last heard of each kind, and what a list told that no watch has told yet. Pure.

A watch is dead when its kind was silent for too long, or when it did not tell of a change that a list has shown. Both
are counted only while the API server answers: while it does not, starting the operator anew would help nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from llmworker_operator.store import Key

SILENCE: Final = 150.0
"""Seconds after which a silent kind is a dead watch. A living one is heard at least every 71: kopf opens a stream anew
after 70 seconds without a word (`handlers.settings`), the API server's bookmarks come every 60."""

_Place: TypeAlias = tuple[str, Key]


@dataclass(frozen=True)
class _Missed:
    version: int
    since: float


class Watches:
    """Told by the watches, the resync and the look at the API server; asked by /healthz and /metrics.

    All times are seconds of one clock that never goes back.
    """

    def __init__(self, kinds: Iterable[str], now: float, patience: float) -> None:
        """`patience`: seconds in which a watch must tell what a list has shown."""
        self._heard = dict.fromkeys(kinds, now)
        self._patience = patience
        self._missed: dict[_Place, _Missed] = {}
        self._answers_since: float | None = now
        self._away = ""

    def heard(self, kind: str, now: float) -> None:
        """A stream was opened, or said something: a bookmark too."""
        self._heard[kind] = now

    def told(self, kind: str, key: Key, version: int) -> None:
        """A watch told of an object, and that was taken in."""
        missed = self._missed.get((kind, key))
        if missed and version >= missed.version:
            del self._missed[kind, key]

    def listed(self, kind: str, key: Key, version: int, now: float) -> None:
        """A list showed an object in a version that was not known."""
        before = self._missed.get((kind, key))
        self._missed[kind, key] = _Missed(version, before.since if before else now)

    def missing(self) -> list[tuple[str, Key]]:
        """Kind and place of what no watch has told yet, the longest missed first."""
        return list(self._missed)

    def vanished(self, kind: str, key: Key) -> None:
        """It is gone: kopf never tells what was deleted while a watch was cut."""
        self._missed.pop((kind, key), None)

    def answers(self, now: float) -> None:
        """The API server answers."""
        if self._answers_since is None:
            self._answers_since, self._away = now, ""

    def does_not_answer(self, why: str) -> None:
        """The API server does not."""
        self._answers_since, self._away = None, why

    @property
    def away(self) -> str:
        """Why the API server cannot be asked; empty when it answers."""
        return self._away

    def ages(self, now: float) -> dict[str, float]:
        """Seconds since each kind was last heard."""
        return {kind: now - heard for kind, heard in self._heard.items()}

    def dead(self, now: float) -> list[str]:
        """One sentence for each watch that is dead."""
        return list(self._dead(now)) if self._answers_since is not None else []

    def _dead(self, now: float) -> Iterator[str]:
        answers = now - (self._answers_since or 0.0)
        for kind, age in self.ages(now).items():
            if min(age, answers) > SILENCE:
                yield f"The watch of {kind} has said nothing for {age:.0f} s, while the API server answers."
                continue
            late = [
                (now - missed.since, key)
                for (of, key), missed in self._missed.items()
                if of == kind and min(now - missed.since, answers) > self._patience
            ]
            if late:
                longest, key = max(late)
                yield (
                    f"The watch of {kind} has not told of {len(late)} objects as a list showed them, "
                    f"the first of them {longest:.0f} s ago: {key.namespace}/{key.name}."
                )
