"""The operator with controllers, a scheduler and simulated GPU nodes: what Ready says while pods come and go."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from assets.audit import writes
from assets.llmworkers import LLMWorkers, defined
from assets.operator_process import OperatorProcess, running_operator
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Kube

pytestmark = pytest.mark.l2

ROOT = Path(__file__).parents[2]
NAMESPACE = "workers"


@pytest.fixture(scope="module")
def kube(l2: Rig) -> Kube:
    """A cluster with two nodes of eight GPUs beside those that other tests made."""
    l2.simulate_nodes(2)
    return defined(l2)


@pytest.fixture(scope="module")
def operator(kube: Kube, l2: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with running_operator(l2, tmp_path_factory.mktemp("operator")) as found:
        yield found


@pytest.fixture(scope="module")
def workers(kube: Kube, operator: OperatorProcess) -> LLMWorkers:
    kube.kubectl("create", "namespace", NAMESPACE)
    return LLMWorkers(kube, NAMESPACE)


def ready(workers: LLMWorkers, name: str) -> tuple[str, str]:
    """Status and reason of Ready, for the current generation only."""
    found = workers.condition("Ready", name)
    return found.get("status", "Unknown"), found.get("reason", "NotObserved")


def test_two_replicas_on_gpu_nodes_become_ready(workers: LLMWorkers) -> None:
    workers.apply("pair", replicas=2, engine={"tensorParallelSize": 2})
    until(lambda: ready(workers, "pair") == ("True", "Serving"), "both replicas are ready")
    status = workers.get("llmworker", "pair")["status"]
    assert (status["replicas"], status["readyReplicas"]) == (2, 2)
    workers.kubectl("delete", "llmworker", "pair")


def test_it_takes_few_writes_until_a_worker_is_ready(workers: LLMWorkers, l2: Rig) -> None:
    since = l2.audit_log.stat().st_size
    workers.apply("quiet")
    applied = time.monotonic()
    until(lambda: ready(workers, "quiet")[0] == "True", "ready")
    steps = int((time.monotonic() - applied) // 2)  # told in a write each, where the machine is that slow
    time.sleep(3)
    found = writes(l2, since, NAMESPACE, of_operator=True)
    told = found.count("patch llmworkers/status")
    assert found == sorted(["patch deployments", "patch services", *["patch llmworkers/status"] * told])
    assert told <= 2 + steps, found
    since = l2.audit_log.stat().st_size
    time.sleep(5)
    assert writes(l2, since, NAMESPACE, of_operator=True) == []
    workers.kubectl("delete", "llmworker", "quiet")


def test_a_worker_that_asks_for_more_gpus_than_any_node_has_is_never_ready(workers: LLMWorkers) -> None:
    workers.apply("greedy", engine={"tensorParallelSize": 9})
    until(lambda: ready(workers, "greedy") == ("False", "InsufficientGPU"), "its pod waits for a node")
    time.sleep(2)
    assert ready(workers, "greedy") == ("False", "InsufficientGPU")
    workers.kubectl("delete", "llmworker", "greedy")


def test_an_edit_that_cannot_be_scheduled_makes_a_ready_worker_not_ready(workers: LLMWorkers) -> None:
    workers.apply("edited")
    until(lambda: ready(workers, "edited")[0] == "True", "ready")
    workers.apply("edited", engine={"tensorParallelSize": 9})
    until(lambda: ready(workers, "edited")[0] == "False", "the old pod no longer counts")
    assert workers.get("llmworker", "edited")["status"]["readyReplicas"] == 0
    workers.kubectl("delete", "llmworker", "edited")


def test_a_quota_is_named_in_the_status(workers: LLMWorkers) -> None:
    workers.kube.kubectl("create", "namespace", "poor")
    workers.kube.kubectl("create", "quota", "gpus", "--hard=requests.nvidia.com/gpu=0", "-n", "poor")
    body = yaml.safe_load((ROOT / "examples" / "minimal.yaml").read_text())
    workers.kube.kubectl("apply", "-n", "poor", "-f", "-", stdin=yaml.safe_dump(body))

    def told() -> str:
        worker = workers.kube.get("llmworker", body["metadata"]["name"], "-n", "poor")
        return json.dumps(worker.get("status", {}))

    until(lambda: "exceeded quota: gpus" in told(), "the quota's own sentence")
    assert "QuotaExceeded" in told()
    workers.kube.kubectl("delete", "namespace", "poor", "--wait=false")


def test_deleting_a_worker_collects_its_children(workers: LLMWorkers) -> None:
    workers.apply("gone")
    until(lambda: ready(workers, "gone")[0] == "True", "ready")
    workers.kubectl("delete", "llmworker", "gone")
    kinds = "deployments,services,replicasets,pods"
    label = "llmworker.dev/worker=gone"
    until(lambda: not workers.kubectl("get", kinds, "-l", label, "-o", "name"), "all are collected", 60)


def test_a_namespace_goes_while_the_operator_is_away(workers: LLMWorkers, operator: OperatorProcess, l2: Rig) -> None:
    """Nothing of ours holds it up, and nothing comes back."""
    workers.kube.kubectl("create", "namespace", "leaving")
    leaving = LLMWorkers(workers.kube, "leaving")
    leaving.apply("chat")
    until(lambda: ready(leaving, "chat")[0] == "True", "ready")
    assert operator.stop() == 0
    try:
        workers.kube.kubectl("delete", "namespace", "leaving", "--timeout=60s")
    finally:
        since = l2.audit_log.stat().st_size
        operator.start()
    workers.apply("after")
    until(lambda: ready(workers, "after")[0] == "True", "ready")
    assert writes(l2, since, "leaving") == []
    workers.kubectl("delete", "llmworker", "after")


def test_scaling_to_zero_says_so(workers: LLMWorkers) -> None:
    workers.apply("idle", replicas=0)
    until(lambda: ready(workers, "idle") == ("False", "ScaledToZero"), "the status says why")
    workers.kubectl("delete", "llmworker", "idle")
