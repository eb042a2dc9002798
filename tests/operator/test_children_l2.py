"""The real scheduler, the collector and simulated GPU nodes: who gets which node, what goes with whom."""

import time
from collections.abc import Iterator

import pytest

from assets.llmworkers import LLMWorkers, defined
from assets.operator_process import running_operator
from assets.waiting import until
from cluster.rig import Rig

pytestmark = pytest.mark.l2

OLD = {f"nvidia.com/cuda.{label}.minor": "0" for label in ("runtime", "runtime-version")}
"""Over the labels of a driver for CUDA 12.2."""


@pytest.fixture(scope="module")
def workers(l2: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLMWorkers]:
    """A node for CUDA 12.0 alone in its rack, a mixed rack, and a running operator."""
    l2.simulate_nodes(1, labels={"rack": "old", **OLD})
    l2.simulate_nodes(1, labels={"rack": "mixed", **OLD})
    l2.simulate_nodes(1, labels={"rack": "mixed", "driver": "new"})
    kube = defined(l2)
    kube.kubectl("create", "namespace", "placed")
    with running_operator(l2, tmp_path_factory.mktemp("operator")):
        yield LLMWorkers(kube, "placed")
        kube.kubectl("delete", "llmworkers", "--all", "-n", "placed")


def ready(workers: LLMWorkers, name: str) -> bool:
    return workers.condition("Ready", name).get("status") == "True"


def pods(workers: LLMWorkers, name: str) -> list[dict[str, object]]:
    return list(workers.kube.get("pods", "-n", workers.namespace, "-l", f"llmworker.dev/worker={name}")["items"])


def racks(workers: LLMWorkers, name: str) -> list[tuple[str, bool]]:
    """Of each pod's node: its rack, and whether its driver is new."""
    nodes = {node["metadata"]["name"]: node["metadata"]["labels"] for node in workers.kube.get("nodes")["items"]}
    labels = [nodes[pod["spec"]["nodeName"]] for pod in pods(workers, name)]  # type: ignore[index]
    return sorted((found["rack"], "driver" in found) for found in labels)


def test_nodes_whose_driver_is_too_old_do_not_get_the_pod_where_it_is_required(workers: LLMWorkers) -> None:
    workers.apply("strict", scheduling={"cudaDriver": "Required", "nodeSelector": {"rack": "old"}})

    def refused() -> str:
        conditions = [c for pod in pods(workers, "strict") for c in pod.get("status", {}).get("conditions", [])]  # type: ignore[attr-defined]
        return " ".join(found.get("message", "") for found in conditions if found["type"] == "PodScheduled")

    until(lambda: "didn't match Pod's node affinity/selector" in refused(), "the scheduler says why")
    workers.apply("strict", scheduling={"cudaDriver": "Required", "nodeSelector": {"rack": "mixed"}})
    until(lambda: ready(workers, "strict"), "the node with the new driver takes it")
    assert racks(workers, "strict") == [("mixed", True)]


def test_where_it_is_preferred_the_new_driver_is_taken_first_and_an_old_one_is_better_than_none(
    workers: LLMWorkers,
) -> None:
    workers.apply("choosy", scheduling={"nodeSelector": {"rack": "mixed"}})
    workers.apply("content", scheduling={"nodeSelector": {"rack": "old"}})
    until(lambda: ready(workers, "choosy") and ready(workers, "content"), "both serve")
    assert racks(workers, "choosy") == [("mixed", True)]
    assert racks(workers, "content") == [("old", False)]


def test_the_users_alternatives_hold_beside_the_drivers(workers: LLMWorkers) -> None:
    terms = [{"matchExpressions": [{"key": "rack", "operator": "In", "values": [rack]}]} for rack in ("old", "mixed")]
    own = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    workers.apply("either", replicas=3, scheduling={"cudaDriver": "Required", "affinity": own})
    until(lambda: ready(workers, "either"), "all serve")
    assert racks(workers, "either") == [("mixed", True)] * 3


def test_one_pod_after_the_other_may_be_taken_from_two_replicas(workers: LLMWorkers) -> None:
    workers.apply("pair", replicas=2, scheduling={"nodeSelector": {"rack": "mixed"}})
    until(lambda: ready(workers, "pair"), "both serve")

    def allowed() -> int:
        return int(workers.get("poddisruptionbudget", "pair").get("status", {}).get("disruptionsAllowed", 0))

    until(lambda: allowed() == 1, "one may go")


@pytest.mark.parametrize(("policy", "stays"), [("Delete", False), ("Retain", True)])
def test_a_claim_goes_with_its_worker_only_where_it_says_so(workers: LLMWorkers, policy: str, stays: bool) -> None:
    name = f"cached-{policy.lower()}"
    workers.apply(name, cache={"volumeClaimTemplate": {"size": "1Gi", "whenDeleted": policy}})
    until(lambda: workers.accepted(name) == "Applied", "accepted")
    workers.kubectl("delete", "llmworker", name)
    until(lambda: not workers.exists("deployment", name), "the Deployment is collected", 60)
    if stays:
        time.sleep(3)
        assert "deletionTimestamp" not in workers.get("persistentvolumeclaim", name)["metadata"]
    else:
        until(lambda: not workers.exists("persistentvolumeclaim", name), "the claim is collected", 60)
