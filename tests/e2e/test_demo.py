"""The demo's own parts: what it does without a cluster, and what it tells apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from assets.models import SMOLLM2, model_path
from demo import install, local
from llmworker_contract.problems import BadEnvironment

ROOT = Path(__file__).parents[2]
MANIFEST = yaml.safe_load((ROOT / "demo" / "worker.yaml").read_text())


def test_a_process_gets_what_the_operator_would_have_rendered(tmp_path: Path) -> None:
    where = local.place((18000, 18001), tmp_path / "log", {"HOME": "/home/me"})
    given = local.prepared(MANIFEST, tmp_path / "model", where).variables
    assert given["MODEL_NAME"] == str(tmp_path / "model")
    assert given["MAX_MODEL_LEN"] == "2048"
    assert given["DEFAULT_BATCH_SIZE"] == "9"
    assert given["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert given["LLMWORKER_ENGINE_PROFILE"] == "cpu"
    assert given["LLMWORKER_ADMIN_PORT"] == "18001"
    assert given["PYTHONPATH"] == str(ROOT / "worker")


def test_a_secret_of_a_cluster_is_asked_for_by_name_and_not_left_out(tmp_path: Path) -> None:
    token = {"name": "m", "hfTokenSecretRef": {"name": "hub", "key": "token"}}
    manifest = {**MANIFEST, "spec": {**MANIFEST["spec"], "model": token}}
    with pytest.raises(BadEnvironment, match="HF_TOKEN: is key token of the Secret hub"):
        local.prepared(manifest, tmp_path, local.place((1, 2), tmp_path, {}))


@pytest.mark.parametrize(
    ("status", "observed", "expected"),
    [("True", 2, True), ("True", 1, False), ("False", 2, False)],
    ids=["of this generation", "of an older generation", "not ready"],
)
def test_ready_counts_only_for_the_current_generation(status: str, observed: int, expected: bool) -> None:
    condition = {"type": "Ready", "status": status, "observedGeneration": observed}
    assert install.ready({"metadata": {"generation": 2}, "status": {"conditions": [condition]}}) is expected


@pytest.mark.engine
def test_without_a_cluster_the_same_manifest_is_served_as_a_process(capfd: pytest.CaptureFixture[str]) -> None:
    question = "What is the capital of France?"
    status = local.serve(MANIFEST, model_path(SMOLLM2), question, print)
    told = capfd.readouterr().out
    assert status == 0, told
    assert "Paris" in told
    assert "llmworker: the engine has ended as asked" in told


def test_the_demo_says_why_there_is_no_cluster() -> None:
    """As an ordinary user, a node is refused with the reason; checked in a process that gives up being root."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be able to give it up")
    script = "import os; from cluster.rig import lacking; os.setuid(65534); print(lacking(3))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/tests"},
    )
    assert "a node needs root" in done.stdout
