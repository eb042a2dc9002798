"""From an engine's log to a cause and a remedy."""

import time

import pytest

from llmworker_server.failure import failure
from llmworker_server.signatures import SIGNATURES

WRAPPER = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"

CASES = [
    pytest.param(
        "ValueError: To serve at least one request with the model's max seq len (2048), (0.5 GiB KV cache is needed,"
        " which is larger than the available KV cache memory (0.2 GiB). Based on the available memory, the estimated"
        " maximum model length is 640. Try increasing `gpu_memory_utilization`",
        "KvCacheTooSmall",
        "640",
        id="KV cache too small, 0.32",
    ),
    pytest.param(
        "ValueError: The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in"
        " KV cache (5120). Try increasing `gpu_memory_utilization`",
        "KvCacheTooSmall",
        "5120",
        id="KV cache too small, 0.6.3",
    ),
    pytest.param(
        "ValueError: To serve at least one request with the models's max seq len (8192), (4 GiB KV cache is needed,",
        "KvCacheTooSmall",
        "8192",
        id="KV cache too small, 0.8.5",
    ),
    pytest.param(
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`",
        "KvCacheTooSmall",
        "GPU_MEMORY_UTILIZATION",
        id="nothing left for the KV cache",
    ),
    pytest.param(
        "  Value error, User-specified max_model_len (9000) is greater than the derived max_model_len"
        " (max_position_embeddings=2048.0 or model_max_length=None in model's config.json).",
        "ContextTooLong",
        "2048",
        id="longer than the model",
    ),
    pytest.param(
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
        "OutOfMemory",
        "ENFORCE_EAGER",
        id="GPU memory full",
    ),
    pytest.param(
        "ValueError: Free memory on device cuda:0 (3.1/79.1 GiB) on startup is less than desired GPU memory"
        " utilization (0.9, 71.2 GiB).",
        "MemoryTaken",
        "3.1/79.1",
        id="GPU memory taken",
    ),
    pytest.param(
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: x)\n"
        "ValueError: Invalid repository ID or local directory specified: 'org/gated'",
        "ModelGated",
        "HF_TOKEN",
        id="gated, no token",
    ),
    pytest.param(
        "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: x)\n"
        "OSError: You are trying to access a gated repo.",
        "ModelForbidden",
        "licence",
        id="gated, no access",
    ),
    pytest.param(
        "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error.\n"
        "ValueError: No supported config format found in org/nothing",
        "ModelNotFound",
        "MODEL_NAME",
        id="unknown model",
    ),
    pytest.param(
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or"
        " 'namespace/repo_name': '/no/such/dir'. Use `repo_type` argument if needed.",
        "ModelNotFound",
        "/no/such/dir",
        id="folder missing",
    ),
    pytest.param(
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the"
        " specified revision on the local disk and outgoing traffic has been disabled.\n"
        "ValueError: Invalid repository ID or local directory specified: 'org/m'",
        "ModelNotCached",
        "HF_HUB_OFFLINE",
        id="offline",
    ),
    pytest.param(
        "ValueError: Model architectures ['FooForCausalLM'] are not supported for now. Supported architectures: dict",
        "UnknownArchitecture",
        "FooForCausalLM",
        id="unknown architecture",
    ),
    pytest.param(
        "ValueError: The checkpoint you are trying to load has model type `foo` but Transformers does not recognize"
        " this architecture.",
        "UnknownArchitecture",
        "foo",
        id="unknown model type",
    ),
    pytest.param(
        "api_server.py: error: argument --quantization/-q: invalid choice: 'squeezellm'",
        "BadArgument",
        "squeezellm",
        id="refused argument",
    ),
    pytest.param("OSError: [Errno 98] Address already in use", "PortInUse", "listens", id="port in use"),
    pytest.param(
        "ValueError: The repository org/m contains custom code which must be executed to correctly load the model.",
        "RemoteCodeNotTrusted",
        "TRUST_REMOTE_CODE",
        id="code of its own",
    ),
    pytest.param(
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
        "DriverTooOld",
        "newer driver",
        id="driver too old",
    ),
    pytest.param("OSError: [Errno 28] No space left on device", "DiskFull", "DOWNLOAD_DIR", id="disk full"),
    pytest.param("RuntimeError: Failed to infer device type", "NoGpu", "device plugin", id="no GPU"),
    pytest.param(
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.",
        "EngineDied",
        "died",
        id="died while serving",
    ),
]


@pytest.mark.parametrize(("log", "reason", "named"), CASES)
def test_the_cause_is_found_under_the_wrappers(log: str, reason: str, named: str) -> None:
    lines = ["INFO start", *(f"(EngineCore pid=9) ERROR [core.py:1] {line}" for line in log.splitlines()), WRAPPER]
    found = failure(lines, 1)
    assert found.reason == reason
    assert named in str(found)
    assert found.exit_code == 1


def test_a_cause_comes_before_the_death_that_it_led_to() -> None:
    lines = ["torch.OutOfMemoryError: CUDA out of memory. Tried", "EngineDeadError: EngineCore encountered an issue."]
    assert failure(lines, 0).reason == "OutOfMemory"


def test_words_of_a_healthy_log_are_no_cause() -> None:
    lines = [
        "WARNING This can cause fd limit errors like `OSError: [Errno 24] Too many open files`.",
        "WARNING Failed to import from vllm._C with ImportError('libcuda.so.1: cannot open shared object file')",
    ]
    assert failure(lines, 0).reason == "EngineFailed"


def test_what_a_client_wrote_is_neither_a_cause_nor_repeated() -> None:
    found = failure(["INFO Received request cmpl-1: prompt: 'CUDA out of memory'", "Bye"], 1)
    assert found.reason == "EngineFailed"
    assert "CUDA" not in found.message


def test_an_unknown_cause_keeps_the_engines_last_words_and_not_the_wrappers() -> None:
    found = failure([*(f"line {n}" for n in range(100)), "KeyError: 'rotary'", "", WRAPPER], 1)
    assert found.reason == "EngineFailed"
    assert "with code 1" in found.message
    assert found.message.endswith("line 99\nKeyError: 'rotary'")
    assert "line 80" not in found.message


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


def test_a_long_log_of_long_words_is_searched_in_no_time() -> None:
    started = time.monotonic()
    assert failure(["x" * 4000] * 1000, 1).reason == "EngineFailed"
    assert time.monotonic() - started < 5


def test_every_signature_is_a_case_here() -> None:
    covered = {case.values[1] for case in CASES}
    assert {signature.reason for signature in SIGNATURES} == covered
