"""Server-sent events as lines of JSON: what a client reads line by line, with no parser of events. Pure.

Each piece is one line: the list of the objects that the engine sent in it. What is no data (comments, names and
numbers of events) and the end mark `[DONE]` are left out: the answer's own end is the end.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from llmworker_server.middleware.batching import Format

_LINE_END: Final = re.compile(r"\r\n|\n|\r")

_COMPACT: Final = (",", ":")


def line(events: Sequence[bytes]) -> bytes:
    """A piece in one line, empty if there is no data in it.

    In ASCII, since some clients take more characters for the end of a line than a line feed.
    """
    values = [_json(data) for data in _data(events)]
    return f"[{','.join(values)}]\n".encode() if values else b""


def _data(events: Sequence[bytes]) -> Iterator[str]:
    for event in events:
        fields = [part.partition(":") for part in _LINE_END.split(event.decode(errors="replace"))]
        data = "\n".join(value.removeprefix(" ") for name, _, value in fields if name == "data")
        if data and data.strip() != "[DONE]":
            yield data


def _json(data: str) -> str:
    """The data as JSON, or as a string of JSON if it is anything else, so that it does not vanish."""
    try:
        return json.dumps(json.loads(data), allow_nan=False, separators=_COMPACT)
    except ValueError:
        return json.dumps(data)


NDJSON: Final = Format(line, content_type=b"application/x-ndjson")
