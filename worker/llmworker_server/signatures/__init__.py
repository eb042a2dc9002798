"""What failing engines say, and what to do about each: data for `failure.py`, most specific first.

The texts are those of vLLM 0.6.3.post1, 0.8.5.post1, 0.32.0 and 0.33.0 and of the libraries under them. Where a
wrapper's words follow a cause's, the cause comes first here.
"""

from typing import Final

from llmworker_server.signatures import arguments, gpus, memory, model, system
from llmworker_server.signatures.signature import Signature

__all__ = ["SIGNATURES", "WHILE_SERVING", "Signature"]

SIGNATURES: Final = (
    *arguments.SIGNATURES,
    *memory.SIGNATURES,
    *gpus.SIGNATURES,
    *model.SIGNATURES,
    *system.SIGNATURES,
)

WHILE_SERVING: Final = frozenset(
    {"OutOfMemory", "GpuNotSupported", "GpuError", "NcclFailed", "SharedMemoryTooSmall", "DiskFull", "EngineDied"}
)
"""The reasons for which an engine ends that has served; the others end a start, and later only a request."""
