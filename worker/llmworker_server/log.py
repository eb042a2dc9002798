"""Lines out of the bytes that the engine writes. Pure."""

import codecs
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_LONGEST: Final = 16_384
"""Characters; a longer line is cut rather than collected without bound."""

# A carriage return that is the last character so far may be the first half of a line's end.
_END: Final = re.compile(r"\r?\n|\r(?!\n)(?!\Z)")


class Line(NamedTuple):
    """One line of a log."""

    text: str
    transient: bool
    """Ended by a carriage return: the state of a progress bar, which the next one overwrites."""


class LineSplitter:
    """Collects chunks, wherever they were cut, and gives back whole lines without their ends."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def lines(self, chunk: bytes) -> Iterator[Line]:
        """The lines that this chunk completes; the empty chunk is the end and completes the last one."""
        text = self._rest + self._decoder.decode(chunk, final=not chunk)
        start = 0
        for end in _END.finditer(text):
            yield Line(text[start : end.start()], transient=end.group() == "\r")
            start = end.end()
        self._rest = text[start:]
        while len(self._rest) > _LONGEST or (self._rest and not chunk):
            yield Line(self._rest[:_LONGEST].rstrip("\r"), transient=False)
            self._rest = self._rest[_LONGEST:]
