"""Rules between settings, as the worker holds them; `test_rules_l1.py` holds the API server to the same."""

import pytest
from hypothesis import given

from contract.samples import environments
from llmworker_contract import rules
from llmworker_contract.codec import parse
from llmworker_contract.problems import BadEnvironment

NAMED = {"MODEL_NAME": "org/model"}


def broken(environ: dict[str, str]) -> list[str]:
    try:
        parse(NAMED | environ)
    except BadEnvironment as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param(
            {"MAX_LORAS": "2"},
            "MAX_LORAS: MAX_LORAS has no effect without ENABLE_LORA: set ENABLE_LORA to true, or remove MAX_LORAS",
            id="LoRA settings without LoRA",
        ),
        pytest.param(
            {"ENABLE_LORA": "0", "LORA_MODULES": '{"name":"a","path":"/a"}'},
            "LORA_MODULES: LORA_MODULES has no effect without ENABLE_LORA: set ENABLE_LORA to true, or remove "
            "LORA_MODULES",
            id="adapters with LoRA switched off",
        ),
        pytest.param(
            {"ENABLE_LORA": "1", "MAX_LORAS": "4", "MAX_CPU_LORAS": "3"},
            "MAX_CPU_LORAS: MAX_CPU_LORAS must be at least MAX_LORAS: raise MAX_CPU_LORAS, or remove it",
            id="fewer adapters in host memory than in a batch",
        ),
        pytest.param(
            {"NUM_SPECULATIVE_TOKENS": "4"},
            "NUM_SPECULATIVE_TOKENS: NUM_SPECULATIVE_TOKENS has no effect without SPECULATIVE_MODEL or "
            "NGRAM_PROMPT_LOOKUP_MAX: set one of them, or remove NUM_SPECULATIVE_TOKENS",
            id="drafts of nothing",
        ),
        pytest.param(
            {"SPECULATIVE_MODEL": "[ngram]", "NUM_SPECULATIVE_TOKENS": "4"},
            "SPECULATIVE_MODEL: SPECULATIVE_MODEL [ngram] needs NGRAM_PROMPT_LOOKUP_MAX: set it, to 4 for instance",
            id="drafts from the prompt without a window",
        ),
        pytest.param(
            {"NGRAM_PROMPT_LOOKUP_MAX": "4"},
            "NGRAM_PROMPT_LOOKUP_MAX: NGRAM_PROMPT_LOOKUP_MAX needs NUM_SPECULATIVE_TOKENS: set it, to 5 for instance",
            id="drafts from the prompt of no length",
        ),
        pytest.param(
            {"NGRAM_PROMPT_LOOKUP_MAX": "4", "NUM_SPECULATIVE_TOKENS": "4", "SPECULATIVE_MODEL": "org/draft"},
            "NGRAM_PROMPT_LOOKUP_MAX: NGRAM_PROMPT_LOOKUP_MAX is for drafts from the prompt, not from a model: remove "
            "it, or set SPECULATIVE_MODEL to [ngram]",
            id="two sources of drafts",
        ),
        pytest.param(
            {"NGRAM_PROMPT_LOOKUP_MAX": "4", "NUM_SPECULATIVE_TOKENS": "4", "NGRAM_PROMPT_LOOKUP_MIN": "5"},
            "NGRAM_PROMPT_LOOKUP_MIN: NGRAM_PROMPT_LOOKUP_MIN needs NGRAM_PROMPT_LOOKUP_MAX, and may not be above it: "
            "correct one of them",
            id="a window upside down",
        ),
        pytest.param(
            {
                "SPECULATIVE_MODEL": "org/draft",
                "SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE": "2",
                "TENSOR_PARALLEL_SIZE": "4",
            },
            "SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE: SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE must be 1 or equal "
            "TENSOR_PARALLEL_SIZE: change it, or remove it",
            id="a draft model on some of the GPUs",
        ),
        pytest.param(
            {"SPECULATIVE_MODEL": "org/draft", "TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA": "0.3"},
            "TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA: TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA needs "
            "SPEC_DECODING_ACCEPTANCE_METHOD typical_acceptance_sampler: set that, or remove "
            "TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA",
            id="a number of the other acceptance method",
        ),
        pytest.param(
            {"QUANTIZATION_PARAM_PATH": "/s.json"},
            "QUANTIZATION_PARAM_PATH: QUANTIZATION_PARAM_PATH holds scales of an fp8 KV cache: set KV_CACHE_DTYPE to "
            "fp8, or remove it",
            id="fp8 scales without fp8",
        ),
        pytest.param(
            {"QUANTIZATION": "awq", "DTYPE": "float32"},
            "QUANTIZATION: QUANTIZATION cannot run with DTYPE float32: remove DTYPE, or set it to half",
            id="quantized weights in full precision",
        ),
        pytest.param(
            {"MAX_NUM_BATCHED_TOKENS": "64", "MAX_NUM_SEQS": "128"},
            "MAX_NUM_BATCHED_TOKENS: MAX_NUM_BATCHED_TOKENS must be at least MAX_NUM_SEQS: raise it, or lower "
            "MAX_NUM_SEQS",
            id="fewer tokens than sequences in a step",
        ),
        pytest.param(
            {"MAX_NUM_BATCHED_TOKENS": "1024", "MAX_MODEL_LEN": "4096", "ENABLE_CHUNKED_PREFILL": "0"},
            "MAX_NUM_BATCHED_TOKENS: MAX_NUM_BATCHED_TOKENS must be at least MAX_MODEL_LEN while "
            "ENABLE_CHUNKED_PREFILL is off: raise it, or set ENABLE_CHUNKED_PREFILL to true",
            id="prompts that fit into no step",
        ),
        pytest.param(
            {"WORKER_USE_RAY": "1", "DISTRIBUTED_EXECUTOR_BACKEND": "mp"},
            "WORKER_USE_RAY: WORKER_USE_RAY means DISTRIBUTED_EXECUTOR_BACKEND ray, but that is mp: remove one of the "
            "two",
            id="two executors",
        ),
        pytest.param(
            {"RAY_WORKERS_USE_NSIGHT": "1"},
            "RAY_WORKERS_USE_NSIGHT: RAY_WORKERS_USE_NSIGHT needs DISTRIBUTED_EXECUTOR_BACKEND ray: set that, or "
            "remove RAY_WORKERS_USE_NSIGHT",
            id="a profiler of nothing",
        ),
        pytest.param(
            {"TOKENIZER": "a", "TOKENIZER_NAME": "b"},
            "TOKENIZER: TOKENIZER and TOKENIZER_NAME mean the same, with two values: remove one of the two",
            id="twins with two tokenizers",
        ),
        pytest.param(
            {"DISABLE_LOG_REQUESTS": "1", "DISABLE_LOGGING_REQUEST": "0"},
            "DISABLE_LOGGING_REQUEST: DISABLE_LOGGING_REQUEST and DISABLE_LOG_REQUESTS mean the same, with two values: "
            "remove one of the two",
            id="twins that log and do not",
        ),
        pytest.param(
            {"CUSTOM_CHAT_TEMPLATE": "{{ a }}", "CUSTOM_CHAT_TEMPLATE_FILE": "/t"},
            "CUSTOM_CHAT_TEMPLATE_FILE: CUSTOM_CHAT_TEMPLATE_FILE and CUSTOM_CHAT_TEMPLATE are two templates: remove "
            "one of the two",
            id="two templates",
        ),
        pytest.param(
            {"DEFAULT_MIN_BATCH_SIZE": "51"},
            "DEFAULT_MIN_BATCH_SIZE: DEFAULT_MIN_BATCH_SIZE may not be above DEFAULT_BATCH_SIZE, which is 50 where it "
            "is unset: lower it, or raise DEFAULT_BATCH_SIZE",
            id="batch sizes out of order",
        ),
        pytest.param(
            {"ENABLE_AUTO_TOOL_CHOICE": "1"},
            "ENABLE_AUTO_TOOL_CHOICE: ENABLE_AUTO_TOOL_CHOICE needs TOOL_CALL_PARSER: set it to the model's way of "
            "calling, as hermes",
            id="tools without a parser",
        ),
        pytest.param(
            {"TOOL_CALL_PARSER": "hermes"},
            "TOOL_CALL_PARSER: TOOL_CALL_PARSER has no effect without ENABLE_AUTO_TOOL_CHOICE: set that to true, or "
            "remove it",
            id="a parser without tools",
        ),
    ],
)
def test_a_broken_rule_says_what_to_change(environ: dict[str, str], sentence: str) -> None:
    assert broken(environ) == [sentence]


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"MAX_LORAS": "1", "LORA_DTYPE": "auto", "FULLY_SHARDED_LORAS": "0"}, id="documented defaults"),
        pytest.param({"SPEC_DECODING_ACCEPTANCE_METHOD": "rejection_sampler"}, id="the documented acceptance method"),
        pytest.param({"ENABLE_LORA": "1", "MAX_LORAS": "4", "MAX_CPU_LORAS": "4"}, id="as many in host memory"),
        pytest.param({"NGRAM_PROMPT_LOOKUP_MAX": "4", "NUM_SPECULATIVE_TOKENS": "4"}, id="drafts from the prompt"),
        pytest.param({"SPECULATIVE_MODEL": "org/draft"}, id="a draft model that knows its number of tokens"),
        pytest.param({"TOKENIZER": "a", "TOKENIZER_NAME": "a"}, id="twins that agree"),
        pytest.param({"DEFAULT_MIN_BATCH_SIZE": "60", "DEFAULT_BATCH_SIZE": "60"}, id="a minimum at the maximum"),
        pytest.param({"DISTRIBUTED_EXECUTOR_BACKEND": "ray", "WORKER_USE_RAY": "1"}, id="ray said twice"),
    ],
)
def test_what_makes_sense_is_accepted(environ: dict[str, str]) -> None:
    assert broken(environ) == []


def test_a_rule_is_not_held_against_a_value_that_could_not_be_read() -> None:
    (problem,) = broken({"ENABLE_LORA": "maybe", "MAX_LORAS": "2"})
    assert problem.startswith("ENABLE_LORA: expected 1 or 0")


def test_a_rule_names_fields_where_it_is_read_in_a_resource() -> None:
    for rule in rules.RULES:
        assert "_" not in rule.message.replace("typical_acceptance_sampler", "")
        assert rule.in_resource().variable.startswith(f"spec.{rule.group}.")


@given(environments())
def test_a_sound_environment_breaks_no_rule(environ: dict[str, str]) -> None:
    assert rules.broken(parse(environ)) == []
