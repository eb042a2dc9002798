"""What an engine refuses of what the document allows."""

import pytest

from contract.samples import environment
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import parse
from llmworker_contract.engines import names, profile
from llmworker_contract.limits import refused


def sentences(name: str, **environ: str) -> list[str]:
    return [str(problem) for problem in refused(parse({"MODEL_NAME": "m"} | environ), profile(name))]


@pytest.mark.parametrize(
    ("variable", "text", "name", "choices"),
    [
        ("QUANTIZATION", "squeezellm", "stable-cuda12.1.0", "awq, gptq"),
        ("LORA_DTYPE", "float32", "cpu", "auto, float16, bfloat16"),
        ("MAX_LORA_RANK", "24", "stable-cuda12.1.0", "8, 16, 32, 64, 128, 256"),
        ("MAX_LORA_RANK", "24", "cpu", "1, 8, 16, 32, 64, 128, 256, 320, 512"),
        ("LORA_EXTRA_VOCAB_SIZE", "0", "dev-cuda12.1.0", "256, 512"),
        ("TOKENIZER_MODE", "slow", "latest-cuda13.0", "auto"),
        ("WORKER_USE_RAY", "1", "cpu", "mp"),
        ("BLOCK_SIZE", "16", "cpu", "32"),
    ],
)
def test_a_documented_value_that_the_engine_does_not_take_is_refused_before_it_starts(
    variable: str, text: str, name: str, choices: str
) -> None:
    (problem,) = refused(parse(environment(variable, text)), profile(name))
    assert problem.variable == variable
    assert f"of {name} takes one of {choices}, got " in problem.message


def test_a_value_that_the_engine_takes_is_not_refused() -> None:
    for variable in VARIABLES:
        if variable.name != "QUANTIZATION":
            assert refused(parse(environment(variable.name)), profile("stable-cuda12.1.0")) == []


@pytest.mark.parametrize("name", names())
def test_the_least_that_can_be_said_is_refused_by_no_engine(name: str) -> None:
    assert sentences(name) == []


def test_a_rope_scaling_without_a_type_is_read_by_no_engine() -> None:
    assert sentences("stable-cuda12.1.0", ROPE_SCALING='{"factor":2}') == [
        'ROPE_SCALING: needs a key rope_type, as in {"rope_type":"dynamic","factor":2.0}: add it'
    ]


def test_a_rope_scaling_that_would_lose_the_models_base_is_refused() -> None:
    scaling = '{"rope_type":"dynamic","factor":2}'
    (sentence,) = sentences("cpu", ROPE_SCALING=scaling)
    assert "would take 10000 for the base, whatever the model says: set ROPE_THETA" in sentence
    assert sentences("cpu", ROPE_SCALING=scaling, ROPE_THETA="500000") == []
    assert sentences("cpu", ROPE_SCALING='{"rope_type":"dynamic","factor":2,"rope_theta":7.5}') == []
    assert sentences("stable-cuda12.1.0", ROPE_SCALING=scaling) == []


def test_what_one_engine_refuses_together_another_takes() -> None:
    both = {"ENABLE_LORA": "1", "ENABLE_CHUNKED_PREFILL": "1"}
    assert sentences("stable-cuda12.1.0", **both) == [
        "ENABLE_LORA: vLLM 0.6.3.post1 of stable-cuda12.1.0 refuses it with ENABLE_CHUNKED_PREFILL: remove one of the "
        "two, or choose a newer engine profile"
    ]
    assert sentences("cpu", **both) == []


def test_a_rule_that_only_a_default_breaks_names_the_default() -> None:
    few = {"MAX_NUM_BATCHED_TOKENS": "128"}
    assert sentences("stable-cuda12.1.0", **few) == [
        "MAX_NUM_BATCHED_TOKENS: MAX_NUM_BATCHED_TOKENS must be at least MAX_NUM_SEQS: raise it, or lower MAX_NUM_SEQS "
        "(MAX_NUM_SEQS is 256 on stable-cuda12.1.0)"
    ]
    assert sentences("stable-cuda12.1.0", **few, MAX_NUM_SEQS="64") == []
    assert sentences("cpu", **few) == []
