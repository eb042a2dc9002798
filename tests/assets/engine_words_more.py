"""What engines say that fail of their GPU, their model or their image, word for word; see `engine_words`."""
# ruff: noqa: E501 - a quotation is not broken

from typing import Final

from assets.engine_words import Words

OF_GPUS: Final = (
    Words(
        "QuantizationNotSupported",
        "quantization awq needs a GPU of compute capability 75, and this one has 70",
        "A model_executor/model_loader/loader.py:107, B config.py:3806, C config/vllm.py:902, D :932",
        "ValueError: The quantization method awq is not supported for the current GPU. Minimum capability: 75. Current"
        " capability: 70.",
    ),
    Words(
        "QuantizationNotSupported",
        "The model's quantization needs a GPU of compute capability 89, and this one has 80",
        "C and D model_executor/layers/quantization/compressed_tensors/compressed_tensors.py:411",
        "RuntimeError: Quantization scheme is not supported for the current GPU. Min capability: 89. Current capability: 80.",
    ),
    Words(
        "HeadSizeNotSupported",
        "head size 32 (PagedAttention)",
        "A attention/backends/xformers.py:443; run A",
        "ValueError: Head size 32 is not supported by PagedAttention. Supported head sizes are: [64, 80, 96, 112, 120].",
    ),
    Words(
        "HeadSizeNotSupported",
        "head size 36 (FlashAttention)",
        "A attention/backends/flash_attn.py:547, B v1/attention/backends/flash_attn.py:499; run B",
        "ValueError: Head size 36 is not supported by FlashAttention. Supported head sizes are: [32, 64]. Set VLLM_USE_V1=0",
    ),
    Words(
        "HeadSizeNotSupported",
        "head size 36 on NVIDIA L4",
        "C platforms/cuda.py:471, D :473",
        "ValueError: No valid attention backend found for NVIDIA L4 with AttentionSelectorConfig(head_size=36, dtype=x)."
        " Reasons: {FLASH_ATTN: [head_size not supported]}.",
    ),
    Words(
        "GpuNotSupported",
        "another GPU",
        "libcudart.so.12 of A and B, by torch",
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    ),
    Words(
        "DriverTooOld",
        "newer driver",
        "torch 2.4.0 and 2.6.0, libc10_cuda.so",
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver",
    ),
    Words(
        "DriverTooOld",
        "older CUDA",
        "libcudart.so.12 of A and B",
        "RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version",
    ),
    Words(
        "NcclFailed",
        "NCCL_DEBUG=INFO",
        "libnccl.so.2 of A and B, by torch",
        "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.hpp:275, unhandled system error (run with NCCL_DEBUG"
        "=INFO for details), NCCL version 2.20.5",
    ),
    Words("NoGpu", "device plugin", "A config.py:1091; run A", "RuntimeError: Failed to infer device type"),
    Words(
        "NoGpu",
        "device plugin",
        "B config.py:2120, C config/device.py:56; run B",
        "RuntimeError: Failed to infer device type, please set the environment variable `VLLM_LOGGING_LEVEL=DEBUG` to",
    ),
    Words(
        "NoGpu",
        "device plugin",
        "torch; run A, B",
        "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a",
    ),
    Words("NoGpu", "device plugin", "libc10_cuda.so of A and B", "RuntimeError: No CUDA GPUs are available"),
    Words(
        "GpuError",
        "an illegal memory access was encountered",
        "libcudart.so.12 of A and B, by torch",
        "RuntimeError: CUDA error: an illegal memory access was encountered",
    ),
)

OF_MODELS: Final = (
    Words(
        "ModelGated",
        "HF_TOKEN",
        "the hub's client; run A, B, C",
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: x)\n"
        "ValueError: Invalid repository ID or local directory specified: 'org/gated'",
    ),
    Words(
        "ModelForbidden",
        "licence",
        "the hub's client; run A, B, C",
        "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: x)\n"
        "OSError: You are trying to access a gated repo.",
    ),
    Words(
        "RevisionNotFound",
        "MODEL_REVISION",
        "transformers of A utils/hub.py:434, B :464, C and D :577",
        "OSError: v9 is not a valid git identifier (branch name, tag name or commit id) that exists for this model name.",
    ),
    Words(
        "ModelNotFound",
        "The hub knows no such model",
        "the hub's client, then A config.py:168; run A",
        "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error.\n"
        "ValueError: No supported config format found in org/nothing",
    ),
    Words(
        "ModelNotFound",
        "no usable model at 'org/nothing'",
        "B transformers_utils/config.py:290; run B",
        "ValueError: Invalid repository ID or local directory specified: 'org/nothing'",
    ),
    Words(
        "ModelNotFound",
        "There is no model org/unknown",
        "transformers of A utils/hub.py:427, B :457, C and D :570; run C",
        "OSError: org/unknown is not a local folder and is not a valid model identifier listed on 'https://huggingface.co'",
    ),
    Words(
        "ModelNotFound",
        "/no/such/dir is neither a folder",
        "the hub's client; run A, B, C",
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name':"
        " '/no/such/dir'. Use `repo_type` argument if needed.\n"
        "ValueError: Invalid repository ID or local directory specified: '/no/such/dir'",
    ),
    Words(
        "HubUnreachable",
        "HTTPS_PROXY",
        "the hub's client; run C",
        "httpx2.ConnectError: [Errno -2] Name or service not known\n"
        "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub and"
        " we cannot find the requested files in the local cache. Please check your connection and try again\n"
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files",
    ),
    Words(
        "HubUnreachable",
        "cannot be reached",
        "requests, under the hub's client of A and B",
        "requests.exceptions.ConnectionError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max"
        " retries exceeded (Caused by NameResolutionError(Failed to resolve 'huggingface.co'))\"), '(Request ID: x)')\n"
        "ValueError: No supported config format found in org/m",
    ),
    Words(
        "ModelNotCached",
        "HF_HUB_OFFLINE",
        "the hub's client; run C",
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the"
        " specified revision on the local disk and outgoing traffic has been disabled.",
    ),
    Words(
        "ModelNotCached",
        "HF_HUB_OFFLINE",
        "the hub's client; run A",
        "huggingface_hub.errors.OfflineModeIsEnabled: Cannot reach https://huggingface.co/api/models/org/m: offline mode is"
        " enabled.",
    ),
    Words(
        "ModelNotCached",
        "HF_HUB_OFFLINE",
        "transformers of A utils/hub.py:447, B :492, C and D :621",
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached",
    ),
    Words(
        "UnknownArchitecture",
        "FooForCausalLM",
        "A model_executor/models/registry.py:318, B :420, C :1206; run A, C",
        "ValueError: Model architectures ['FooForCausalLM'] are not supported for now. Supported architectures: dict",
    ),
    Words(
        "UnknownArchitecture",
        "FooForCausalLM",
        "B model_executor/models/registry.py:416, C :1182",
        "ValueError: Model architectures ['FooForCausalLM'] failed to be inspected. Please check the logs",
    ),
    Words(
        "UnknownArchitecture",
        "model type foo",
        "transformers; run A, B, C",
        "KeyError: 'foo'\nValueError: The checkpoint you are trying to load has model type `foo` but Transformers does not"
        " recognize this architecture.",
    ),
    Words(
        "RemoteCodeNotTrusted",
        "TRUST_REMOTE_CODE",
        "transformers, then A config.py:195, B :337; run A, B",
        "ValueError: Loading org/m requires you to execute the configuration file in that repo on your local machine.\n"
        "RuntimeError: Failed to load the model config. If the model is a custom model not yet available",
    ),
    Words(
        "RemoteCodeNotTrusted",
        "TRUST_REMOTE_CODE",
        "transformers of C; run C",
        "ValueError: The repository org/m contains custom code which must be executed to correctly load the model.",
    ),
    Words(
        "RemoteCodeNotTrusted",
        "TRUST_REMOTE_CODE",
        "A transformers_utils/tokenizer.py:153, B :235, C tokenizers/hf.py:198, D :200",
        "RuntimeError: Failed to load the tokenizer. If the tokenizer is a custom tokenizer not yet available in the",
    ),
    Words(
        "PackageMissing",
        "not in this image: einops, flash_attn.",
        "transformers of C dynamic_module_utils.py:259",
        "ImportError: This modeling file requires the following packages that were not found in your environment: einops,"
        " flash_attn. Run `pip install einops flash_attn`",
    ),
    Words(
        "TokenizerMissing",
        "loaded at /models/m",
        "transformers of A tokenization_utils_base.py:2198, B :2047, C :1729, D :1740; run A, B",
        "OSError: Can't load tokenizer for '/models/m'. If you were trying to load it from 'https://huggingface.co/models',",
    ),
    Words(
        "TokenizerMissing",
        "TOKENIZER",
        "transformers of A tokenization_utils_fast.py:142, B :143, C and D tokenization_utils_tokenizers.py:413; run C",
        "ValueError: Couldn't instantiate the backend tokenizer from one of: ",
    ),
    Words(
        "WeightsMissing",
        "no weights at /models/m",
        "A model_loader/loader.py:328, B :351, C model_loader/default_loader.py:260, D :260; run C",
        "RuntimeError: Cannot find any model weights with `/models/m`",
    ),
    Words(
        "WeightsDamaged",
        "there: Error while deserializing header: incomplete metadata, file not fully covered.",
        "safetensors of C; run C",
        "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not"
        " fully covered",
    ),
    Words(
        "WeightsDamaged",
        "MetadataIncompleteBuffer",
        "safetensors of A and B, _safetensors_rust",
        "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
    ),
    Words(
        "WeightsDamaged",
        "model cache",
        "torch, of weights that are no safetensors",
        "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory",
    ),
)

OF_SYSTEMS: Final = (
    Words(
        "ImageBroken",
        "No module named 'setuptools'",
        "A and B, triton/runtime/build.py; run A, B",
        "ModuleNotFoundError: No module named 'setuptools'",
    ),
    Words(
        "ImageBroken",
        "all_special_tokens_extended",
        "A and B with transformers 5; run A, B",
        "AttributeError: TokenizersBackend has no attribute all_special_tokens_extended",
    ),
    Words("DiskFull", "DOWNLOAD_DIR", "Python's OSError", "OSError: [Errno 28] No space left on device"),
    Words(
        "PortInUse",
        "listens",
        "A entrypoints/openai/api_server.py:544, B :1034, C; run C",
        "OSError: [Errno 98] Address already in use",
    ),
    Words(
        "EngineDied",
        "died",
        "B and C v1/engine/exceptions.py:11; run C",
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root",
    ),
    Words(
        "EngineDied",
        "died",
        "A and B engine/async_llm_engine.py:725 and :702",
        "vllm.engine.async_llm_engine.AsyncEngineDeadError: Background loop has errored already.",
    ),
    Words(
        "EngineDied",
        "died",
        "A and B engine/multiprocessing/__init__.py:134",
        "vllm.engine.multiprocessing.MQEngineDeadError: Engine loop is not running. Inspect the stacktrace to find the",
    ),
)
