"""The Kubernetes half of an LLMWorker's spec: image, GPUs, resources, placement, free variables."""

import re
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator

from llmworker_contract import engines
from llmworker_contract.catalogue import NAMES
from llmworker_contract.settings import Group, JsonObject, NonEmpty
from llmworker_contract.spelling import REFUSED
from llmworker_operator import names

_QUANTITY: Final = r"^[0-9]+(\.[0-9]+)?([munkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"


def int_or_string(pattern: str) -> WithJsonSchema:
    """The schema of a whole number from 0 on, or of a text of that pattern, as Kubernetes takes either."""
    kinds = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    return WithJsonSchema({**kinds, "minimum": 0, "pattern": pattern})


def _quantity(amount: int | str) -> int | str:
    if not re.fullmatch(_QUANTITY, str(amount)):
        raise ValueError("expected a quantity, as 4, 500m or 16Gi")
    return amount


Quantity: TypeAlias = Annotated[int | str, AfterValidator(_quantity), int_or_string(_QUANTITY)]
"""A Kubernetes quantity, as 4, 500m or 16Gi."""

Opaque: TypeAlias = JsonObject
"""A part of the pod's own API, passed on as it is; the API server checks it when the pod's owner is written."""

_LABEL_VALUE: Final = r"^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$"
_KEY: Final = r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_OWN_KEYS: Final = (f"{names.GROUP}/", "pod-template-hash")
"""Beginnings of keys that are not the user's: ours, and the label by which a Deployment tells revisions apart."""

_RESERVED = sorted(NAMES)
OWN_PREFIX = "LLMWORKER_"


def _free_name(name: str) -> str:
    if name in NAMES:
        raise ValueError(f"{name} is set by a field of the spec, not by spec.env")
    if name in REFUSED:
        raise ValueError(f"{name} is refused: {REFUSED[name]}")
    if name.startswith(OWN_PREFIX):
        raise ValueError(f"{name} is the worker image's own: probes and the Service rely on it")
    return name


def _known_profile(name: str) -> str:
    if name not in engines.names():
        raise ValueError(f"expected one of {', '.join(engines.names())}")
    return name


_PINNED: Final = f"^[^@]+@{names.DIGEST}$"
_UNPINNED: Final = (
    "a digest is sha256: and 64 digits of 0-9 and a-f, once, at the end, as repository@sha256:…: copy it whole, or "
    "name the image by its tag"
)


def _reference(text: str | None) -> str | None:
    if text and "@" in text and not re.fullmatch(_PINNED, text):
        raise ValueError(_UNPINNED)
    return text


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

    reference: Annotated[
        NonEmpty | None,
        Field(max_length=1024),
        AfterValidator(_reference),
        WithJsonSchema(
            {
                "type": "string",
                "minLength": 1,
                "maxLength": 1024,
                "x-kubernetes-validations": [
                    {"rule": f"!self.contains('@') || self.matches('{_PINNED}')", "message": _UNPINNED}
                ],
            }
        ),
    ] = None
    """The image by its full reference, with a tag or a digest, as repository@sha256:…. Unset: the operator's repository
    with the digest that it has for the profile, else with the profile as tag."""

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
    """The extended resource to ask for: a MIG slice as nvidia.com/mig-1g.10gb, or another vendor's as amd.com/gpu.
    Unset: nvidia.com/gpu."""

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


class TopologySpreadConstraint(Group):
    """How evenly the pods are spread over zones, nodes or another topology, in Kubernetes' own terms."""

    max_skew: Annotated[int, Field(ge=1)]
    """By how many pods one part of the topology may be ahead of the emptiest."""
    topology_key: NonEmpty
    """The node label whose values are the parts, as topology.kubernetes.io/zone."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What becomes of a pod that fits nowhere: it waits, or goes where the skew grows least."""
    label_selector: Opaque | None = None
    """Which pods are counted. Unset: the worker's own."""
    match_label_keys: list[NonEmpty] = Field(default_factory=list, max_length=16)
    """Labels of the pod whose values the counted pods share; with pod-template-hash each revision counts alone."""
    min_domains: Annotated[int | None, Field(ge=1)] = None
    """Parts that have to exist, for DoNotSchedule. Unset: 1."""
    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    """Whether nodes that the pod's affinity and selector rule out are left out. Unset: Honor."""
    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    """Whether nodes with taints that the pod does not tolerate are left out. Unset: Ignore."""

    RULES: ClassVar = [
        {
            "rule": "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
            "message": "minDomains counts for DoNotSchedule only: remove it, or set whenUnsatisfiable to DoNotSchedule",
        }
    ]


class Scheduling(Group):
    """Where the pods may run."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels that a node must carry."""

    tolerations: list[Toleration] = Field(default_factory=list, max_length=32)
    """Taints to accept beside the usual taint of the GPUs that are asked for: nvidia.com/gpu for all of NVIDIA's
    resources, MIG slices included, else the resource's own name."""

    affinity: Opaque | None = None
    """The pod's affinity, as in a pod; what cudaDriver asks for is added to it."""

    cuda_driver: Literal["Required", "Preferred", "Ignore"] | None = None
    """Whether nodes whose driver is too old for the image's CUDA are ruled out (Required), avoided (Preferred) or taken
    (Ignore), by GPU Feature Discovery's labels; Required also rules out nodes without these labels. It counts for
    NVIDIA's resources only. Unset: Preferred."""

    topology_spread_constraints: list[TopologySpreadConstraint] = Field(default_factory=list, max_length=16)
    """How the pods are spread over zones or nodes. Unset: as the cluster does by itself."""

    runtime_class_name: NonEmpty | None = None
    """The container runtime's class, as nvidia. Unset: the cluster's default."""

    priority_class_name: NonEmpty | None = None
    """The pods' priority class. Unset: the cluster's default."""


def _label_value(text: str) -> str:
    if not re.fullmatch(_LABEL_VALUE, text):
        raise ValueError(
            "expected at most 63 letters, digits, dashes, dots and underscores, the first and last no sign"
        )
    return text


LabelValue: TypeAlias = Annotated[
    str, AfterValidator(_label_value), WithJsonSchema({"type": "string", "maxLength": 63, "pattern": _LABEL_VALUE})
]


class PodMetadata(Group):
    """Labels and annotations of the pods, beside those that the operator sets; another one replaces the pods."""

    labels: Annotated[dict[str, LabelValue], Field(max_length=32)] = Field(default_factory=dict)
    """Labels, as team: search or kueue.x-k8s.io/queue-name: gpus. Those that the operator sets are refused."""

    annotations: Annotated[dict[str, str], Field(max_length=32)] = Field(default_factory=dict)
    """Annotations, as sidecar.istio.io/inject: "false". Those below llmworker.dev are refused."""

    @field_validator("labels", "annotations")
    @classmethod
    def _keys(cls, given: dict[str, str]) -> dict[str, str]:
        for key in given:
            if not re.fullmatch(_KEY, key):
                raise ValueError(f"expected keys as team or example.com/team, got {key!r}")
            if key.startswith(_OWN_KEYS) or key in names.labels(""):
                raise ValueError(f"{key} is the operator's own: it finds its pods by it; choose another key")
        return given

    RULES: ClassVar = [
        {
            "rule": f"!has(self.labels) || !self.labels.exists(key, key.startsWith('{_OWN_KEYS[0]}') || "
            f"key.startsWith('{_OWN_KEYS[1]}') || key in {sorted(names.labels(''))})",
            "message": "a label of podMetadata is the operator's own: it finds its pods by it; choose another key",
        },
        {
            "rule": f"!has(self.annotations) || !self.annotations.exists(key, key.startsWith('{_OWN_KEYS[0]}'))",
            "message": "an annotation of podMetadata is the operator's own; choose another key",
        },
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
        *({"rule": f"self.name != '{name}'", "message": f"{name}: {instead}"} for name, instead in REFUSED.items()),
        {
            "rule": f"!self.name.startsWith('{OWN_PREFIX}')",
            "message": f"{OWN_PREFIX} names are the worker image's own: probes and the Service rely on them",
        },
    ]
