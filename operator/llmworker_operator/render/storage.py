"""The model cache: the volume of the pod, and the claim behind it where the operator makes one."""

from typing import Any

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.owner import Owner


def cache_volume(owner: Owner, spec: LLMWorkerSpec) -> dict[str, Any]:
    """The source of the volume at /models."""
    cache = spec.cache
    if cache.volume_claim_template:
        return {"persistentVolumeClaim": {"claimName": owner.name}}
    if cache.persistent_volume_claim:
        # readOnly only where it is true: the API server leaves false out, and the live object would look changed.
        read_only = {"readOnly": True} if cache.persistent_volume_claim.read_only else {}
        return {"persistentVolumeClaim": {"claimName": cache.persistent_volume_claim.claim_name, **read_only}}
    if cache.host_path:
        # Kubernetes' own default checks nothing, and the runtime would make a folder that the worker cannot write.
        return {"hostPath": {"path": cache.host_path.path, "type": cache.host_path.type or "Directory"}}
    limit = cache.empty_dir.size_limit if cache.empty_dir else None
    return {"emptyDir": {} if limit is None else {"sizeLimit": str(limit)}}


def claim(owner: Owner, spec: LLMWorkerSpec) -> dict[str, Any] | None:
    """The claim for the cache, if the operator is to make one. One that is to be retained has no owner."""
    wanted = spec.cache.volume_claim_template
    if wanted is None:
        return None
    metadata = owner.metadata()
    if wanted.when_deleted != "Delete":
        metadata.pop("ownerReferences", None)
    stated = {"storageClassName": wanted.storage_class_name} if wanted.storage_class_name else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {
            **stated,
            "accessModes": wanted.modes(),
            "resources": {"requests": {"storage": str(wanted.size)}},
        },
    }
