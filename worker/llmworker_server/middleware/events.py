"""Server-sent events out of a stream of bytes, however the server cut it. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_EVENT_END: Final = re.compile(rb"(?:\r\n|\n)(?:\r\n|\n)|\r\r")
"""A blank line, in the line endings that the standard allows."""

_LONGEST_END: Final = 4


class EventSplitter:
    """Collects bytes and gives them back as whole events: the same bytes in the same order, nothing lost."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def events(self, chunk: bytes) -> Iterable[bytes]:
        """Each event that this chunk completes, its blank line included."""
        if not self._rest and 0 <= chunk.find(b"\n\n") == len(chunk) - 2 and b"\r" not in chunk:
            return (chunk,)  # as every vLLM writes them, a token each: no search is needed
        return self._found(chunk)

    def _found(self, chunk: bytes) -> Iterator[bytes]:
        # An end may have begun in the bytes before; what lies further back is known to hold none.
        searched = max(0, len(self._rest) - _LONGEST_END)
        self._rest += chunk
        start = 0
        for end in _EVENT_END.finditer(self._rest, searched):
            yield bytes(self._rest[start : end.end()])
            start = end.end()
        del self._rest[:start]

    def rest(self) -> bytes:
        """What came after the last whole event; it is given away once."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest
