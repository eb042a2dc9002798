"""Where an LLMWorker keeps its models: one of four kinds of storage."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from llmworker_contract.settings import Group, NonEmpty
from llmworker_operator.podspec import Quantity

AccessMode: TypeAlias = Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]


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


class VolumeClaimTemplate(Group):
    """A claim that the operator makes, of the worker's name, one for all replicas."""

    size: Quantity
    """How much to ask for, as 200Gi. It can grow, where the storage class allows that, and never shrinks."""

    storage_class_name: NonEmpty | None = None
    """The storage class. Unset: the cluster's default. The claim keeps the one that it was made with."""

    access_modes: Annotated[list[AccessMode] | None, Field(min_length=1, max_length=3)] = None
    """How it can be mounted; several replicas need ReadWriteMany. Unset: ReadWriteOnce. The claim keeps those that it
    was made with."""

    when_deleted: Literal["Delete", "Retain"] | None = None
    """Whether the claim goes with the worker: Delete also when the cache becomes another; Retain leaves it with what it
    holds, and a worker of the same name takes it up again. Unset: Retain."""

    def modes(self) -> list[AccessMode]:
        """How it can be mounted, each once."""
        return sorted(set(self.access_modes or ("ReadWriteOnce",)))

    def shared(self) -> bool:
        """Whether pods on several nodes can mount it at once."""
        return "ReadWriteMany" in self.modes()


class HostPath(Group):
    """A folder of the node. The Pod Security levels baseline and restricted forbid it: the namespace has to allow
    privileged pods."""

    path: Annotated[str, Field(pattern=r"^/")]
    """The folder on the node; user 10001 has to be able to write it, since no fsGroup applies to it."""

    type: Literal["Directory", "DirectoryOrCreate"] | None = None
    """Directory has to exist; DirectoryOrCreate is made, as root's, which the worker cannot write. Unset: Directory."""

    read_only: bool = False
    """Mount it read-only: for folders that hold the model already."""


class Cache(Group):
    """Where models are kept, mounted at /models. Unset: a folder that lives as long as the pod."""

    empty_dir: EmptyDir | None = None
    """A folder that lives as long as the pod."""

    persistent_volume_claim: PersistentVolumeClaim | None = None
    """An existing claim, which outlives the pod. For several replicas it has to be ReadWriteMany or read-only; the
    operator does not look at it."""

    volume_claim_template: VolumeClaimTemplate | None = None
    """A claim that the operator makes, of the worker's name, one for all replicas."""

    host_path: HostPath | None = None
    """A folder of the node, each node its own. The Pod Security levels baseline and restricted forbid it."""

    RULES: ClassVar = [
        {
            "rule": "[has(self.emptyDir), has(self.persistentVolumeClaim), has(self.volumeClaimTemplate), "
            "has(self.hostPath)].filter(stated, stated).size() <= 1",
            "message": "a cache is one of emptyDir, persistentVolumeClaim, volumeClaimTemplate and hostPath: keep one",
        }
    ]

    def kinds(self) -> int:
        """How many kinds are stated; more than one is too many."""
        stated = (self.empty_dir, self.persistent_volume_claim, self.volume_claim_template, self.host_path)
        return sum(kind is not None for kind in stated)

    def read_only(self) -> bool:
        """Whether nothing can be downloaded into it."""
        return any(kind.read_only for kind in (self.persistent_volume_claim, self.host_path) if kind)
