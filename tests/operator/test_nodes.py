"""An engine over several nodes: how its GPUs are counted, and that it is refused for now."""

from typing import Any

import pytest

from assets.fake_cluster import KEY, FakeCluster, accepted
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.reconcile import Reconciler
from llmworker_operator.store import Store
from llmworker_operator.validation import InvalidSpec, Unsupported, parsed, understood

SIXTEEN = {"tensorParallelSize": 8, "pipelineParallelSize": 2}


def spec(**more: Any) -> dict[str, Any]:
    return {"model": {"name": "m"}, "engine": SIXTEEN, **more}


@pytest.mark.parametrize(("nodes", "gpus"), [(1, 16), (2, 8), (4, 4)])
def test_each_node_has_its_share_of_the_gpus(nodes: int, gpus: int) -> None:
    assert LLMWorkerSpec.model_validate(spec(nodes=nodes)).gpus() == gpus
    assert parsed(spec(nodes=nodes, gpu={"count": gpus})).gpus() == gpus


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"nodes": 3}, "spec.nodes", "nodes must divide engine.tensorParallelSize times"),
        ({"nodes": 2, "gpu": {"count": 16}}, "spec.gpu.count", "gpu.count must equal"),
        ({"nodes": 0}, "spec.nodes", "expected greater than or equal to 1, got 0"),
    ],
)
def test_what_cannot_be_split_so_is_refused(more: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed(spec(**more))
    (problem,) = refused.value.problems
    assert (problem.variable, words in problem.message) == (field, True), problem


def test_what_is_wrong_beside_it_is_told_together() -> None:
    with pytest.raises(InvalidSpec) as refused:
        understood(spec(nodes=2, engine={**SIXTEEN, "quantization": "squeezellm"}), Config())
    assert not isinstance(refused.value, Unsupported)
    assert [problem.variable for problem in refused.value.problems] == ["spec.engine.quantization", "spec.nodes"]


async def test_the_status_says_what_is_not_supported_and_what_to_do_and_pods_of_before_go_on() -> None:
    cluster, store = FakeCluster(), Store()
    reconcile = Reconciler(store, cluster, Config(), lambda: cluster.now, cluster.ask)
    store.see_worker(cluster.put_worker(engine=SIXTEEN))
    await reconcile(KEY)
    cluster.writes.clear()
    store.see_worker(cluster.put_worker(engine=SIXTEEN, nodes=2))
    await reconcile(KEY)
    reason, message = accepted(cluster)
    assert (reason, cluster.writes) == ("MultiNodeUnsupported", ["status"])
    assert "spec.nodes: an engine that is split over 2 nodes is not supported yet" in message
    assert "choose a node with 16 GPUs" in message
