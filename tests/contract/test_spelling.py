"""What is said of names that no setting has."""

import pytest

from llmworker_contract.catalogue import NAMES
from llmworker_contract.spelling import ERA, MISSPELT, REFUSED, RETIRED, UNKNOWN, doubt


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("MAX_MODEL_LENGTH", "MAX_MODEL_LEN"),
        ("DISABLE_LOG_REQUEST", "DISABLE_LOG_REQUESTS"),
        ("TENSOR_PARALLELSIZE", "TENSOR_PARALLEL_SIZE"),
        ("max_num_seqs", "MAX_NUM_SEQS"),
    ],
)
def test_a_name_that_can_only_be_misspelt_is_told_with_the_one_that_was_meant(wrong: str, meant: str) -> None:
    found = doubt(wrong)
    assert found is not None
    assert (found.reason, found.message) == (
        MISSPELT,
        f"{wrong} is not read by a worker: did you mean {meant}? Correct or remove it",
    )


@pytest.mark.parametrize(
    "name",
    """PATH HOME HF_HOME HF_TOKEN_PATH HF_HUB_OFFLINE VLLM_USE_V1 VLLM_ATTENTION_BACKEND TOKENIZERS_PARALLELISM
    NCCL_DEBUG CUDA_VISIBLE_DEVICES OMP_NUM_THREADS TORCH_COMPILE_DISABLE TORCHINDUCTOR_CACHE_DIR
    PYTORCH_CUDA_ALLOC_CONF RAY_DEDUP_LOGS HTTP_PROXY https_proxy NO_PROXY SSL_CERT_FILE AWS_ACCESS_KEY_ID LD_PRELOAD
    PYTHONUNBUFFERED TZ""".split(),
)
def test_a_library_s_variable_is_in_no_doubt(name: str) -> None:
    assert doubt(name) is None


@pytest.mark.parametrize("name", [*sorted(NAMES), *REFUSED])
def test_what_is_told_elsewhere_is_not_told_here(name: str) -> None:
    assert doubt(name) is None


@pytest.mark.parametrize("name", sorted(ERA))
def test_what_workers_of_the_documents_era_read_is_told_with_what_to_do(name: str) -> None:
    found = doubt(name)
    assert found is not None
    assert (found.reason, ERA[name] in found.message) == (RETIRED, True)


def test_what_nobody_is_known_to_read_is_told_with_the_nearest_of_ours_if_there_is_one() -> None:
    near, far = doubt("MODEL"), doubt("ZQX")
    assert near is not None
    assert far is not None
    assert (near.reason, far.reason) == (UNKNOWN, UNKNOWN)
    assert "MODEL_NAME is the nearest" in near.message
    assert "nearest" not in far.message
