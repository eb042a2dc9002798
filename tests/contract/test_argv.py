"""Settings to the command line of vLLM's own server."""

import pytest

from llmworker_contract.argv import engine_args, unsupported
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import parse
from llmworker_contract.engines import names, profile

ASKED = {
    "MODEL_NAME": "org/model",
    "MAX_MODEL_LEN": "2048",
    "ENFORCE_EAGER": "1",
    "TRUST_REMOTE_CODE": "0",
    "DEFAULT_BATCH_SIZE": "20",
    "OPENAI_SERVED_MODEL_NAME_OVERRIDE": "--odd",
    "HF_TOKEN": "hf_verysecret",
}


def test_only_what_was_asked_for_on_an_image_that_is_not_documented() -> None:
    assert engine_args(parse(ASKED), profile("cpu")) == [
        "--model=org/model",
        "--max-model-len=2048",
        "--enforce-eager",
        "--served-model-name=--odd",
    ]


def test_documented_defaults_that_differ_from_the_engines_on_the_documented_image() -> None:
    options = engine_args(parse({"MODEL_NAME": "m"}), profile("stable-cuda12.1.0"))
    assert options == ["--model=m", "--gpu-memory-utilization=0.95"]


def test_a_stated_value_wins_over_the_documented_default() -> None:
    asked = {"MODEL_NAME": "m", "GPU_MEMORY_UTILIZATION": "0.5"}
    assert "--gpu-memory-utilization=0.5" in engine_args(parse(asked), profile("stable-cuda12.1.0"))


@pytest.mark.parametrize("name", names())
def test_no_option_is_unknown_to_the_engine_and_no_secret_is_in_it(name: str) -> None:
    engine = profile(name)
    options = engine_args(parse(ASKED), engine)
    for option in options:
        assert option.split("=")[0].removeprefix("--").replace("-", "_") in engine.arguments
    assert "verysecret" not in " ".join(options)


@pytest.mark.parametrize("name", names())
def test_every_variable_of_the_catalogue_is_an_argument_of_every_profile(name: str) -> None:
    known = profile(name).arguments
    assert [v.name for v in VARIABLES if v.engine_argument and v.engine_argument not in known] == []


def test_a_variable_that_the_engine_does_not_have_is_left_out_and_named() -> None:
    cpu = profile("cpu")
    without = cpu.model_copy(
        update={"engine_arguments": {k: v for k, v in cpu.engine_arguments.items() if k != "max_model_len"}}
    )
    settings = parse(ASKED)
    assert "--max-model-len=2048" not in engine_args(settings, without)
    assert [variable.name for variable in unsupported(settings, without)] == ["MAX_MODEL_LEN"]


def test_an_unknown_profile_is_refused_with_those_that_exist() -> None:
    with pytest.raises(KeyError, match=r"expected one of stable-cuda12\.1\.0, cpu, dev-cuda12\.1\.0"):
        profile("nightly")
