"""The model cache: the pod's volume, its mount, HF_HOME, and the claim."""

from typing import Any

import pytest

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.validation import InvalidSpec, parsed

OWNER = Owner("w", "n", "u")


def rendered(**cache: Any) -> dict[str, dict[str, Any]]:
    spec = LLMWorkerSpec.model_validate({"model": {"name": "m"}, "cache": cache})
    return {child["kind"]: child for child in children(OWNER, spec, Config())}


@pytest.mark.parametrize(
    ("cache", "volume", "writable"),
    [
        ({}, {"emptyDir": {}}, True),
        ({"emptyDir": {"sizeLimit": "9Gi"}}, {"emptyDir": {"sizeLimit": "9Gi"}}, True),
        ({"persistentVolumeClaim": {"claimName": "c"}}, {"persistentVolumeClaim": {"claimName": "c"}}, True),
        (
            {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
            {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
            False,
        ),
        ({"volumeClaimTemplate": {"size": "1Gi"}}, {"persistentVolumeClaim": {"claimName": "w"}}, True),
        ({"hostPath": {"path": "/m"}}, {"hostPath": {"path": "/m", "type": "Directory"}}, True),
        (
            {"hostPath": {"path": "/m", "type": "DirectoryOrCreate", "readOnly": True}},
            {"hostPath": {"path": "/m", "type": "DirectoryOrCreate"}},
            False,
        ),
    ],
)
def test_the_cache_is_mounted_and_downloads_go_where_something_can_be_written(
    cache: dict[str, Any], volume: dict[str, Any], writable: bool
) -> None:
    pod = rendered(**cache)["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["volumes"][0] == {"name": "models", **volume}
    read_only = {} if writable else {"readOnly": True}
    assert container["volumeMounts"][0] == {"name": "models", "mountPath": "/models", **read_only}
    home = "/models/huggingface" if writable else "/tmp/huggingface"
    assert {"name": "HF_HOME", "value": home} in container["env"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(("policy", "owned"), [(None, False), ("Retain", False), ("Delete", True)])
def test_the_claim_says_what_was_asked_for(policy: str | None, owned: bool) -> None:
    modes = ["ReadWriteMany", "ReadWriteMany"]
    stated = {"size": "200Gi", "storageClassName": "fast", "accessModes": modes, "whenDeleted": policy}
    claim = rendered(volumeClaimTemplate=stated)["PersistentVolumeClaim"]
    assert claim["metadata"]["name"] == "w"
    assert ("ownerReferences" in claim["metadata"]) == owned
    assert claim["spec"] == {
        "storageClassName": "fast",
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "200Gi"}},
    }


def test_without_a_template_there_is_no_claim() -> None:
    assert list(rendered(persistentVolumeClaim={"claimName": "c"})) == ["Service", "Deployment"]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"cache": {"emptyDir": {}, "hostPath": {"path": "/m"}}}, "spec.cache: a cache is one of"),
        (
            {"replicas": 2, "cache": {"volumeClaimTemplate": {"size": 1, "accessModes": ["ReadWriteOncePod"]}}},
            "spec.cache.volumeClaimTemplate.accessModes: several replicas share one claim",
        ),
        ({"cache": {"volumeClaimTemplate": {"size": "lots"}}}, "spec.cache.volumeClaimTemplate.size: expected"),
        ({"gpu": {"sharedMemory": "-1"}}, "spec.gpu.sharedMemory: expected a quantity"),
        ({"gpu": {"sharedMemory": -1}}, "spec.gpu.sharedMemory: expected a quantity"),
        ({"gpu": {"sharedMemory": "4\n"}}, "spec.gpu.sharedMemory: expected a quantity"),
    ],
)
def test_what_cannot_be_is_named_by_its_field(spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed({"model": {"name": "m"}, **spec})
    assert problem in str(refused.value)


@pytest.mark.parametrize("amount", [1, "4", "1.5", "500m", "16Gi", "1e3", "20G", "100k"])
def test_every_quantity_is_one(amount: int | str) -> None:
    parsed({"model": {"name": "m"}, "resources": {"limits": {"memory": amount}}})
