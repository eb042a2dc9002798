"""GPUs and drivers that do not fit the image or the settings."""

from typing import Final

from llmworker_server.signatures.signature import signatures

_FEWER: Final = (
    "Lower TENSOR_PARALLEL_SIZE or PIPELINE_PARALLEL_SIZE, or ask for more GPUs; on a CPU a part needs a NUMA node."
)

SIGNATURES: Final = signatures(
    (
        "TooFewGpus",
        r"(?:please set tensor_parallel_size|please ensure that world_size) \((?P<asked>\d+)\) "
        r".*less than.* max local gpu count \((?P<there>\d+)\)",
        "The model is to be split over {asked} GPUs, and the container has {there}.",
        _FEWER,
    ),
    (
        "TooFewGpus",
        r"World size \((?P<asked>\d+)\) is larger than the number of available GPUs \((?P<there>\d+)\)",
        "The model is to be split over {asked} GPUs, and the container has {there}.",
        _FEWER,
    ),
    (
        "TooFewGpus",
        r"Unable to load Ray which is required for multi-node inference"
        r"|The number of required \S+ exceeds the total number of available \S+ in the placement group",
        "The model is to be split over more GPUs than there are.",
        _FEWER,
    ),
    (
        "TooFewGpus",
        r"Not enough allowed NUMA nodes to bind threads of (?P<asked>\d+) local CPUWorkers",
        "The model is to be split over {asked} NUMA nodes, and the container has fewer.",
        _FEWER,
    ),
    (
        "QuantizationNotSupported",
        r"(?:The quantization method (?P<method>\S+)|Quantization scheme) is not supported for the current GPU\. "
        r"(?:Minimum|Min|Required) capability: (?P<least>\d+)\. Current capability: (?P<own>\d+)",
        "The model's quantization {method} needs a GPU of compute capability {least}, and this one has {own}.",
        "Use a newer GPU, or in MODEL_NAME a checkpoint that is quantized another way.",
    ),
    (
        "HeadSizeNotSupported",
        r"Head size (?P<size>\d+) is not supported by (?P<by>\w+)\.",
        "This vLLM has no attention for the model's head size {size} ({by}).",
        "Use an image with a newer vLLM, or another model.",
    ),
    (
        "HeadSizeNotSupported",
        r"No valid attention backend found for (?P<gpu>.*?) with .*head_size=(?P<size>\d+).*head_size not supported",
        "This vLLM has no attention for the model's head size {size} on {gpu}.",
        "Use an image with a newer vLLM, or another model.",
    ),
    (
        "GpuNotSupported",
        r"no kernel image is available for execution on the device",
        "This image holds no code for this GPU: it is too old for it, or too new.",
        "Use an image whose CUDA release knows the GPU, or another GPU.",
    ),
    (
        "DriverTooOld",
        r"NVIDIA driver on your system is too old|CUDA driver version is insufficient",
        "The node's NVIDIA driver is older than this image's CUDA needs.",
        "Use an image for an older CUDA, or a node with a newer driver.",
    ),
    (
        "NcclFailed",
        r"(?:DistBackendError: |NCCL error).{0,200}unhandled (?:system|cuda) error|ncclSystemError: .*",
        "NCCL could not connect the GPUs.",
        "Mostly /dev/shm is too small: raise spec.gpu.sharedMemory; else set NCCL_DEBUG=INFO and read what it says.",
    ),
    (
        "NoGpu",
        r"Failed to infer device type|Found no NVIDIA driver|No CUDA GPUs are available",
        "The container sees no GPU.",
        "Ask for a GPU in the resource, and see that the node's device plugin offers one.",
    ),
    (
        "GpuError",
        r"CUDA error: (?P<detail>(?!out of memory).{1,120})",
        "The GPU failed: {detail}.",
        "If it repeats on one node, look for its Xid errors (dmesg) and take the GPU out of use.",
    ),
)
