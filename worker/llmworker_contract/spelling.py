"""Names that no setting has: misspelt ones, those that only workers of the document's era read, and the libraries' own.

None of them is refused for that: a library that nobody here knows of may read it. They are told.
"""

import difflib
from dataclasses import dataclass
from typing import Final

from llmworker_contract.catalogue import NAMES

_ALIKE: Final = 0.86
"""How alike two names must be, from 0 to 1. MAX_MODEL_LENGTH and MAX_MODEL_LEN are 0.90; HF_TOKEN_PATH, which
the hub's client reads, and HF_TOKEN are 0.76. Of the 1,100 variables that vLLM, torch, transformers and the hub's
client read, none is so much like one of ours."""

ERA: Final = {
    "BASE_PATH": "set spec.cache; HF_HOME follows it",
    "DEVICE": "choose the engine profile: spec.image.profile",
    "MAX_CONTEXT_LEN_TO_CAPTURE": "use MAX_SEQ_LEN_TO_CAPTURE",
    "ENABLE_PROMPT_ADAPTER": "serve a LoRA adapter: LORA_MODULES",
    "MAX_PROMPT_ADAPTERS": "serve LoRA adapters: LORA_MODULES and MAX_LORAS",
    "MAX_PROMPT_ADAPTER_TOKEN": "serve a LoRA adapter: LORA_MODULES",
    "IGNORE_PATTERNS": "keep the files out of the model's folder",
    "QLORA_ADAPTER_NAME_OR_PATH": "use LORA_MODULES",
    "DISABLE_LOGPROBS_DURING_SPEC_DECODING": "remove it",
    "OTLP_TRACES_ENDPOINT": "remove it",
}
"""What workers of the document's era read beside the document, and what to do instead."""

REFUSED: Final = {
    "VLLM_API_KEY": "vLLM would guard some paths only, and refuse keys that were rotated: put the keys into a file, "
    "one a line, and name it in API_KEYS_FILE; in a resource into a Secret, named in spec.serving.apiKeysSecretRef",
}
"""What the engine would read and this worker must not let it, and what to do instead: to drop it in silence would
open the service."""


_LIBRARIES: Final = tuple(
    "HF_ HUGGINGFACE_ HUGGING_FACE_ TRANSFORMERS_ TOKENIZERS_ SAFETENSORS_ ACCELERATE_ MODELSCOPE_ TIKTOKEN_ RUNAI_ "
    "VLLM_ LMCACHE_ MOONCAKE_ NIXL_ FLASHINFER_ OUTLINES_ XGRAMMAR_ LLGUIDANCE_ FLA_ QUACK_ AITER_ CUTLASS_ CUTEDSL_ "
    "TORCH PYTORCH_ ATEN_ AOT TRITON_ INDUCTOR_ KINETO_ XLA_ JAX_ TF_ NUMBA_ OMP_ KMP_ GOMP_ MKL_ OPENBLAS_ NUMEXPR_ "
    "NCCL_ UCX_ GLOO_ FI_ NVSHMEM_ NVTE_ CUDA CUDNN_ CUBLAS NVIDIA_ NVCC_ HIP_ HSA_ ROCM_ ROCR_ MIOPEN_ RCCL_ AMD_ "
    "ONEAPI_ ZE_ XPU_ CCL_ RAY_ MASTER_ LOCAL_ PYTHON LD_ MALLOC_ SSL_CERT_ LC_ XDG_ KUBERNETES_ "
    "AWS_ S3_ GOOGLE_ GCS_ AZURE_ OTEL_ PROMETHEUS_ UVICORN_ AIOHTTP_ TQDM_ TENSORBOARD_ MLFLOW_ WANDB_ SENTRY_".split()
)
"""Beginnings of the names, in capitals, that libraries in the worker image read. By them and `_SYSTEM`, 713 of
the 851 names are known that the Python of vLLM 0.32.0, torch, transformers and the hub's client reads; the rest is
mostly of their tests and of hosted services."""

_SYSTEM: Final = frozenset(
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY REQUESTS_CA_BUNDLE CURL_CA_BUNDLE PATH HOME USER LOGNAME HOSTNAME LANG "
    "TZ TERM TMPDIR SHELL CC CXX MAX_JOBS RANK WORLD_SIZE DO_NOT_TRACK NO_COLOR FORCE_COLOR".split()
)
"""Single names that the system and many programs read, in capitals."""

MISSPELT: Final = "MisspeltVariable"
"""So like one of ours that it can only be a typo."""

RETIRED: Final = "RetiredVariable"
"""Read by workers of the document's era, and by none of ours."""

UNKNOWN: Final = "UnknownVariable"
"""Neither one of ours nor of a library that is known here."""


@dataclass(frozen=True)
class Doubt:
    """Why a variable may not do what was meant."""

    reason: str
    """MISSPELT, RETIRED or UNKNOWN."""
    message: str
    """Why, and what to do."""


def doubt(name: str) -> Doubt | None:
    """What there is to say of a variable that no setting has and that is passed on as it is."""
    if name in NAMES or name in REFUSED:
        return None
    if name in ERA:
        return Doubt(RETIRED, f"{name} is not read by a worker: {ERA[name]}")
    meant = nearest(name)
    if meant:
        return Doubt(MISSPELT, f"{name} is not read by a worker: did you mean {meant}? Correct or remove it")
    if name.upper().startswith(_LIBRARIES) or name.upper() in _SYSTEM:
        return None
    near = difflib.get_close_matches(name.upper(), NAMES, n=1)
    hint = f"; of the worker's own, {near[0]} is the nearest" if near else ""
    return Doubt(
        UNKNOWN,
        f"{name} is not read by a worker, nor by a library that is known here{hint}. It reaches the container as it is",
    )


def nearest(name: str) -> str | None:
    """The name of ours that was meant, if `name` is so much like it that it can only be a typo."""
    if name in NAMES or name in ERA or name in REFUSED:
        return None
    found = difflib.get_close_matches(name.upper(), NAMES, n=1, cutoff=_ALIKE)
    return found[0] if found else None
