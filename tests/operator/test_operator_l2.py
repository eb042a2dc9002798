"""The operator with controllers, a scheduler and simulated GPU nodes: what Ready says while pods come and go."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.operator_process import OperatorProcess
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Kube

pytestmark = pytest.mark.l2

ROOT = Path(__file__).parents[2]
NAMESPACE = "workers"


@pytest.fixture(scope="module")
def kube(l2: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """A cluster with two nodes of eight GPUs beside those that other tests made, and a running operator."""
    l2.simulate_nodes(2)
    found = Kube(l2.environment())
    found.kubectl("apply", "-f", str(ROOT / "crds"))
    found.kubectl("wait", "crd/llmworkers.llmworker.dev", "--for=condition=Established", "--timeout=30s")
    found.kubectl("create", "namespace", NAMESPACE)
    operator = OperatorProcess(l2, tmp_path_factory.mktemp("operator") / "log", health_port=18098)
    operator.start()
    yield found
    assert operator.stop() == 0


def apply(kube: Kube, name: str, **spec: Any) -> None:
    body = {
        "apiVersion": "llmworker.dev/v1alpha1",
        "kind": "LLMWorker",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"model": {"name": "m"}, **spec},
    }
    kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(body))


def ready(kube: Kube, name: str) -> tuple[str, str]:
    """Status and reason of Ready, for the current generation only."""
    worker = kube.get("llmworker", name, "-n", NAMESPACE)
    for condition in worker.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["observedGeneration"] == worker["metadata"]["generation"]:
            return condition["status"], condition["reason"]
    return "Unknown", "NotObserved"


def test_two_replicas_on_gpu_nodes_become_ready(kube: Kube) -> None:
    apply(kube, "pair", replicas=2, engine={"tensorParallelSize": 2})
    until(lambda: ready(kube, "pair") == ("True", "Serving"), "both replicas are ready")
    status = kube.get("llmworker", "pair", "-n", NAMESPACE)["status"]
    assert (status["replicas"], status["readyReplicas"]) == (2, 2)
    kube.kubectl("delete", "llmworker", "pair", "-n", NAMESPACE)


def test_a_worker_that_asks_for_more_gpus_than_any_node_has_is_never_ready(kube: Kube) -> None:
    apply(kube, "greedy", gpu={"count": 9})
    until(lambda: ready(kube, "greedy") == ("False", "Loading"), "its pod waits for a node")
    time.sleep(2)
    assert ready(kube, "greedy") == ("False", "Loading")
    kube.kubectl("delete", "llmworker", "greedy", "-n", NAMESPACE)


def test_an_edit_that_cannot_be_scheduled_makes_a_ready_worker_not_ready(kube: Kube) -> None:
    apply(kube, "edited")
    until(lambda: ready(kube, "edited")[0] == "True", "ready")
    apply(kube, "edited", gpu={"count": 9})
    until(lambda: ready(kube, "edited")[0] == "False", "the old pod no longer counts")
    assert kube.get("llmworker", "edited", "-n", NAMESPACE)["status"]["readyReplicas"] == 0
    kube.kubectl("delete", "llmworker", "edited", "-n", NAMESPACE)


def test_a_quota_is_named_in_the_status(kube: Kube) -> None:
    kube.kubectl("create", "namespace", "poor")
    kube.kubectl("create", "quota", "gpus", "--hard=requests.nvidia.com/gpu=0", "-n", "poor")
    body = yaml.safe_load((ROOT / "examples" / "minimal.yaml").read_text())
    kube.kubectl("apply", "-n", "poor", "-f", "-", stdin=yaml.safe_dump(body))

    def told() -> str:
        worker = kube.get("llmworker", body["metadata"]["name"], "-n", "poor")
        return json.dumps(worker.get("status", {}))

    until(lambda: "exceeded quota: gpus" in told(), "the quota's own sentence")
    assert "RolloutBlocked" in told()
    kube.kubectl("delete", "namespace", "poor", "--wait=false")


def test_deleting_a_worker_collects_its_children(kube: Kube) -> None:
    apply(kube, "gone")
    until(lambda: ready(kube, "gone")[0] == "True", "ready")
    kube.kubectl("delete", "llmworker", "gone", "-n", NAMESPACE)
    kinds = "deployments,services,replicasets,pods"
    label = "llmworker.dev/worker=gone"
    until(lambda: not kube.kubectl("get", kinds, "-n", NAMESPACE, "-l", label, "-o", "name"), "all are collected", 60)


def test_scaling_to_zero_says_so(kube: Kube) -> None:
    apply(kube, "idle", replicas=0)
    until(lambda: ready(kube, "idle") == ("False", "ScaledToZero"), "the status says why")
    kube.kubectl("delete", "llmworker", "idle", "-n", NAMESPACE)
