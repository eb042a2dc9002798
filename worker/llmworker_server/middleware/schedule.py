"""How many events each piece of a streamed answer holds. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from llmworker_contract.settings import Streaming
from llmworker_contract.values import documented_default


@dataclass(frozen=True)
class Schedule:
    """Pieces grow from `first` by `growth` up to `largest`; without growth all have the size `largest`."""

    largest: int
    first: int
    growth: float

    def sizes(self) -> Iterator[int]:
        """The sizes of all pieces, endlessly: 1, 3, 9, 27, 50, 50 … for the documented defaults.

        A size is not rounded before it grows, so that 1.5 makes 1, 2, 3, 4, 6: a fraction counts as one more.
        """
        size = float(self.first if self.growth > 1 and self.first < self.largest else self.largest)
        while True:
            yield math.ceil(size)
            size = min(size * self.growth, self.largest) if self.growth > 1 else size


def schedule(streaming: Streaming) -> Schedule:
    """What the settings ask for, the documented defaults where they are silent."""
    growth = streaming.default_batch_size_growth_factor
    return Schedule(
        largest=streaming.default_batch_size or documented_default("DEFAULT_BATCH_SIZE"),
        first=streaming.default_min_batch_size or documented_default("DEFAULT_MIN_BATCH_SIZE"),
        growth=documented_default("DEFAULT_BATCH_SIZE_GROWTH_FACTOR") if growth is None else growth,
    )
