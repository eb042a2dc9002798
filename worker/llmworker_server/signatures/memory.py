"""Memory that is not there: the GPU's, the container's, and what processes share."""

from typing import Final

from llmworker_server.signatures.signature import signatures

_SHORTER: Final = "or raise GPU_MEMORY_UTILIZATION, set KV_CACHE_DTYPE=fp8, or use more or larger GPUs."
_ASKED: Final = r"To serve at least one request with the models?'?s max seq len \((?P<asked>\d+)\)"
_LARGEST: Final = "The KV cache has no room for a context of {asked} tokens; the largest that fits is {largest}."
_FREE_IT: Final = "Free it, or lower GPU_MEMORY_UTILIZATION; on a CPU bound the KV cache by VLLM_CPU_KVCACHE_SPACE."

SIGNATURES: Final = signatures(
    (
        "KvCacheTooSmall",
        rf"{_ASKED}.*estimated maximum model length is (?P<largest>\d+)",
        _LARGEST,
        f"Set MAX_MODEL_LEN to at most {{largest}}, {_SHORTER}",
    ),
    (
        "KvCacheTooSmall",
        r"The model's max seq len \((?P<asked>\d+)\) is larger than the maximum number of tokens "
        r"that can be stored in KV cache \((?P<largest>\d+)\)",
        _LARGEST,
        f"Set MAX_MODEL_LEN to at most {{largest}}, {_SHORTER}",
    ),
    (
        "KvCacheTooSmall",
        _ASKED,
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
        "OutOfMemory",
        r"CUDA out of memory",
        "The GPU's memory is full.",
        "Lower MAX_MODEL_LEN or MAX_NUM_SEQS, set ENFORCE_EAGER=1, or use more or larger GPUs.",
    ),
    (
        "MemoryTaken",
        r"(?:Free memory on device|Available memory on node) (?P<detail>.{0,120}?) on startup is less than",
        "Something else holds the memory that the engine wants ({detail} free).",
        _FREE_IT,
    ),
    (
        "MemoryTaken",
        r"Error in memory profiling\.",
        "Something else took or freed memory of the GPU while the engine measured it.",
        _FREE_IT,
    ),
    (
        "SwapSpaceTooLarge",
        r"Too large swap space\. (?P<asked>[\d.]+) GiB out of the (?P<there>[\d.]+) GiB",
        "The swap space of all GPUs together is {asked} GiB of the {there} GiB of memory.",
        "Lower SWAP_SPACE, which counts for each GPU.",
    ),
    (
        "SharedMemoryTooSmall",
        # Python's and vLLM's own words, and NCCL's when it cannot grow its segment.
        r"No space left on device.{0,40}/dev/shm|/dev/shm/.{0,120}No space left on device"
        r"|failed to extend /dev/shm/nccl|Error while creating shared memory segment /dev/shm",
        "The memory that the engine's processes share, /dev/shm, is too small.",
        "Raise spec.gpu.sharedMemory; elsewhere give the container a larger /dev/shm.",
    ),
)
