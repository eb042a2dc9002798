"""A roll under clients that stream all the time: no stream is broken, no request refused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets import streaming_client
from assets.llmworkers import LLMWorkers
from assets.waiting import until
from cluster.rig import Rig
from demo import install
from demo.kube import Kube

pytestmark = [pytest.mark.l3, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
MANIFEST = yaml.safe_load((ROOT / "demo" / "worker.yaml").read_text())
NAMESPACE = MANIFEST["metadata"]["namespace"]
NAME = "rolled"
CLIENTS = 3


@pytest.fixture
def workers(kube: Kube) -> Iterator[LLMWorkers]:
    """Two replicas of the demo's worker with a tiny model, ready."""
    spec: dict[str, Any] = {**MANIFEST["spec"], "model": {"name": "/models/tiny-llama"}, "replicas": 2}
    spec["openai"] = {"servedModelNameOverride": NAME}
    found = LLMWorkers(kube, NAMESPACE)
    found.apply(NAME, **spec)
    install.follow(kube, NAMESPACE, NAME, print)
    yield found
    kube.kubectl("delete", "llmworker", NAME, "-n", NAMESPACE)


@pytest.fixture
def streaming(l3: Rig, workers: LLMWorkers, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Clients beside the pods, who know nothing but the Service's address."""
    assert l3.node
    address = workers.get("service", NAME)["spec"]["clusterIP"]
    url = f"http://{address}/v1"
    command = [sys.executable, streaming_client.__file__, url, NAME, str(CLIENTS), str(tmp_path / "answers")]
    with subprocess.Popen(l3.node.network.enter(command)) as process:
        yield process
        process.kill()


def pods(workers: LLMWorkers) -> set[str]:
    """Uids of the worker's pods, leaving ones among them."""
    listed = workers.kube.get("pods", "-n", NAMESPACE, "-l", f"llmworker.dev/worker={NAME}")["items"]
    return {pod["metadata"]["uid"] for pod in listed}


def test_no_stream_is_broken_and_no_request_refused_while_all_pods_are_replaced(
    workers: LLMWorkers, streaming: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    before = pods(workers)
    patch = json.dumps({"spec": {"engine": {"maxModelLen": 1024}}})
    workers.kubectl("patch", "llmworker", NAME, "--type=merge", "-p", patch)
    until(lambda: workers.condition("Ready", NAME).get("status") == "False", "not ready while it rolls")
    until(lambda: workers.condition("Ready", NAME).get("status") == "True", "rolled", 400)
    until(lambda: not pods(workers) & before, "the old pods are gone", 60)
    streaming.terminate()
    assert streaming.wait(120) == 0
    answers = json.loads((tmp_path / "answers").read_text())
    lasted = max(one["ended"] for one in answers) - min(one["began"] for one in answers)
    broken = [one for one in answers if one["status"] != 200 or not one["complete"] or one["error"]]
    print(f"{len(answers)} answers in {lasted:.0f} s, {len(broken)} of them broken")
    assert not broken, broken[:5]
    assert len(answers) > CLIENTS * 5
    assert len(pods(workers)) == 2
    assert {"name": "MAX_MODEL_LEN", "value": "1024"} in workers.pod(NAME)["containers"][0]["env"]
