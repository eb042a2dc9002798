"""Records as words and as JSON, and through the engine's log."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from llmworker_server import records
from llmworker_server.records import Record, as_json, engine_line, marked, plain, received


@pytest.fixture(autouse=True)
def _words() -> Iterator[None]:
    yield
    records.write_as("plain")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("INFO 11-24 13:43:37 [x.py:1] ready", "info"),
        ("(EngineCore pid=1) ERROR 11-24 13:43:37 [core.py:2] dead", "error"),
        ("(APIServer pid=9) WARNING 11-24 [a.py:3] slow", "warning"),
        ("DEBUG 11-24 [a.py:3] x", "debug"),
        ("CRITICAL: x", "critical"),
        ("INFO:     Started server process [1]", "info"),
        ("ERRORS were found", "info"),
        ("Traceback (most recent call last):", "info"),
        ("a line with ERROR in it", "info"),
        ("", "info"),
    ],
)
def test_the_level_of_an_engines_line_is_the_one_that_it_states(line: str, level: str) -> None:
    record = engine_line(line)
    assert (record.level, record.source, plain(record)) == (level, "engine", line)


def test_json_is_one_object_in_one_line() -> None:
    line = as_json(Record("two\nlines\u2028é", level="warning", fields={"reason": "R", "exitCode": 1}))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    found = json.loads(line)
    assert list(found) == ["time", "level", "source", "message", "reason", "exitCode"]
    assert (found["level"], found["source"], found["message"]) == ("warning", "worker", "two\nlines\u2028é")


def test_the_time_is_of_utc_and_of_rfc_3339() -> None:
    time = json.loads(as_json(Record("x")))["time"]
    assert time.endswith("Z")
    told = datetime.fromisoformat(time.replace("Z", "+00:00"))
    assert abs(datetime.now(timezone.utc) - told) < timedelta(seconds=10)


def test_a_field_named_message_says_it_shorter() -> None:
    record = Record("BadLuck: it broke. Mend it.", fields={"message": "it broke.", "remedy": "Mend it."})
    assert json.loads(as_json(record))["message"] == "it broke."
    assert plain(record) == "llmworker: BadLuck: it broke. Mend it."


def test_words_stay_in_one_line() -> None:
    assert plain(Record("last words:\na\r\nb")) == "llmworker: last words:\\na\\nb"


def test_a_record_comes_through_the_engines_log_as_it_was() -> None:
    record = Record("GET /\n", "request", "error", {"status": 500})
    line = marked(record, "mark")
    assert "\n" not in line
    assert received(line, "mark") == ("", record)
    assert received(f"50%{line}", "mark") == ("50%", record)


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        pytest.param('{"words": "mine", "source": "worker"}', "mark", id="without the mark"),
        pytest.param('mark{"words": "mine", "source": "worker"}', None, id="where none was agreed on"),
        pytest.param("", "mark", id="empty"),
    ],
)
def test_nothing_else_is_taken_for_a_record(line: str, mark: str | None) -> None:
    assert received(line, mark) == (line, None)


def test_a_damaged_record_is_told_all_the_same() -> None:
    before, record = received('mark{"words": "ha', "mark")
    assert (before, record and (record.words, record.level)) == ("", ('{"words": "ha', "warning"))


def test_what_is_said_is_written_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    records.say("hello", port=1)
    records.copy("WARNING x")
    records.write_as("json")
    records.say("hello", port=1)
    records.copy("WARNING x")
    records.relay("mark")
    records.say("hello")
    one, two, three, four, five = capsys.readouterr().out.splitlines()
    assert (one, two) == ("llmworker: hello", "WARNING x")
    assert json.loads(three) | {"time": ""} == {
        "time": "", "level": "info", "source": "worker", "message": "hello", "port": 1
    }  # fmt: skip
    assert json.loads(four)["level"] == "warning"
    assert received(five, "mark")[1] is not None


def test_what_libraries_log_is_a_record_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    records.write_as("json")
    logger = logging.getLogger("library")
    handler = records.LibraryRecords()
    logger.addHandler(handler)
    try:
        {}["lost"]
    except KeyError:
        logger.exception("it broke")
    finally:
        logger.removeHandler(handler)
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["level"], found["logger"]) == ("error", "library")
    assert "KeyError: 'lost'" in found["message"]
