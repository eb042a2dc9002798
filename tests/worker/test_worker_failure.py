"""From an engine's log to a cause and a remedy."""

import re
import time

import pytest

from assets.engine_words import OF_SETTINGS, Words
from assets.engine_words_more import OF_GPUS, OF_MODELS, OF_SYSTEMS
from llmworker_server.failure import failure
from llmworker_server.signatures import SIGNATURES, WHILE_SERVING

ENGINE_WORDS = (*OF_SETTINGS, *OF_GPUS, *OF_MODELS, *OF_SYSTEMS)

# Each release's log before a failure, with all that looks like one and is none, and its wrappers after it.
STARTS = {
    "0.6.3": """\
WARNING 11-23 10:00:00 _custom_ops.py:19] Failed to import from vllm._C with ImportError('libcuda.so.1: cannot open
INFO 11-23 10:00:03 api_server.py:528] vLLM API server version 0.6.3.post1
INFO 11-23 10:00:03 api_server.py:529] args: Namespace(host='0.0.0.0', model='org/m', lora_modules=None)
WARNING 11-23 10:00:09 config.py:686] Possibly too large swap space. 16.00 GiB out of the 31.00 GiB total CPU memory
[W1123 10:00:10 socket.cpp:697] The client socket cannot be initialized to connect to [::ffff:10.0.0.7]:29500 (gai \
error: -2 - Name or service not known).
""",
    "0.8.5": """\
INFO 05-15 10:00:00 [__init__.py:239] Automatically detected platform cuda.
WARNING 05-15 10:00:03 [utils.py:2413] Found ulimit of 1024 and failed to automatically increase with error current \
limit exceeds maximum limit. This can cause fd limit errors like `OSError: [Errno 24] Too many open files`.
(VllmWorker rank=0 pid=77) WARNING 05-15 10:00:09 [ray_utils.py:343] The number of required GPUs exceeds the total \
number of available GPUs in the placement group.
""",
    "0.32": """\
W1124 14:09:32.144000 31080 torch/utils/flop_counter.py:29] triton not found; flop counting will not work
(APIServer pid=7) INFO 11-24 14:09:35 [api_utils.py:286] non-default args: {'model': 'org/m', 'enforce_eager': True}
'[Errno -3] Temporary failure in name resolution' thrown while requesting HEAD https://huggingface.co/org/m/config.json
Retrying in 1s [Retry 1/5].
(APIServer pid=7) WARNING 11-24 14:09:35 [system_utils.py:255] Found ulimit of 20000 and failed to automatically \
increase. This can cause fd limit errors like `OSError: [Errno 24] Too many open files`. Consider increasing
/opt/huggingface_hub/file_download.py:771: UserWarning: Not enough free disk space to download the file. The expected
(EngineCore pid=9) INFO 11-24 14:09:50 [core.py:402] init engine (profile, create kv cache, warmup) took 0.41 s
""",
}
ENDS = {
    "0.6.3": """\
Traceback (most recent call last):
  File "/opt/llmworker/lib/python3.10/site-packages/vllm/entrypoints/openai/api_server.py", line 195, in build
    raise RuntimeError(
RuntimeError: Engine process failed to start
""",
    "0.8.5": """\
Exception: WorkerProc initialization failed due to an exception in a background process.
RuntimeError: Engine process failed to start. See stack trace for the root cause.
""",
    "0.32": """\
(EngineCore pid=9) ERROR 11-24 14:06:02 [core.py:1510] Exception: WorkerProc initialization failed due to an exception
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
    For further information visit https://errors.pydantic.dev/2.14/v/value_error
""",
}


def log_of(release: str, text: str) -> list[str]:
    """A whole log: traceback lines have the process in front where the release puts it there."""
    prefix = {
        "0.6.3": "",
        "0.8.5": "ERROR 05-15 10:00:10 [core.py:396] ",
        "0.32": "(EngineCore pid=9) ERROR 1 [core.py:1] ",
    }
    words = [f"{prefix[release]}{line}" for line in ("Traceback (most recent call last):", *text.splitlines())]
    return [*STARTS[release].splitlines(), *words, *ENDS[release].splitlines()]


def named(words: Words) -> str:
    return f"{words.reason}, {words.source}"


@pytest.mark.parametrize("release", STARTS)
@pytest.mark.parametrize("words", ENGINE_WORDS, ids=named)
def test_the_cause_is_found_under_the_wrappers(words: Words, release: str) -> None:
    found = failure(log_of(release, words.text), 1)
    assert (found.reason, words.answer in f"{found.message} {found.remedy}") == (words.reason, True), found
    assert found.exit_code == 1
    assert "\n" not in str(found)


@pytest.mark.parametrize("release", STARTS)
def test_healthy_words_and_wrappers_are_no_cause(release: str) -> None:
    assert failure(log_of(release, "KeyError: 'rotary'"), 0).reason == "EngineFailed"


def test_every_signature_is_a_case_and_every_remedy_names_something_to_do() -> None:
    assert {signature.reason for signature in SIGNATURES} == {words.reason for words in ENGINE_WORDS}
    unused = [s for s in SIGNATURES if not any(s.pattern.search(words.text) for words in ENGINE_WORDS)]
    assert unused == []
    assert all(re.match(r"[A-Z]\w+ .*\.$", signature.remedy) for signature in SIGNATURES)


def test_a_word_that_is_missing_leaves_no_gap() -> None:
    found = [failure([words.text], 1) for words in ENGINE_WORDS]
    assert [each for each in found if re.search(r"  | \.|\(\)", f"{each.message} {each.remedy}")] == []


def test_a_cause_comes_before_the_death_that_it_led_to() -> None:
    lines = ["torch.OutOfMemoryError: CUDA out of memory. Tried", "EngineDeadError: EngineCore encountered an issue."]
    assert failure(lines, 0, served=True).reason == "OutOfMemory"


def test_what_once_ended_a_request_is_not_what_ended_an_engine_that_served() -> None:
    lines = ["ValueError: LoRA rank 64 is greater than max_lora_rank 16.", "INFO still serving"]
    assert failure(lines, 1).reason == "LoraRankTooHigh"
    assert failure(lines, -9, served=True).reason == "Killed"
    assert {signature.reason for signature in SIGNATURES} >= WHILE_SERVING


def test_what_a_client_wrote_is_neither_a_cause_nor_repeated() -> None:
    found = failure(["INFO Received request cmpl-1: prompt: 'CUDA out of memory'", "Bye"], 1)
    assert found.reason == "EngineFailed"
    assert "CUDA" not in found.message


def test_an_unknown_cause_keeps_the_engines_last_words_and_not_the_wrappers() -> None:
    found = failure(
        [*(f"line {n}" for n in range(100)), "KeyError: 'rotary'", "    ^^^^^", *ENDS["0.32"].splitlines()[1:]], 1
    )
    assert found.reason == "EngineFailed"
    assert "with code 1" in found.message
    assert found.message.endswith("line 99\nKeyError: 'rotary'")
    assert "line 80" not in found.message
    assert "line 99 | KeyError: 'rotary' Read the worker's log" in str(found)


@pytest.mark.parametrize(
    ("exit_code", "reason", "said"),
    [
        pytest.param(-9, "Killed", "memory limit", id="killed"),
        pytest.param(-7, "SharedMemoryTooSmall", "/dev/shm", id="bus error"),
        pytest.param(-11, "EngineFailed", "signal 11", id="crashed"),
        pytest.param(0, "EngineFailed", "code 0", id="ended as if all were well"),
    ],
)
def test_an_exit_code_decides_where_the_log_does_not(exit_code: int, reason: str, said: str) -> None:
    found = failure([], exit_code)
    assert found.reason == reason
    assert said in str(found)
    assert "It had written nothing" in found.message


@pytest.mark.parametrize("word", ["x", "[", "(", " ", "/dev/shm/", "NCCL error", "torch."])
def test_a_long_log_of_long_words_is_searched_in_no_time(word: str) -> None:
    started = time.monotonic()
    assert failure([word * (4000 // len(word))] * 1000, 1).reason == "EngineFailed"
    assert time.monotonic() - started < 5
