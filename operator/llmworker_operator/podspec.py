"""The Kubernetes half of an LLMWorker's spec: image, GPUs, resources, placement, cache, free variables."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema

from llmworker_contract import engines
from llmworker_contract.document import NAMES
from llmworker_contract.settings import Group, NonEmpty

Quantity: TypeAlias = Annotated[
    int | str, WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True})
]
"""A Kubernetes quantity, as 4, 500m or 16Gi."""

Opaque: TypeAlias = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
]
"""A part of the pod's own API, passed on as it is; the API server checks it when the pod's owner is written."""

_RESERVED = sorted(NAMES)
_OWN_PREFIX = "LLMWORKER_"


def _free_name(name: str) -> str:
    if name in NAMES:
        raise ValueError(f"{name} is set by a field of the spec, not by spec.env")
    if name.startswith(_OWN_PREFIX):
        raise ValueError(f"{name} is the worker image's own: probes and the Service rely on it")
    return name


def _known_profile(name: str) -> str:
    if name not in engines.names():
        raise ValueError(f"expected one of {', '.join(engines.names())}")
    return name


class Image(Group):
    """Which worker image runs, by its CUDA release and channel or by its profile. Unset: stable on CUDA 12.1.0."""

    cuda_version: Literal["12.1.0"] | None = None
    """CUDA release of the image. Unset: 12.1.0."""

    channel: Literal["stable", "dev"] | None = None
    """stable or dev. Unset: stable."""

    profile: Annotated[
        str | None,
        AfterValidator(lambda name: None if name is None else _known_profile(name)),
        WithJsonSchema({"type": "string", "enum": list(engines.names())}),
    ] = None
    """The engine profile by name, instead of cudaVersion and channel: what an explicit reference holds."""

    reference: NonEmpty | None = None
    """The image by its full reference. Unset: the operator's repository with the profile as tag."""

    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled. Unset: as the cluster decides by the tag."""

    pull_secrets: list[NonEmpty] = Field(default_factory=list, max_length=16)
    """Names of the Secrets to pull the image with."""

    RULES: ClassVar = [
        {
            "rule": "!has(self.profile) || (!has(self.cudaVersion) && !has(self.channel))",
            "message": "profile names the image whole: remove cudaVersion and channel, or remove profile",
        }
    ]

    def engine_profile(self) -> engines.EngineProfile:
        """The engine that this image holds."""
        return engines.profile(self.profile or f"{self.channel or 'stable'}-cuda{self.cuda_version or '12.1.0'}")


class Gpu(Group):
    """The GPUs of one pod."""

    count: Annotated[int | None, Field(ge=0, le=64)] = None
    """How many. Unset: tensorParallelSize times pipelineParallelSize, and none for an engine without CUDA."""

    resource_name: NonEmpty | None = None
    """The extended resource to ask for. Unset: nvidia.com/gpu."""

    shared_memory: Quantity | None = None
    """Most that /dev/shm may hold, as 8Gi; it counts as the pod's memory. Unset: the pod's memory limit."""


class Resources(Group):
    """Requests and limits of the worker's container beside its GPUs."""

    requests: dict[str, Quantity] = Field(default_factory=dict)
    """What is set aside for the worker, as cpu: 4 or memory: 16Gi."""

    limits: dict[str, Quantity] = Field(default_factory=dict)
    """What the worker may use at most."""


class Toleration(Group):
    """A taint that the pods may be scheduled onto, in Kubernetes' own terms."""

    key: str | None = None
    """The taint's key. Unset, with operator Exists: every key."""
    operator: Literal["Exists", "Equal"] | None = None
    """Unset: Equal."""
    value: str | None = None
    """The taint's value, for Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Unset: all effects."""
    toleration_seconds: int | None = None
    """For NoExecute: how long the pod may stay. Unset: for ever."""


class Scheduling(Group):
    """Where the pods may run."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must carry."""

    tolerations: list[Toleration] = Field(default_factory=list, max_length=32)
    """Taints to accept; the usual GPU taint is always accepted by a worker that asks for GPUs."""

    affinity: Opaque | None = None
    """The pod's affinity, as in a pod."""

    runtime_class_name: NonEmpty | None = None
    """The container runtime's class, as nvidia. Unset: the cluster's default."""

    priority_class_name: NonEmpty | None = None
    """The pods' priority class. Unset: the cluster's default."""


class EmptyDir(Group):
    """A folder that lives as long as the pod."""

    size_limit: Quantity | None = None
    """Most that it may hold. Unset: what the node has."""


class PersistentVolumeClaim(Group):
    """A claim in the worker's namespace."""

    claim_name: NonEmpty
    """The claim's name."""

    read_only: bool = False
    """Mount it read-only: for claims that hold the model already."""


class Cache(Group):
    """Where models are kept, mounted at /models. Unset: a folder that lives as long as the pod."""

    empty_dir: EmptyDir | None = None
    """A folder that lives as long as the pod."""

    persistent_volume_claim: PersistentVolumeClaim | None = None
    """An existing claim, which outlives the pod."""

    RULES: ClassVar = [
        {
            "rule": "!(has(self.emptyDir) && has(self.persistentVolumeClaim))",
            "message": "a cache is one of emptyDir and persistentVolumeClaim, not both",
        }
    ]


class EnvVar(Group):
    """A variable of the container that no field of the spec sets."""

    name: Annotated[NonEmpty, AfterValidator(_free_name)]
    """Its name; names that a field sets are refused."""

    value: str | None = None
    """Its value."""

    value_from: Opaque | None = None
    """Where its value comes from, as in a pod."""

    RULES: ClassVar = [
        {
            "rule": f"!(self.name in {_RESERVED})",
            "message": "a documented variable is set by its field of the spec, not by spec.env",
        },
        {
            "rule": f"!self.name.startsWith('{_OWN_PREFIX}')",
            "message": f"{_OWN_PREFIX} names are the worker image's own: probes and the Service rely on them",
        },
    ]
