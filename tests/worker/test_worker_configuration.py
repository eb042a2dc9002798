"""The environment of a worker as one value, or all that is wrong with it."""

from pathlib import Path

import pytest

from llmworker_contract import endpoints
from llmworker_contract.problems import BadEnvironment
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


STABLE = ENVIRON | {"LLMWORKER_ENGINE_PROFILE": "stable-cuda12.1.0"}
FOUR = {"TENSOR_PARALLEL_SIZE": "2", "PIPELINE_PARALLEL_SIZE": "2"}


def test_a_model_split_over_more_gpus_than_the_container_has_is_refused() -> None:
    with pytest.raises(BadEnvironment) as caught:
        configuration(STABLE | FOUR | {"NVIDIA_VISIBLE_DEVICES": "GPU-a,GPU-b"})
    assert str(caught.value) == (
        "TENSOR_PARALLEL_SIZE: times PIPELINE_PARALLEL_SIZE is 4, but the container has 2 GPUs: lower them, or ask for "
        "more GPUs"
    )


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"NVIDIA_VISIBLE_DEVICES": "GPU-a,GPU-b,GPU-c,GPU-d"}, id="as many as needed"),
        pytest.param({"NVIDIA_VISIBLE_DEVICES": "all"}, id="a word that does not say how many"),
        pytest.param({}, id="nothing is said"),
        pytest.param({"NVIDIA_VISIBLE_DEVICES": "GPU-a", "WORKER_USE_RAY": "1"}, id="ray looks on other nodes"),
        pytest.param(
            {"NVIDIA_VISIBLE_DEVICES": "void", "LLMWORKER_ENGINE_PROFILE": "cpu"}, id="an engine without GPUs"
        ),
    ],
)
def test_gpus_that_may_be_enough_are_not_refused(more: dict[str, str]) -> None:
    assert configuration(STABLE | FOUR | more).settings.engine.tensor_parallel_size == 2


def test_what_the_images_engine_refuses_is_refused_before_it_starts() -> None:
    with pytest.raises(
        BadEnvironment, match=r"QUANTIZATION: vLLM 0\.6\.3\.post1 of stable-cuda12\.1\.0 takes one of awq"
    ):
        configuration(STABLE | {"QUANTIZATION": "squeezellm"})


def test_a_missing_profile_says_who_sets_it_and_what_there_is() -> None:
    with pytest.raises(BadEnvironment, match=r"LLMWORKER_ENGINE_PROFILE: .*cpu.*not set"):
        configuration({"MODEL_NAME": "m"})


def test_the_termination_log_is_known_in_a_bad_environment() -> None:
    assert termination_log({}) == Path(endpoints.TERMINATION_LOG)
    assert termination_log({"LLMWORKER_TERMINATION_LOG": "/elsewhere"}) == Path("/elsewhere")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "it cannot be read (No such file or directory)", id="missing"),
        pytest.param("", "the file holds no key", id="empty"),
        pytest.param("sk-a\nvery secret", "line 2 is no key", id="malformed"),
    ],
)
def test_a_file_without_keys_is_found_out_before_the_engine_starts(
    content: str | None, words: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_text(content)
    with pytest.raises(BadEnvironment) as caught:
        configuration(ENVIRON | {"API_KEYS_FILE": str(keys), "SEED": "x"})
    seed, problem = caught.value.problems
    assert (seed.variable, problem.variable) == ("SEED", "API_KEYS_FILE")
    assert problem.message.startswith(words)
    assert "secret" not in problem.message


def test_a_key_for_vllm_itself_is_refused_and_not_shown() -> None:
    with pytest.raises(BadEnvironment, match=r"VLLM_API_KEY: is refused: .*name it in API_KEYS_FILE") as caught:
        configuration(ENVIRON | {"VLLM_API_KEY": "sk-verysecret"})
    assert "verysecret" not in str(caught.value)
    assert configuration(ENVIRON | {"VLLM_API_KEY": ""}).settings.serving.api_keys_file is None
