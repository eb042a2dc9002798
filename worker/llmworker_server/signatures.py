"""What failing engines say, and what to do about each: data for `failure.py`, most specific first.

The texts are those of vLLM 0.6.3.post1, 0.8.5.post1 and 0.32.0 and of the libraries under them. Where a wrapper's
words follow a cause's, the cause comes first here. A pattern matches within one line.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Signature:
    """One cause. Message and remedy may name the pattern's groups."""

    reason: str
    pattern: re.Pattern[str]
    message: str
    remedy: str


_SHORTER: Final = "or raise GPU_MEMORY_UTILIZATION, set KV_CACHE_DTYPE=fp8, or use more or larger GPUs."
_NAME: Final = "Correct MODEL_NAME; for a private model set HF_TOKEN; for a folder, mount it."

SIGNATURES: Final = tuple(
    Signature(reason, re.compile(pattern), message, remedy)
    for reason, pattern, message, remedy in (
        (
            "BadArgument",
            r"api_server(?:\.py)?: error: (?P<detail>.+)",
            "The engine refuses its command line: {detail}.",
            "Correct or remove the setting that it names; starting again does not help.",
        ),
        (
            "KvCacheTooSmall",
            r"To serve at least one request with the models?'?s max seq len \((?P<asked>\d+)\)"
            r".*estimated maximum model length is (?P<largest>\d+)",
            "The KV cache has no room for a context of {asked} tokens; the largest that fits is {largest}.",
            f"Set MAX_MODEL_LEN to at most {{largest}}, {_SHORTER}",
        ),
        (
            "KvCacheTooSmall",
            r"The model's max seq len \((?P<asked>\d+)\) is larger than the maximum number of tokens "
            r"that can be stored in KV cache \((?P<largest>\d+)\)",
            "The KV cache has no room for a context of {asked} tokens; the largest that fits is {largest}.",
            f"Set MAX_MODEL_LEN to at most {{largest}}, {_SHORTER}",
        ),
        (
            "KvCacheTooSmall",
            r"To serve at least one request with the models?'?s max seq len \((?P<asked>\d+)\)",
            "The KV cache has no room for a context of {asked} tokens.",
            f"Lower MAX_MODEL_LEN, {_SHORTER}",
        ),
        (
            "KvCacheTooSmall",
            r"No available memory for the cache blocks",
            "The weights leave no memory for the KV cache.",
            "Raise GPU_MEMORY_UTILIZATION, use a smaller or quantized model, or more or larger GPUs.",
        ),
        (
            "ContextTooLong",
            r"User-specified max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
            r"\([^)\d]*(?P<largest>\d+)",
            "MAX_MODEL_LEN is {asked}, but the model was made for {largest} tokens.",
            "Set MAX_MODEL_LEN to at most {largest}, or leave it out.",
        ),
        (
            "OutOfMemory",
            r"CUDA out of memory",
            "The GPU's memory is full.",
            "Lower MAX_MODEL_LEN or MAX_NUM_SEQS, set ENFORCE_EAGER=1, or use more or larger GPUs.",
        ),
        (
            "MemoryTaken",
            r"(?:Free memory on device|Available memory on node) (?P<detail>.{0,120}?) on startup is less than",
            "Something else holds the memory that the engine wants ({detail} free).",
            "Free it, or lower GPU_MEMORY_UTILIZATION; on a CPU bound the KV cache by VLLM_CPU_KVCACHE_SPACE.",
        ),
        (
            "ModelForbidden",
            r"GatedRepoError: 403|and you are not in the authorized list",
            "The model is gated, and the account of HF_TOKEN has no access to it.",
            "Accept the model's licence on the hub with that account.",
        ),
        (
            "ModelGated",
            r"GatedRepoError|You are trying to access a gated repo",
            "The model is gated, and no valid token was given.",
            "Set HF_TOKEN to the token of an account that has accepted the model's licence.",
        ),
        (
            "ModelNotFound",
            r"(?<!\S)(?P<detail>\S{1,256}) is not a local folder and is not a valid model identifier",
            "There is no model {detail}, or it is private.",
            _NAME,
        ),
        (
            "ModelNotFound",
            r"RepositoryNotFoundError",
            "The hub knows no such model, or it is private.",
            _NAME,
        ),
        (
            "ModelNotCached",
            r"LocalEntryNotFoundError|outgoing traffic has been disabled|OfflineModeIsEnabled",
            "The model is not on this machine, and the hub may not be asked (HF_HUB_OFFLINE) or is out of reach.",
            "Unset HF_HUB_OFFLINE, open the way to the hub, or mount the model and name its folder.",
        ),
        (
            "ModelNotFound",
            r"HFValidationError: Repo id must .*?: '(?P<detail>[^']*)'",
            "{detail} is neither a folder in the container nor a name that a hub can have.",
            _NAME,
        ),
        (
            "ModelNotFound",
            r"(?:Invalid repository ID or local directory specified: |No supported config format found in )"
            r"(?P<detail>\S+)",
            "There is no usable model at {detail}.",
            _NAME,
        ),
        (
            "UnknownArchitecture",
            r"Model architectures (?P<detail>\[.*?\]) (?:are not supported|failed to be inspected)",
            "This vLLM does not know the architecture {detail}.",
            "Use an image with a newer vLLM, or another model.",
        ),
        (
            "UnknownArchitecture",
            r"has model type `(?P<detail>[^`]*)` but Transformers does not recognize",
            "This vLLM's transformers does not know the model type {detail}.",
            "Use an image with a newer vLLM, or another model.",
        ),
        (
            "RemoteCodeNotTrusted",
            r"contains custom code which must be executed|requires you to execute the configuration file in that",
            "The model brings code of its own, which is not trusted.",
            "Review that code, then set TRUST_REMOTE_CODE=1.",
        ),
        (
            "DriverTooOld",
            r"NVIDIA driver on your system is too old|CUDA driver version is insufficient",
            "The node's NVIDIA driver is older than this image's CUDA needs.",
            "Use an image for an older CUDA, or a node with a newer driver.",
        ),
        (
            "NoGpu",
            r"Failed to infer device type|Found no NVIDIA driver|No CUDA GPUs are available",
            "The container sees no GPU.",
            "Ask for a GPU in the resource, and see that the node's device plugin offers one.",
        ),
        (
            "DiskFull",
            r"No space left on device",
            "The disk is full.",
            "Give the model cache a larger volume, or set DOWNLOAD_DIR to one.",
        ),
        (
            "PortInUse",
            r"\[Errno 98\]",
            "Another process listens on the engine's port.",
            "Nothing else may listen there in the pod; after a restart the port is free within a minute.",
        ),
        (
            "EngineDied",
            r"EngineDeadError|EngineCore encountered an issue|Background loop has errored already"
            r"|Engine core proc \S+ died|Worker proc \S+ died",
            "The engine died while its server ran.",
            "The worker starts again by itself; if it repeats, read the log before the first EngineDeadError.",
        ),
    )
)
