"""How an LLMWorker's pods are replaced."""

import re
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field

from llmworker_contract.settings import Group
from llmworker_operator.podspec import int_or_string

PROGRESS_DEADLINE: Final = 3600
"""Seconds, where nothing is said."""

_SHARE: Final = r"^(0|[1-9][0-9]?|100)%$"


def _share(pods: int | str) -> int | str:
    if (isinstance(pods, int) and pods < 0) or (isinstance(pods, str) and not re.fullmatch(_SHARE, pods)):
        raise ValueError("expected a number of pods, as 1, or a share of them, as 25%")
    return pods


Share: TypeAlias = Annotated[int | str, AfterValidator(_share), int_or_string(_SHARE)]
"""A number of pods, or a share of them in percent."""


def _none(field: str) -> str:
    """CEL: whether a share is none, as a number or in percent."""
    return f"({field} == 0 || {field} == '0%')"


class Rollout(Group):
    """How pods of a new revision replace the old ones. Unset: one after the other, without a spare GPU."""

    strategy: Literal["RollingUpdate", "Recreate"] | None = None
    """Recreate ends all pods before the new ones come. Unset: RollingUpdate."""

    max_surge: Share | None = None
    """Pods that may run beside the replicas during a roll, as 1 or 25%: as many as GPUs are spare. Unset: 0, since a
    roll that waits for a GPU that nobody has never ends."""

    max_unavailable: Share | None = None
    """Pods that may be missing during a roll, as 1 or 25%. Unset: 1, and 0 with a maxSurge: then a new pod serves
    before an old one leaves."""

    min_ready_seconds: Annotated[int | None, Field(ge=0, le=86_400)] = None
    """How long a new pod has to be ready until the roll goes on, in seconds. Unset: 0."""

    progress_deadline_seconds: Annotated[int | None, Field(ge=1, le=604_800)] = None
    """After how long without progress a roll is told as ProgressDeadlineExceeded, in seconds; it goes on. Unset:
    3600, for a large model downloads and loads for long."""

    RULES: ClassVar = [
        {
            "rule": "!has(self.strategy) || self.strategy != 'Recreate' || !(has(self.maxSurge) || "
            "has(self.maxUnavailable))",
            "message": "Recreate ends all pods first: remove maxSurge and maxUnavailable, or choose RollingUpdate",
        },
        {
            "rule": f"!has(self.maxUnavailable) || !{_none('self.maxUnavailable')} || (has(self.maxSurge) && "
            f"!{_none('self.maxSurge')})",
            "message": "a roll needs a pod that may be missing or one that may be too many: raise maxUnavailable, or "
            "maxSurge where GPUs are spare",
        },
        {
            "rule": "(has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : "
            f"{PROGRESS_DEADLINE}) > (has(self.minReadySeconds) ? self.minReadySeconds : 0)",
            "message": f"progressDeadlineSeconds, which is {PROGRESS_DEADLINE} where it is unset, must be greater than "
            "minReadySeconds",
        },
    ]

    def surge(self) -> int | str:
        """Pods beside the replicas; 0 where there may be none."""
        return 0 if self.max_surge in {None, 0, "0%"} else self.max_surge or 0

    def unavailable(self) -> int | str:
        """Pods that may be missing."""
        if self.max_unavailable is not None:
            return self.max_unavailable
        return 0 if self.surge() else 1

    def deadline(self) -> int:
        """Seconds without progress until a roll is told to be stuck."""
        return PROGRESS_DEADLINE if self.progress_deadline_seconds is None else self.progress_deadline_seconds

    def broken(self) -> list[str]:
        """The messages of the rules that do not hold."""
        counted = self.max_surge is not None or self.max_unavailable is not None
        recreate = self.strategy == "Recreate" and counted
        stuck = self.unavailable() in {0, "0%"} and not self.surge()
        late = self.deadline() <= (self.min_ready_seconds or 0)
        return [rule["message"] for rule, broken in zip(self.RULES, (recreate, stuck, late), strict=True) if broken]
