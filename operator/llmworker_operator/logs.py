"""How the operator's log lines look: as text, or as one JSON object a line with the worker they are about as fields."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

from llmworker_operator.store import Key

_FIELDS: Final = {"levelname": "level", "name": "logger", "worker": "name"}
"""What the record's attributes are called in JSON. Its own `name` is the logger's, so ours needs another."""


def about(log: logging.Logger, key: Key) -> "logging.LoggerAdapter[logging.Logger]":
    """The logger for lines about one LLMWorker: they carry its namespace and name."""
    return _About(log, {"namespace": key.namespace, "worker": key.name})


class _About(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs


class _Text(logging.Formatter):
    """`time level logger: namespace/name what happened`; the worker only where the line is about one."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        if hasattr(record, "worker"):
            record.message = f"{record.namespace}/{record.worker} {record.message}"  # type: ignore[attr-defined]
        return super().formatMessage(record)


def formatter(form: str) -> logging.Formatter:
    """For `text` or `json`."""
    if form == "json":
        return JsonFormatter(["levelname", "name", "message"], rename_fields=_FIELDS, timestamp="time")
    return _Text("%(asctime)s %(levelname)s %(name)s: %(message)s")


def configure(level: str, form: str) -> None:
    """All lines go to standard error, in one form. kopf's below a warning are left out: it writes one for each event,
    and at DEBUG whole objects."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)
