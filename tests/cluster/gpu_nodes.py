"""GPUs without a GPU: what a node would say of its own, through its status and GPU Feature Discovery's labels. Pure."""

from collections.abc import Mapping
from typing import Any, Final

COUNT: Final = 8
"""GPUs of a node, unless a test says otherwise."""


def labels(count: int) -> dict[str, str]:
    """What GPU Feature Discovery writes on a node with that many GPUs and a driver for CUDA 12.2."""
    return {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.count": str(count),
        "nvidia.com/gpu.product": "NVIDIA-Simulated",
        "nvidia.com/cuda.driver.major": "535",
        "nvidia.com/cuda.runtime.major": "12",
        "nvidia.com/cuda.runtime.minor": "2",
        "nvidia.com/cuda.runtime-version.major": "12",
        "nvidia.com/cuda.runtime-version.minor": "2",
    }


def simulated_node(name: str, count: int, more: Mapping[str, str]) -> dict[str, Any]:
    """A Node for kwok to play."""
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "250", "nvidia.com/gpu": str(count)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, **labels(count), **more},
        },
        "status": {"capacity": amounts, "allocatable": amounts},
    }


def capacity(count: int) -> list[dict[str, str]]:
    """The patch of a real node's status that makes pods which ask for GPUs schedule and run."""
    kinds = ("capacity", "allocatable")
    return [{"op": "add", "path": f"/status/{kind}/nvidia.com~1gpu", "value": str(count)} for kind in kinds]
