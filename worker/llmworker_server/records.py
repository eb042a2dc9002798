"""What stands in the worker's log, one line a record: as words, or as JSON where LOG_FORMAT says so.

The serving process writes into the engine's log, which the supervisor reads and writes anew. Its records go there as
JSON behind a mark that only the two know, so that no line of the engine's or of a client's can be taken for one.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import Any, Final, Literal

Format = Literal["plain", "json"]
Source = Literal["worker", "engine", "request"]

MARK_VARIABLE: Final = "LLMWORKER_RECORD_MARK"
"""Tells the serving process the mark; set by the supervisor, another for each start."""

_LEVEL: Final = re.compile(r"(?:\([^)]*\) )?(DEBUG|INFO|WARNING|ERROR|CRITICAL)[ :]")
"""How a line of vLLM's logger begins, also when it names the process that wrote it, and one of its server's."""


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Record:
    """One thing that is told."""

    words: str
    """All of it, for people; in JSON the message, unless a field of that name says it without the other fields."""
    source: Source = "worker"
    level: str = "info"
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What programs look for; shown in JSON only."""
    time: str = field(default_factory=_now)
    """In UTC, as RFC 3339 has it."""


def engine_line(line: str) -> Record:
    """A line of the engine's, of the level that it states."""
    found = _LEVEL.match(line)
    return Record(line, "engine", found[1].lower() if found else "info")


def plain(record: Record) -> str:
    """The words in one line; the engine's are left as they are."""
    if record.source == "engine":
        return record.words
    return "llmworker: " + "\\n".join(record.words.splitlines())


def as_json(record: Record) -> str:
    """The record as a JSON object in one line of ASCII."""
    head = {"time": record.time, "level": record.level, "source": record.source, "message": record.words}
    return json.dumps({**head, **record.fields})


def marked(record: Record, mark: str) -> str:
    """The record for its way through the engine's log."""
    return mark + json.dumps(asdict(record))


def received(line: str, mark: str | None) -> tuple[str, Record | None]:
    """A line of the engine's log as what the engine wrote, which may be nothing, and the record behind it if any."""
    if not mark or mark not in line:
        return line, None
    before, _, after = line.partition(mark)
    try:
        return before, Record(**json.loads(after))
    except ValueError:  # another process wrote into it, or it was too long for one line
        return before, Record(after, level="warning")


_FORMATS: Final[Mapping[Format, Callable[[Record], str]]] = {"plain": plain, "json": as_json}
_written: Callable[[Record], str] = plain


def write_as(written: Format) -> None:
    """From now on records are written so."""
    global _written  # noqa: PLW0603  (a process has one log)
    _written = _FORMATS[written]


def relay(mark: str) -> None:
    """From now on records go to the supervisor, through the engine's log."""
    global _written  # noqa: PLW0603  (as above)
    _written = partial(marked, mark=mark)


def write(record: Record) -> None:
    """Put the record into the log."""
    # In one piece, line end included: other processes write to the same pipe.
    sys.stdout.write(_written(record) + "\n")
    sys.stdout.flush()


def say(words: str, level: str = "info", **fields: Any) -> None:
    """A record of the worker's own."""
    write(Record(words, "worker", level, fields))


def copy(line: str) -> None:
    """A line of the engine's."""
    write(engine_line(line))


class LibraryRecords(logging.Handler):
    """What libraries in the supervisor log, as records of the worker's."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, with its traceback if it has one."""
        say(self.format(record), record.levelname.lower(), logger=record.name)
