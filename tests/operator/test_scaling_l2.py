"""Replicas that somebody else decides on: the real autoscaler, and the examples for it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.definitions import SCALED_OBJECT, definition
from assets.llmworkers import LLMWorkers, defined
from assets.operator_process import running_operator
from assets.waiting import until
from cluster.rig import Rig

pytestmark = pytest.mark.l2

EXAMPLES = Path(__file__).parents[2] / "examples" / "autoscaling"


@pytest.fixture(scope="module")
def workers(l2: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLMWorkers]:
    kube = defined(l2)
    kube.kubectl("create", "namespace", "scaled")
    with running_operator(l2, tmp_path_factory.mktemp("operator")):
        yield LLMWorkers(kube, "scaled")
        kube.kubectl("delete", "horizontalpodautoscalers,llmworkers", "--all", "-n", "scaled")


def replicas(workers: LLMWorkers) -> tuple[int, int]:
    """Of the LLMWorker and of its Deployment."""
    return workers.get("llmworker")["spec"]["replicas"], workers.get("deployment")["spec"]["replicas"]


def autoscaler(least: int, most: int) -> str:
    """One that needs no metric to scale: below the least and above the most it acts at once."""
    target = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "name": "chat"}
    utilization = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": utilization}],
    }
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat"},
        "spec": spec,
    }
    return yaml.safe_dump(body)


def test_what_an_autoscaler_sets_is_carried_on_and_left_alone(workers: LLMWorkers) -> None:
    gpus: dict[str, Any] = {"image": {"profile": "cpu"}}
    workers.apply(**gpus)
    workers.wait_until_applied()
    workers.kube.kubectl("apply", "-n", workers.namespace, "-f", "-", stdin=autoscaler(3, 5))
    until(lambda: replicas(workers) == (3, 3), "the autoscaler has scaled the worker and the operator its pods", 90)
    workers.apply(**gpus, engine={"maxModelLen": 512})
    workers.wait_until_applied()
    assert replicas(workers) == (3, 3)
    managers = workers.kubectl("get", "llmworker", "chat", "-o", "yaml", "--show-managed-fields")
    owners = {
        found["manager"]: (found.get("subresource"), "f:replicas" in str(found["fieldsV1"].get("f:spec", {})))
        for found in yaml.safe_load(managers)["metadata"]["managedFields"]
    }
    assert owners["kube-controller-manager"] == ("scale", True)
    assert owners["llmworker-operator"] == ("status", False)


def test_what_is_scaled_to_none_says_so_and_no_autoscaler_wakes_it(workers: LLMWorkers) -> None:
    workers.kubectl("scale", "llmworker", "chat", "--replicas=0")
    until(lambda: workers.condition("Ready").get("reason") == "ScaledToZero", "the status says it", 60)
    until(lambda: not workers.kubectl("get", "pods", "-o", "name").strip(), "no pod is left", 60)
    assert replicas(workers) == (0, 0)
    assert not workers.exists("poddisruptionbudget")

    def told() -> dict[str, str]:
        conditions = workers.get("horizontalpodautoscaler").get("status", {}).get("conditions", [])
        return {found["type"]: found["reason"] for found in conditions}

    until(lambda: told().get("ScalingActive") == "ScalingDisabled", "the autoscaler has seen it", 60)
    assert replicas(workers) == (0, 0)


def test_the_examples_are_taken_and_find_what_they_scale(workers: LLMWorkers) -> None:
    workers.kubectl("delete", "horizontalpodautoscaler", "chat")
    workers.kube.kubectl("apply", "--server-side", "-f", str(definition(SCALED_OBJECT)))
    workers.kube.kubectl("wait", "crd/scaledobjects.keda.sh", "--for=condition=Established", "--timeout=30s")
    for name in ("keda", "hpa"):
        workers.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
        workers.wait_until_applied()
    assert workers.get("scaledobject")["spec"]["scaleTargetRef"]["kind"] == "LLMWorker"

    def able() -> bool:
        conditions = workers.get("horizontalpodautoscaler").get("status", {}).get("conditions", [])
        return any((found["type"], found["status"]) == ("AbleToScale", "True") for found in conditions)

    until(able, "the autoscaler can read and set the scale", 60)


def test_every_worker_of_an_example_is_the_one_that_is_scaled() -> None:
    for path in EXAMPLES.glob("*.yaml"):
        worker, scaler = yaml.safe_load_all(path.read_text())
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["apiVersion"], target["kind"], target["name"]) == (
            worker["apiVersion"],
            worker["kind"],
            worker["metadata"]["name"],
        )
        assert "replicas" not in worker["spec"]
        assert re.search(r"num_requests_waiting", path.read_text())
