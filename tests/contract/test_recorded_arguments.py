"""What the engine profiles have on record is what each engine's real parser says now, and that parser parses."""

import json
from collections.abc import Iterator

import pytest

from assets.parsers import Parser
from assets.profiles import record_path, recorded
from llmworker_contract.engines import names

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", params=names())
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def parser(profile: str) -> Iterator[Parser]:
    """One process for all tests of a profile: importing vLLM takes seconds."""
    with Parser(profile) as started:
        yield started


def test_the_record_is_what_the_parser_takes_now(profile: str) -> None:
    assert record_path(profile).read_text() == recorded(profile)


def test_a_record_names_the_release_that_the_profile_stands_for(profile: str) -> None:
    stated = json.loads(record_path(profile).with_name(f"{profile}.json").read_text())
    assert json.loads(record_path(profile).read_text())["vllm"] == stated["vllm"]


def test_the_defaults_on_record_are_those_of_a_bare_command_line(profile: str, parser: Parser) -> None:
    namespace = parser.parse([])["namespace"]
    for name, argument in json.loads(record_path(profile).read_text())["arguments"].items():
        if argument["default"] is not None:
            assert namespace[argument.get("dest", name)] == argument["default"], name


def test_one_option_of_every_form_arrives(parser: Parser) -> None:
    asked = ["--served-model-name", "a", "b", "--model=org/model", "--enforce-eager", "--max-num-seqs=7"]
    answer = parser.parse([*asked, "--middleware=one", "--middleware=two"])
    assert answer["ok"], answer
    assert answer["namespace"]["middleware"] == ["one", "two"]
    taken = answer["engine_args"]
    assert (taken["served_model_name"], taken["model"]) == (["a", "b"], "org/model")
    assert (taken["enforce_eager"], taken["max_num_seqs"]) == (True, 7)


def test_what_the_parser_refuses_comes_with_its_words(parser: Parser) -> None:
    refused = parser.parse(["--model=org/model", "--no-such-option=1"])
    assert not refused["ok"]
    assert "unrecognized arguments: --no-such-option=1" in refused["error"]


def test_what_the_server_checks_after_parsing_is_refused_too(parser: Parser) -> None:
    refused = parser.parse(["--model=org/model", "--enable-auto-tool-choice"])
    assert not refused["ok"]
    assert "requires --tool-call-parser" in refused["error"]


def test_a_parser_that_ended_says_why() -> None:
    with Parser("stable-cuda12.1.0") as parser:
        parser._process.kill()
        with pytest.raises(RuntimeError, match=r"the parser of stable-cuda12\.1\.0 ended with -9"):
            parser.parse([])
