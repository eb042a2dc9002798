"""The whole way on a real node: the operator by Helm, a worker with real vLLM, a streamed answer from a pod."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.audit import by_user, resource
from assets.installed import install_all
from assets.waiting import until
from cluster.rig import Rig
from demo import install
from demo.kube import Kube

pytestmark = [pytest.mark.l3, pytest.mark.timeout(900)]

NAMESPACE = "llmworker-demo"
NAME = "smollm2"
ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "demo" / "worker.yaml"


@pytest.fixture(scope="module")
def served(kube: Kube) -> Iterator[Kube]:
    """The demo's worker, ready."""
    kube.kubectl("apply", "-f", str(MANIFEST))
    install.follow(kube, NAMESPACE, NAME, print)
    yield kube
    kube.kubectl("delete", "llmworker", NAME, "-n", NAMESPACE, "--ignore-not-found")


def pod(kube: Kube) -> dict[str, Any]:
    pods = kube.get("pods", "-n", NAMESPACE, "-l", f"llmworker.dev/worker={NAME}")["items"]
    return dict(max(pods, key=lambda found: str(found["metadata"]["creationTimestamp"])))


def test_the_answer_arrives_in_pieces_through_the_service(
    served: Kube, images: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    status = install.ask(served, NAMESPACE, images["worker"], NAME, "What is the capital of France?")
    told = capfd.readouterr().out
    assert status == 0, told
    assert "Paris" in told


def test_the_pod_holds_a_gpu_and_the_documented_variables(served: Kube) -> None:
    container = pod(served)["spec"]["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment["MODEL_NAME"] == "/models/SmolLM2-135M-Instruct"
    assert environment["MAX_MODEL_LEN"] == "2048"
    assert environment["DEFAULT_BATCH_SIZE"] == "9"


def test_the_pod_is_confined(served: Kube) -> None:
    name = pod(served)["metadata"]["name"]
    script = (
        "import os, pathlib; print(os.getuid(), pathlib.Path('/var/run/secrets/kubernetes.io').exists(), "
        "any('SERVICE_HOST' in name and 'KUBERNETES' not in name for name in os.environ))"
    )
    assert served.kubectl("exec", name, "-n", NAMESPACE, "--", "python", "-c", script).split() == [
        "10001",
        "False",
        "False",
    ]


def test_the_table_tells_the_story(served: Kube) -> None:
    header, row = served.kubectl("get", "llmworkers", "-n", NAMESPACE).splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "LOADING", "MODEL", "AGE"]
    assert row.split()[:4] == [NAME, "True", "Serving", "/models/SmolLM2-135M-Instruct"]
    wide = served.kubectl("get", "llmworkers", "-n", NAMESPACE, "-o", "wide")
    assert f"http://{NAME}.{NAMESPACE}.svc.cluster.local/v1" in wide
    assert "1 of 1 replicas serve the current revision." in wide


def test_a_deleted_deployment_comes_back(served: Kube) -> None:
    before = served.get("deployment", NAME, "-n", NAMESPACE)["metadata"]["uid"]
    served.kubectl("delete", "deployment", NAME, "-n", NAMESPACE, "--wait=false")
    until(
        lambda: (
            served.kubectl(
                "get", "deployment", NAME, "-n", NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}"
            )
            not in {"", before}
        ),
        "a new Deployment",
    )
    install.follow(served, NAMESPACE, NAME, print)


def test_deleting_the_worker_while_the_operator_is_down_removes_everything(served: Kube) -> None:
    served.kubectl("scale", "deployment", install.RELEASE, "-n", install.SYSTEM, "--replicas=0")
    served.kubectl("wait", "pod", "-n", install.SYSTEM, "--all", "--for=delete", "--timeout=60s")
    served.kubectl("delete", "llmworker", NAME, "-n", NAMESPACE, "--timeout=30s")

    def gone() -> bool:
        kinds = "deployments,services,replicasets,pods"
        return not served.kubectl("get", kinds, "-n", NAMESPACE, "-l", f"llmworker.dev/worker={NAME}", "-o", "name")

    until(gone, "children are collected", 90)
    served.kubectl("scale", "deployment", install.RELEASE, "-n", install.SYSTEM, "--replicas=1")
    served.kubectl("rollout", "status", "deployment", install.RELEASE, "-n", install.SYSTEM, "--timeout=90s")


def test_a_worker_that_cannot_be_scheduled_is_not_ready(kube: Kube) -> None:
    manifest = yaml.safe_load(MANIFEST.read_text())
    manifest["metadata"]["name"] = "greedy"
    manifest["spec"]["gpu"]["count"] = 64
    kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))
    until(lambda: bool(kube.get("llmworker", "greedy", "-n", NAMESPACE).get("status")), "a status")
    time.sleep(3)
    conditions = kube.get("llmworker", "greedy", "-n", NAMESPACE)["status"]["conditions"]
    assert {found["type"]: found["status"] for found in conditions} == {
        "Accepted": "True",
        "Scheduled": "False",
        "ModelLoaded": "False",
        "Ready": "False",
        "Degraded": "True",
    }
    kube.kubectl("delete", "llmworker", "greedy", "-n", NAMESPACE)


RARE = {("llmworkers", "get"), ("pods", "get"), ("events", "get"), ("events", "patch"), ("poddisruptionbudgets", "get")}
"""Rights for what a run need not hold: an object that a cut watch never told the end of, an event that repeats."""


def test_the_operator_needs_every_right_that_it_has_and_no_other(served: Kube, l3: Rig) -> None:
    """By the audit log of all that was done on this cluster, and by a worker that has one child of each kind."""
    spec = {
        "model": {"name": "m"},
        "replicas": 2,
        "image": {"profile": "cpu"},
        "scheduling": {"nodeSelector": {"none": "such"}},
        "networkPolicy": {"ingressFrom": [{"podSelector": {}}]},
        "cache": {"volumeClaimTemplate": {"size": "1Gi", "accessModes": ["ReadWriteMany"], "whenDeleted": "Delete"}},
    }
    body = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "metadata": {"name": "rights"}, "spec": spec}
    served.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=yaml.safe_dump(body))

    def children() -> str:
        kinds = "persistentvolumeclaims,poddisruptionbudgets,networkpolicies"
        return served.kubectl("get", kinds, "-n", NAMESPACE, "-l", "llmworker.dev/worker=rights", "-o", "name")

    until(lambda: len(children().split()) == 3, "a claim, a budget and a policy")
    spec |= {"replicas": 1, "cache": {}}
    del spec["networkPolicy"]
    served.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=yaml.safe_dump(body))
    until(lambda: not children(), "none is left")
    served.kubectl("delete", "llmworker", "rights", "-n", NAMESPACE)
    used = used_by(l3, f"system:serviceaccount:{install.SYSTEM}:{install.RELEASE}")
    roles = [
        served.get("clusterrole", install.RELEASE),
        served.get("role", f"{install.RELEASE}-lease", "-n", install.SYSTEM),
    ]
    given = {
        (kind, verb) for role in roles for rule in role["rules"] for kind in rule["resources"] for verb in rule["verbs"]
    }
    # An object is made by applying it, for which the API server asks for both rights.
    made = {(kind, "create") for kind, verb in used if verb == "patch" and "/" not in kind}
    assert used <= given
    assert given - used - made <= RARE


def used_by(rig: Rig, user: str) -> set[tuple[str, str]]:
    """Resource and verb of every request of the user that the audit log holds. None may have been forbidden."""
    found = set()
    for event in by_user(rig, user):
        assert event.get("responseStatus", {}).get("code") != 403, event
        found.add((resource(event), event["verb"]))
    return found


def demo(kube: Kube, *arguments: str) -> str:
    """The demo's command on a cluster that is already there, as `make demo KUBE_CONTEXT=…` calls it."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", *arguments, "--context", "rig"],
        env={**kube.environment, "PYTHONPATH": "tests:."},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_on_a_cluster_that_is_already_there(kube: Kube, images: dict[str, str]) -> None:
    told = demo(kube, "up", "--operator-image", images["operator"], "--manifest", str(MANIFEST))
    assert "the answer arrived in pieces" in told
    demo(kube, "down")
    assert kube.kubectl("get", "namespace", NAMESPACE, install.SYSTEM, "--ignore-not-found", "-o", "name") == ""
    assert kube.kubectl("get", "crd,clusterrole", "-o", "name").count("llmworker") == 0
    install_all(kube, images["operator"])  # for the tests after this one
