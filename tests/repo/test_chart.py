"""The chart through the real Helm, without a cluster."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.binaries import helm
from demo.kube import Failed, Kube
from llmworker_contract import engines
from llmworker_operator.config import config

DIGEST = f"sha256:{'0a' * 32}"
CHART = Path(__file__).parents[2] / "charts" / "llmworker-operator"


@pytest.fixture(scope="module")
def kube() -> Kube:
    return Kube({"PATH": str(helm().parent), "HOME": "/nonexistent"})


def manifests(kube: Kube, *arguments: str) -> list[dict[str, Any]]:
    text = kube.helm("template", "release", str(CHART), "-n", "system", "--include-crds", *arguments)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def rendered(kube: Kube, *arguments: str) -> dict[str, dict[str, Any]]:
    return {manifest["kind"]: manifest for manifest in manifests(kube, *arguments)}


def test_lint_finds_nothing(kube: Kube) -> None:
    assert "0 chart(s) failed" in kube.helm("lint", "--strict", str(CHART))


def test_what_the_chart_installs(kube: Kube) -> None:
    assert set(rendered(kube)) == {
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
    }


def test_the_operators_pod_passes_the_restricted_level(kube: Kube) -> None:
    pod = rendered(kube)["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["enableServiceLinks"] is False


def test_the_operator_may_do_no_more_than_it_does(kube: Kube) -> None:
    allowed = {
        (resource, verb)
        for rule in rendered(kube)["ClusterRole"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not {resource for resource, _ in allowed} & {"secrets", "pods/exec", "configmaps", "*"}
    assert {resource for resource, verb in allowed if verb == "delete"} == {
        "networkpolicies",
        "persistentvolumeclaims",
        "poddisruptionbudgets",
    }
    assert ("llmworkers", "patch") not in allowed


def test_with_a_list_of_namespaces_each_has_a_role_and_nothing_is_cluster_wide(kube: Kube) -> None:
    found = manifests(kube, "--set", "watchNamespaces={a,b}")
    assert sorted((m["kind"], m["metadata"].get("namespace", "")) for m in found) == [
        ("CustomResourceDefinition", ""),
        ("Deployment", "system"),
        ("Role", "a"),
        ("Role", "b"),
        ("RoleBinding", "a"),
        ("RoleBinding", "b"),
        ("ServiceAccount", "system"),
    ]
    rules = rendered(kube)["ClusterRole"]["rules"]
    for manifest in found:
        if manifest["kind"] == "Role":
            assert manifest["rules"] == rules
        if manifest["kind"] == "RoleBinding":
            assert manifest["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "release"}
            assert manifest["subjects"] == [{"kind": "ServiceAccount", "name": "release", "namespace": "system"}]
    (container,) = rendered(kube, "--set", "watchNamespaces={a,b}")["Deployment"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert {"name": "LLMWORKER_NAMESPACES", "value": "a,b"} in container["env"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("worker.allowTrustRemoteCode=1", "/worker/allowTrustRemoteCode"),
        ("image.digest=sha256:abc", "/image/digest"),
        ("worker.digests.cpu=latest", "/worker/digests/cpu"),
        ("worker.digests.gpu=", "gpu"),
        ("watchNamespaces={*}", "/watchNamespaces/0"),
        ("watchNamespaces={a,a}", "/watchNamespaces"),
        ("logLevel=LOUD", "/logLevel"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("replicaCount=2", "replicaCount"),
    ],
)
def test_a_wrong_value_is_refused_by_name(kube: Kube, setting: str, sentence: str) -> None:
    with pytest.raises(Failed) as refused:
        rendered(kube, "--set", setting)
    assert sentence in str(refused.value)


def test_image_and_settings_reach_the_pod(kube: Kube) -> None:
    chosen = ["--set", "image.repository=r.example/op,logLevel=DEBUG,worker.repository=r.example/w"]
    chosen += ["--set", "worker.allowTrustRemoteCode=true"]
    (container,) = rendered(kube, *chosen, "--set-string", "image.tag=7")["Deployment"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == "r.example/op:7"
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "LLMWORKER_WORKER_REPOSITORY": "r.example/w",
        "LLMWORKER_LOG_LEVEL": "DEBUG",
        "LLMWORKER_POD_NAMESPACE": "system",
        "LLMWORKER_ALLOW_TRUST_REMOTE_CODE": "true",
    }


def test_images_by_digest(kube: Kube) -> None:
    pinned = ["--set", f"image.repository=r.example/op,image.tag=old,image.digest={DIGEST}"]
    pinned += ["--set", f"worker.digests.cpu={DIGEST}", "--set", rf"worker.digests.dev-cuda12\.1\.0={DIGEST}"]
    (container,) = rendered(kube, *pinned)["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"r.example/op@{DIGEST}"
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    read = config(environment)
    assert read.worker_digests == {"cpu": DIGEST, "dev-cuda12.1.0": DIGEST}


def test_the_schema_knows_every_profile() -> None:
    digests = json.loads((CHART / "values.schema.json").read_text())["properties"]["worker"]["properties"]["digests"]
    assert digests["propertyNames"]["enum"] == sorted(engines.names())
