"""The scheduler's sentence, understood: reason, sentence and next step. Pure.

The words are those of kube-scheduler's plugins, Kubernetes 1.26 to 1.36. A sentence that is not known is passed on.
"""

import re
from collections.abc import Iterator
from typing import Final

from llmworker_operator.names import NVIDIA_TAINT

_ORDINARY: Final = ("node-role.kubernetes.io/", "node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that no worker should tolerate: of the control plane, and of nodes that are not well."""

_TAINT: Final = re.compile(r"untolerated taints? \{(?P<taint>[^}]*)\}")
_UNNAMED: Final = "untolerated taint(s)"
"""So says Kubernetes 1.36, and keeps the taint's name to itself."""

_UNNAMED_STEP: Final = (
    "If nodes with a taint are meant to take it, tolerate the taint in spec.scheduling.tolerations: kubectl describe "
    "nodes names it."
)
_NOISE: Final = re.compile(r",? (?:preemption:|no new claims to deallocate)")
"""What follows is about pods that could make room, of which none can."""

_SHORT: Final = re.compile(r"Insufficient (?P<resource>[^\s,]+)")

_CLAIMS: Final = (
    (
        r'persistentvolumeclaim "(?P<name>[^"]+)" not found',
        "VolumeClaimMissing",
        "Create the claim in the worker's namespace, or correct spec.cache.",
    ),
    (
        r"unbound immediate PersistentVolumeClaims|didn't find available persistent volumes to bind",
        "VolumeClaimPending",
        "Look at the claim: kubectl describe pvc; its storage class is missing, slow, or has no volume that fits.",
    ),
    (
        r'storageclass(?:\.storage\.k8s\.io)? "(?P<name>[^"]+)" not found',
        "StorageClassMissing",
        "Create the storage class, or name another one.",
    ),
    (
        r"volume node affinity conflict|node\(s\) had no available volume zone",
        "VolumeElsewhere",
        "The claim's volume is bound to other nodes: use a claim of their zone, or let the pods run there.",
    ),
)
_OTHERS: Final = (
    # A node that fails late in the scheduler's order has passed all before: it was the nearest to fit.
    (
        r"didn't match pod (?:topology spread|affinity|anti-affinity)|didn't satisfy existing pods anti-affinity",
        "SpreadNotPossible",
        "Add a node, ask for fewer replicas, or loosen the rules in spec.scheduling.",
    ),
    (r"Too many pods", "TooManyPods", "Add a node: each takes a limited number of pods."),
    (
        r"node\(s\) were unschedulable|untolerated taints? \{node\.(?:cloudprovider\.)?kubernetes\.io/",
        "NodesNotReady",
        "Nodes that could take the pod are cordoned or not well: look at kubectl get nodes.",
    ),
    (
        r"didn't match Pod's node affinity|didn't match node selector",
        "NoMatchingNode",
        "Label a node, or change spec.scheduling; with cudaDriver: Required, nodes need a driver new enough.",
    ),
    (
        r"no nodes available|^0/0 nodes|untolerated taint",
        "NoNodes",
        "No node of the cluster is for workloads: add one.",
    ),
)


def unscheduled(message: str) -> tuple[str, str, str]:
    """Reason, sentence and next step. What a person can act on comes first: a claim, a taint that is this cluster's
    own, too few GPUs, then the rest."""
    said = _NOISE.split(message)[0].strip()
    unnamed = f" {_UNNAMED_STEP}" if _UNNAMED in said else ""
    for reason, step in (*_claims(said), *_taints(said), *_short(said), *_other(said)):
        return reason, f"No node can take the pod: {said}", step + unnamed
    step = "The words are the scheduler's: change what they name."
    return "Unschedulable", f"No node can take the pod: {said}", step + unnamed


def _claims(said: str) -> Iterator[tuple[str, str]]:
    yield from ((reason, step) for pattern, reason, step in _CLAIMS if re.search(pattern, said))


def _taints(said: str) -> Iterator[tuple[str, str]]:
    for found in _TAINT.finditer(said):
        if not found["taint"].startswith((*_ORDINARY, NVIDIA_TAINT)):
            key = found["taint"].partition(":")[0].strip()
            yield (
                "TaintNotTolerated",
                f"Tolerate {key} in spec.scheduling.tolerations if workers may run there, or add another node.",
            )


def _short(said: str) -> Iterator[tuple[str, str]]:
    lacking = [found["resource"].rstrip(".") for found in _SHORT.finditer(said)]
    for resource in sorted(lacking, key=lambda name: "/" not in name):
        if "/" in resource:
            yield (
                "InsufficientGPU",
                f"Free or add GPUs ({resource}), or ask for fewer; if no node shows any in kubectl describe node, the "
                "GPU's device plugin does not run.",
            )
        else:
            yield "InsufficientResources", f"Lower spec.resources.requests for {resource}, or add a larger node."


def _other(said: str) -> Iterator[tuple[str, str]]:
    yield from ((reason, step) for pattern, reason, step in _OTHERS if re.search(pattern, said))
