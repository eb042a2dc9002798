"""The environment of a worker as one value, or all that is wrong with it."""

from pathlib import Path

import pytest

from llmworker_contract import endpoints
from llmworker_contract.codec import BadEnvironment
from llmworker_server.configuration import configuration, termination_log

ENVIRON = {"MODEL_NAME": "org/model", "LLMWORKER_ENGINE_PROFILE": "cpu"}


def test_where_it_listens_unless_told_otherwise() -> None:
    told = configuration(ENVIRON)
    assert (told.openai_port, told.admin_port) == (endpoints.OPENAI_PORT, endpoints.ADMIN_PORT)
    assert told.host == "0.0.0.0"
    assert told.engine_url == f"http://127.0.0.1:{endpoints.OPENAI_PORT}"


def test_ports_and_address_can_be_told() -> None:
    own = {"LLMWORKER_HOST": "127.0.0.2", "LLMWORKER_OPENAI_PORT": "81", "LLMWORKER_ADMIN_PORT": "82"}
    told = configuration(ENVIRON | own)
    assert (told.engine_url, told.admin_port) == ("http://127.0.0.2:81", 82)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        pytest.param({}, "org/model", id="the model's own"),
        pytest.param({"OPENAI_SERVED_MODEL_NAME_OVERRIDE": "short"}, "short", id="overridden"),
    ],
)
def test_the_name_by_which_requests_ask(more: dict[str, str], name: str) -> None:
    assert configuration(ENVIRON | more).served_name == name


def test_all_problems_are_reported_together() -> None:
    environ = {
        "MAX_MODEL_LEN": "long",
        "DTYPE": "float8",
        "LLMWORKER_ENGINE_PROFILE": "gpu",
        "LLMWORKER_OPENAI_PORT": "0",
        "LLMWORKER_ADMIN_PORT": "http",
    }
    with pytest.raises(BadEnvironment) as caught:
        configuration(environ)
    assert {problem.variable for problem in caught.value.problems} >= environ.keys()


def test_a_missing_profile_says_who_sets_it_and_what_there_is() -> None:
    with pytest.raises(BadEnvironment, match=r"LLMWORKER_ENGINE_PROFILE: .*cpu.*not set"):
        configuration({"MODEL_NAME": "m"})


def test_the_termination_log_is_known_in_a_bad_environment() -> None:
    assert termination_log({}) == Path(endpoints.TERMINATION_LOG)
    assert termination_log({"LLMWORKER_TERMINATION_LOG": "/elsewhere"}) == Path("/elsewhere")
