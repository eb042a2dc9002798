"""What becomes of each variable in each profile."""

import pytest

from llmworker_contract.catalogue import BY_NAME, VARIABLES
from llmworker_contract.codec import parse
from llmworker_contract.engines import names, profile
from llmworker_contract.verdicts import not_honoured, verdict


@pytest.mark.parametrize(
    ("variable", "name", "kind", "words"),
    [
        ("MAX_MODEL_LEN", "stable-cuda12.1.0", "honoured", "--max-model-len"),
        ("DEFAULT_BATCH_SIZE", "cpu", "honoured", "by the worker"),
        ("HF_TOKEN", "cpu", "honoured", "never on a command line"),
        ("CUSTOM_CHAT_TEMPLATE", "cpu", "honoured", "--chat-template, by a file"),
        ("SPECULATIVE_MODEL", "stable-cuda12.1.0", "honoured", "--speculative-model"),
        ("SPECULATIVE_MODEL", "dev-cuda12.1.0", "translated", "the key model of --speculative-config"),
        ("SPECULATIVE_DISABLE_BY_BATCH_SIZE", "dev-cuda12.1.0", "translated", "the key disable_by_batch_size"),
        ("SPECULATIVE_DISABLE_BY_BATCH_SIZE", "latest-cuda13.0", "no effect", "since 0.17.0: there is no such switch"),
        ("GUIDED_DECODING_BACKEND", "latest-cuda13.0", "translated", "the key backend of --structured-outputs-config"),
        ("WORKER_USE_RAY", "dev-cuda12.1.0", "translated", "--distributed-executor-backend=ray"),
        ("DISABLE_LOG_REQUESTS", "cpu", "translated", "--enable-log-requests, turned round"),
        ("STREAM_INTERVAL", "cpu", "honoured", "--stream-interval"),
        ("STREAM_INTERVAL", "latest-cuda13.0", "honoured", "--stream-interval"),
        (
            "STREAM_INTERVAL",
            "stable-cuda12.1.0",
            "no effect",
            "vLLM 0.6.3.post1 has no --stream-interval: remove it, or",
        ),
        ("STREAM_INTERVAL", "dev-cuda12.1.0", "no effect", "vLLM 0.8.5.post1 has no --stream-interval: remove it, or"),
        ("SWAP_SPACE", "cpu", "no effect", "vLLM 0.32.0 has no --swap-space since 0.18.0: preempted requests are"),
        ("LONG_LORA_SCALING_FACTORS", "stable-cuda12.1.0", "no effect", "remove it"),
        ("PREEMPTION_CHECK_PERIOD", "stable-cuda12.1.0", "never had effect", "no vLLM ever had it"),
        ("PREEMPTION_CPU_CAPACITY", "latest-cuda13.0", "never had effect", "SWAP_SPACE"),
    ],
)
def test_verdicts(variable: str, name: str, kind: str, words: str) -> None:
    judged = verdict(BY_NAME[variable], profile(name))
    assert (judged.verdict, words in judged.detail) == (kind, True), judged


@pytest.mark.parametrize("name", names())
def test_what_has_no_effect_says_why_and_what_to_do(name: str) -> None:
    for variable in VARIABLES:
        judged = verdict(variable, profile(name))
        if judged.verdict in {"no effect", "never had effect"}:
            assert ":" in judged.detail, variable.name
            assert any(word in judged.detail for word in ("remove it", "use ", "set ", "choose")), variable.name


@pytest.mark.parametrize("name", names())
def test_a_documented_default_that_is_not_applied_has_its_reason_in_the_verdict(name: str) -> None:
    engine = profile(name)
    assert engine.engine_defaults <= engine.notes.keys()
    for argument in engine.engine_defaults:
        (variable,) = [v for v in VARIABLES if v.engine_argument == argument]
        assert engine.notes[argument] in verdict(variable, engine).detail


def test_what_is_set_and_not_simply_honoured_is_listed() -> None:
    settings = parse({"MODEL_NAME": "m", "SWAP_SPACE": "8", "WORKER_USE_RAY": "1", "SEED": "1"})
    found = {variable.name: judged.verdict for variable, judged in not_honoured(settings, profile("cpu"))}
    assert found == {"WORKER_USE_RAY": "translated", "SWAP_SPACE": "no effect"}


def test_the_documented_image_honours_all_but_a_few() -> None:
    stable = profile("stable-cuda12.1.0")
    lost = {v.name for v in VARIABLES if v.documented and verdict(v, stable).verdict != "honoured"}
    assert lost <= {
        "LONG_LORA_SCALING_FACTORS",
        "PREEMPTION_CHECK_PERIOD",
        "PREEMPTION_CPU_CAPACITY",
        "USE_V2_BLOCK_MANAGER",
        "QUANTIZATION_PARAM_PATH",
        "MAX_PARALLEL_LOADING_WORKERS",
    }
