"""Settings to the command line of vLLM's own server; `test_argv_engine.py` gives it to the real parsers."""

from pathlib import Path

import pytest

from contract.samples import environment
from llmworker_contract.argv import engine_args, files
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.codec import parse
from llmworker_contract.engines import names, profile
from llmworker_contract.limits import refused

GOLDEN = Path(__file__).parent / "golden"
ASKED = {
    "MODEL_NAME": "org/model",
    "MAX_MODEL_LEN": "2048",
    "ENFORCE_EAGER": "1",
    "TRUST_REMOTE_CODE": "0",
    "DEFAULT_BATCH_SIZE": "20",
    "OPENAI_SERVED_MODEL_NAME_OVERRIDE": "--odd",
    "HF_TOKEN": "hf_verysecret",
    "API_KEYS_FILE": "/etc/keys",
}
NGRAM = {"MODEL_NAME": "m", "NGRAM_PROMPT_LOOKUP_MAX": "4", "NUM_SPECULATIVE_TOKENS": "5"}


def options(name: str, **environ: str) -> list[str]:
    return engine_args(parse({"MODEL_NAME": "m"} | environ), profile(name))[1:]


def snapshot(name: str) -> str:
    """Each variable's sample and what it adds to, or takes from, the command line."""
    engine, lines = profile(name), [f"(nothing) {' '.join(options(name))}"]
    for variable in sorted(VARIABLES, key=lambda found: found.name):
        environ = environment(variable.name)
        if variable.name == "MODEL_NAME" or variable.secret:
            continue
        before = engine_args(parse({"MODEL_NAME": "org/model"}), engine)
        after = engine_args(parse(environ), engine)
        added = [option for option in after if option not in before]
        gone = [f"(not {option})" for option in before if option not in after]
        refusal = ["(refused)"] if refused(parse(environ), engine) else []
        lines.append(f"{variable.name}={environ[variable.name]} {' '.join([*added, *gone, *refusal])}".rstrip())
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", names())
def test_the_command_line_of_each_variable_is_as_the_golden_file_says(
    name: str, request: pytest.FixtureRequest
) -> None:
    golden = GOLDEN / f"argv-{name}.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(snapshot(name))
    assert snapshot(name) == golden.read_text()


def test_only_what_was_asked_for_on_an_image_that_is_not_documented() -> None:
    assert engine_args(parse(ASKED), profile("cpu")) == [
        "--model=org/model",
        "--max-model-len=2048",
        "--enforce-eager",
        "--served-model-name=--odd",
    ]


def test_documented_defaults_that_differ_from_the_engines_on_the_documented_image() -> None:
    found = options("stable-cuda12.1.0", DISABLE_LOG_REQUESTS="1")
    assert found == [
        "--enable-chunked-prefill=False",
        "--gpu-memory-utilization=0.95",
        "--disable-log-requests",
    ]


def test_a_stated_value_wins_over_the_documented_default() -> None:
    asked = {"GPU_MEMORY_UTILIZATION": "0.5", "ENABLE_CHUNKED_PREFILL": "1"}
    found = options("stable-cuda12.1.0", **asked)
    assert found[:2] == ["--enable-chunked-prefill=True", "--gpu-memory-utilization=0.5"]


@pytest.mark.parametrize(
    ("name", "environ", "limit"),
    [
        pytest.param("stable-cuda12.1.0", {}, "--max-log-len=0", id="an engine that logs by itself"),
        pytest.param("dev-cuda12.1.0", {"DISABLE_LOG_REQUESTS": "0"}, "--max-log-len=0", id="and is asked to"),
        pytest.param("dev-cuda12.1.0", {"DISABLE_LOGGING_REQUEST": "1"}, None, id="and is asked not to"),
        pytest.param("stable-cuda12.1.0", {"MAX_LOG_LEN": "8"}, "--max-log-len=8", id="a length that was asked for"),
        pytest.param("cpu", {}, None, id="an engine that logs none"),
        pytest.param("cpu", {"DISABLE_LOG_REQUESTS": "0"}, "--max-log-len=0", id="unless it is asked to"),
    ],
)
def test_prompts_are_logged_only_where_a_length_of_them_was_asked_for(
    name: str, environ: dict[str, str], limit: str | None
) -> None:
    assert [option for option in options(name, **environ) if option.startswith("--max-log-len")] == (
        [limit] if limit else []
    )


@pytest.mark.parametrize("name", names())
def test_no_option_is_unknown_to_the_engine_and_no_secret_is_in_it(name: str) -> None:
    engine = profile(name)
    for environ in (ASKED, *(environment(variable.name) for variable in VARIABLES)):
        argv = engine_args(parse(environ), engine)
        for option in argv:
            if option.startswith("--"):
                flag = option.split("=")[0].removeprefix("--").replace("-", "_")
                assert flag in engine.arguments or engine.arguments[flag.removeprefix("no_")].negatable
        assert "verysecret" not in " ".join(argv)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stable-cuda12.1.0", ["--speculative-model=[ngram]", "--num-speculative-tokens=5"]),
        ("cpu", ['--speculative-config={"method":"ngram","num_speculative_tokens":5,"prompt_lookup_max":4}']),
    ],
)
def test_drafts_from_the_prompt_need_no_model(name: str, expected: list[str]) -> None:
    for environ in (NGRAM, {**NGRAM, "SPECULATIVE_MODEL": "[ngram]"}):
        assert set(expected) <= set(engine_args(parse(environ), profile(name)))


@pytest.mark.parametrize("name", names())
def test_documented_defaults_written_out_start_no_speculation_and_no_lora(name: str) -> None:
    stated = {"SPEC_DECODING_ACCEPTANCE_METHOD": "rejection_sampler", "ENABLE_LORA": "0", "MAX_LORAS": "1"}
    argv = engine_args(parse({"MODEL_NAME": "m"} | stated), profile(name))
    assert not any(option.startswith(("--speculative", "--enable-lora")) for option in argv)


def test_a_list_of_words_is_followed_by_an_option() -> None:
    two = '[{"name":"a","path":"/a"},{"name":"b","path":"/b"}]'
    found = engine_args(parse({"MODEL_NAME": "m", "ENABLE_LORA": "1", "LORA_MODULES": two}), profile("cpu"))
    assert found[:4] == ["--lora-modules", '{"name":"a","path":"/a"}', '{"name":"b","path":"/b"}', "--model=m"]


def test_an_inline_template_goes_into_a_file() -> None:
    settings = parse({"MODEL_NAME": "m", "CUSTOM_CHAT_TEMPLATE": " {{ 'é' }}\\n "})
    assert files(settings) == {"chat-template.jinja": " {{ 'é' }}\\n "}
    assert "--chat-template=/scratch/chat-template.jinja" in engine_args(settings, profile("cpu"), "/scratch")


def test_a_template_file_is_passed_as_it_is() -> None:
    settings = parse({"MODEL_NAME": "m", "CUSTOM_CHAT_TEMPLATE_FILE": "/etc/t.jinja"})
    assert files(settings) == {}
    assert "--chat-template=/etc/t.jinja" in engine_args(settings, profile("cpu"))


@pytest.mark.parametrize(
    ("environ", "name", "options"),
    [
        pytest.param(
            {"ROPE_SCALING": '{"type":"linear","factor":2}'},
            "stable-cuda12.1.0",
            ['--rope-scaling={"factor":2.0,"rope_type":"linear"}'],
            id="the older key, and a whole factor",
        ),
        pytest.param(
            {"ROPE_SCALING": '{"type":"linear","factor":2}', "ROPE_THETA": "500000"},
            "cpu",
            ['--hf-overrides={"rope_parameters":{"factor":2.0,"rope_theta":500000.0,"rope_type":"linear"}}'],
            id="both in one dictionary",
        ),
        pytest.param(
            {"ROPE_THETA": "500000"},
            "cpu",
            ['--hf-overrides={"rope_parameters":{"rope_theta":500000.0,"rope_type":"default"}}'],
            id="a base alone",
        ),
    ],
)
def test_rotary_embedding(environ: dict[str, str], name: str, options: list[str]) -> None:
    assert set(options) <= set(engine_args(parse({"MODEL_NAME": "m"} | environ), profile(name)))


def test_an_unknown_profile_is_refused_with_those_that_exist() -> None:
    known = r"stable-cuda12\.1\.0, cpu, dev-cuda12\.1\.0, latest-cuda13\.0"
    with pytest.raises(KeyError, match=f"expected one of {known}"):
        profile("nightly")
