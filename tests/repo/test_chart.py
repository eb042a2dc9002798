"""The chart through the real Helm, without a cluster."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.binaries import helm
from demo.kube import Failed, Kube
from llmworker_contract import engines
from llmworker_operator.config import Config, config

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
        "Role",
        "RoleBinding",
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
        ("Role", "system"),
        ("RoleBinding", "a"),
        ("RoleBinding", "b"),
        ("RoleBinding", "system"),
        ("ServiceAccount", "system"),
    ]
    rules = rendered(kube)["ClusterRole"]["rules"]
    for manifest in found:
        if manifest["metadata"].get("namespace") == "system":
            continue  # the Lease's
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
        ("replicas=0", "/replicas"),
        ("logFormat=xml", "/logFormat"),
        ("resyncSeconds=1", "/resyncSeconds"),
        ("leaderElection.leaseSeconds=1", "/leaderElection/leaseSeconds"),
        ("replicas=2,leaderElection.enabled=false", "set leaderElection.enabled to true, or replicas to 1"),
    ],
)
def test_a_wrong_value_is_refused_by_name(kube: Kube, setting: str, sentence: str) -> None:
    with pytest.raises(Failed) as refused:
        rendered(kube, "--set", setting)
    assert sentence in str(refused.value)


def container(manifests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (found,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def settings(manifests: dict[str, dict[str, Any]]) -> Config:
    """As the operator reads them."""
    return config({entry["name"]: entry["value"] for entry in container(manifests)["env"]})


def test_image_and_settings_reach_the_pod(kube: Kube) -> None:
    chosen = "image.repository=r.example/op,worker.repository=r.example/w,worker.allowTrustRemoteCode=true"
    chosen += ",logLevel=DEBUG,logFormat=json,resyncSeconds=60,leaderElection.leaseSeconds=30"
    found = rendered(kube, "--set", chosen, "--set-string", "image.tag=7")
    assert container(found)["image"] == "r.example/op:7"
    assert settings(found) == Config(
        worker_repository="r.example/w",
        pod_namespace="system",
        allow_trust_remote_code=True,
        log_level="DEBUG",
        log_format="json",
        resync_seconds=60,
        leader_election=True,
        lease_name="release",
        lease_seconds=30,
    )


def test_without_a_choice_the_pod_has_the_operators_own_defaults_but_for_the_election(kube: Kube) -> None:
    expected = replace(Config(), pod_namespace="system", leader_election=True, lease_name="release")
    assert settings(rendered(kube)) == expected


def test_the_lease_may_be_got_and_updated_by_its_name_alone(kube: Kube) -> None:
    found = rendered(kube)
    rules = found["Role"]["rules"]
    assert [(rule["resources"], rule["verbs"], rule.get("resourceNames")) for rule in rules] == [
        (["leases"], ["create"], None),
        (["leases"], ["get", "update"], [settings(found).lease_name]),
    ]
    assert found["Role"]["metadata"]["namespace"] == "system"
    assert found["RoleBinding"]["roleRef"]["name"] == found["Role"]["metadata"]["name"]


def test_without_an_election_there_is_no_right_to_leases_and_the_old_pod_leaves_first(kube: Kube) -> None:
    found = rendered(kube, "--set", "leaderElection.enabled=false")
    assert not {"Role", "RoleBinding"} & set(found)
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert settings(found).leader_election is False


def test_two_replicas(kube: Kube) -> None:
    deployment = rendered(kube, "--set", "replicas=2")["Deployment"]["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["type"] == "RollingUpdate"


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
