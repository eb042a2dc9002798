"""How a line looks in both forms."""

import json
import logging

import pytest

from llmworker_operator.logs import about, formatter
from llmworker_operator.store import Key

KEY = Key("prod", "chat")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.DEBUG)
    return logging.getLogger("llmworker_operator.test")


def line(caplog: pytest.LogCaptureFixture, form: str) -> str:
    (record,) = caplog.records
    return formatter(form).format(record)


def test_a_line_about_a_worker_carries_it_as_fields(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    about(log, KEY).info("applied %s", "Deployment")
    told = json.loads(line(caplog, "json"))
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "INFO",
        "logger": "llmworker_operator.test",
        "message": "applied Deployment",
        "namespace": "prod",
        "name": "chat",
    }
    assert line(caplog, "text").endswith(" INFO llmworker_operator.test: prod/chat applied Deployment")


def test_a_line_about_nothing_has_no_such_fields(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.warning("standing by")
    assert set(json.loads(line(caplog, "json"))) == {"time", "level", "logger", "message"}
    assert line(caplog, "text").endswith(" WARNING llmworker_operator.test: standing by")


def test_a_traceback_stays_one_line_of_json(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("why")
    about(log, KEY).error("reconcile failed", exc_info=error)
    told = line(caplog, "json")
    assert "\n" not in told
    assert json.loads(told)["exc_info"].endswith("RuntimeError: why")
    assert json.loads(told)["name"] == "chat"
