"""The whole way on a real node: the operator by Helm, a worker with real vLLM, a streamed answer from a pod."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.images import operator_image, worker_image
from assets.models import model_path
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
def images(l3: Rig) -> dict[str, str]:
    found = {"operator": operator_image(), "worker": worker_image("cpu")}
    for image in found.values():
        l3.load_image(image)
    return {what: image.reference for what, image in found.items()}


@pytest.fixture(scope="module")
def kube(l3: Rig, images: dict[str, str]) -> Kube:
    found = Kube(l3.environment())
    install.operator(found, images["operator"])
    install.model_claim(found, NAMESPACE, model_path("SmolLM2-135M-Instruct").parent)
    model_path("tiny-llama")
    return found


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


def ready(kube: Kube) -> dict[str, Any]:
    worker = kube.get("llmworker", NAME, "-n", NAMESPACE)
    return next(found for found in worker["status"]["conditions"] if found["type"] == "Ready")


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
    assert header.split() == ["NAME", "READY", "MODEL", "URL", "AGE"]
    assert row.split()[:4] == [
        NAME,
        "True",
        "/models/SmolLM2-135M-Instruct",
        f"http://{NAME}.{NAMESPACE}.svc.cluster.local/v1",
    ]


def test_an_edited_length_rolls_the_pod_and_ready_waits_for_the_new_one(served: Kube) -> None:
    before = pod(served)["metadata"]["uid"]
    patch = json.dumps({"spec": {"engine": {"maxModelLen": 1024}}})
    served.kubectl("patch", "llmworker", NAME, "-n", NAMESPACE, "--type=merge", "-p", patch)
    until(lambda: ready(served)["status"] == "False", "not ready while it rolls")
    install.follow(served, NAMESPACE, NAME, print)
    after = pod(served)
    assert after["metadata"]["uid"] != before
    assert {"name": "MAX_MODEL_LEN", "value": "1024"} in after["spec"]["containers"][0]["env"]


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
    assert {found["type"]: found["status"] for found in conditions} == {"Accepted": "True", "Ready": "False"}
    kube.kubectl("delete", "llmworker", "greedy", "-n", NAMESPACE)


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
