"""`llmworker diff` against a real API server: what it foretells is what then happens."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.llmworkers import LLMWorkers, claim
from cluster.rig import Rig
from demo.kube import Kube

pytestmark = pytest.mark.l1

COMMAND = Path(sys.executable).parent / "llmworker"
SHARED = claim(accessModes=["ReadWriteMany"], storageClassName="fast", whenDeleted="Delete")

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "engine": ({"replicas": 2}, {"replicas": 2, "engine": {"maxModelLen": 512}}),
    "replicas": ({"replicas": 2}, {"replicas": 1}),
    "nothing-of-the-pod": ({}, {"rollout": {"maxSurge": 1}, "gpu": {"count": 1}}),
    "cache": ({"cache": SHARED, "replicas": 2}, {"scheduling": {"nodeSelector": {"disk": "fast"}}}),
    "same": ({"env": [{"name": "NCCL_A", "value": "$(B)"}]}, {"env": [{"name": "NCCL_A", "value": "$(B)"}]}),
}
"""Specs before and after, by the worker's name."""


def foretold(kube: Kube, *options: str, **specs: dict[str, Any]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what it says of workers with these specs, by name."""
    bodies = [
        {
            "apiVersion": "llmworker.dev/v1alpha1",
            "kind": "LLMWorker",
            "metadata": {"name": name},
            "spec": {"model": {"name": "m"}, **spec},
        }
        for name, spec in specs.items()
    ]
    command = [str(COMMAND), "diff", "-f", "-", "-o", "json", *options]
    text = yaml.safe_dump_all(bodies)
    done = subprocess.run(command, input=text, env=dict(kube.environment), capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, {found["name"]: found for found in json.loads(done.stdout)}


def test_what_it_foretells_is_what_happens(workers: LLMWorkers) -> None:
    before, after = ({name: specs[side] for name, specs in CASES.items()} for side in (0, 1))
    _, made = foretold(workers.kube, "-n", workers.namespace, **before)
    assert {each["action"] for found in made.values() for each in found["objects"]} == {"create"}
    deployments = []
    for specs in (before, after):
        if deployments:
            code, found = foretold(workers.kube, "-n", workers.namespace, **after)
        for name, spec in specs.items():
            workers.apply(name, **spec)
        for name in specs:
            workers.wait_until_applied(name)
        deployments.append({name: workers.get("deployment", name)["spec"] for name in specs})
    assert code == 1
    for name, told in found.items():
        old, new = (listed[name] for listed in deployments)
        rolls = old["template"] != new["template"]
        assert (told["refused"], told["remarks"]) == ([], []), name
        assert (told["restarts"]["template"], any(f["restartsPods"] for f in told["fields"])) == (rolls, rolls), name
        assert ("Deployment" in {each["kind"] for each in told["objects"]}) == (old != new), name
        for each in told["objects"]:
            gone = (
                not workers.exists(each["kind"], name)
                or "deletionTimestamp" in workers.get(each["kind"], name)["metadata"]
            )
            assert gone == (each["action"] == "delete"), (name, each)
    assert [each["objects"] == [] for each in found.values()] == [name == "same" for name in found]
    assert foretold(workers.kube, "-n", workers.namespace, **after)[0] == 0


def test_what_a_file_no_longer_says_goes_what_an_autoscaler_said_stays_and_nothing_is_written(
    workers: LLMWorkers,
) -> None:
    workers.apply(engine={"maxModelLen": 512, "seed": 1}, cache=SHARED)
    workers.kubectl("scale", "llmworker", "chat", "--replicas=1")
    workers.wait_until_applied()
    version = workers.get("llmworker")["metadata"]["resourceVersion"]
    smaller = claim("512Mi", **{key: value for key, value in SHARED["volumeClaimTemplate"].items() if key != "size"})
    code, found = foretold(
        workers.kube, "-n", workers.namespace, chat={"engine": {"maxModelLen": 512}, "cache": smaller}
    )
    assert (code, found["chat"]["refused"]) == (
        2,
        ["ClaimUnchangeable: spec.cache.volumeClaimTemplate.size: 512Mi is asked for, and it has 1Gi; "
         "a claim never shrinks."],
    )  # fmt: skip
    assert [(each["field"], each["before"], each["after"]) for each in found["chat"]["fields"]] == [
        ("spec.cache.volumeClaimTemplate.size", "1Gi", "512Mi"),
        ("spec.engine.seed", 1, None),
    ]
    assert workers.get("llmworker")["metadata"]["resourceVersion"] == version


def test_who_may_not_apply_is_told_so_in_the_api_servers_words(workers: LLMWorkers, l1: Rig, tmp_path: Path) -> None:
    role = (
        "--verb=get",
        "--resource=llmworkers,services,deployments,persistentvolumeclaims,poddisruptionbudgets,networkpolicies",
    )
    workers.kubectl("create", "serviceaccount", "reader")
    workers.kubectl("create", "role", "reader", *role)
    workers.kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={workers.namespace}:reader")
    token = workers.kubectl("create", "token", "reader").strip()
    config = yaml.safe_load(l1.kubeconfig.read_text())
    config["users"].append({"name": "reader", "user": {"token": token}})
    context = {"cluster": config["clusters"][0]["name"], "user": "reader", "namespace": workers.namespace}
    config["contexts"].append({"name": "reader", "context": context})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    kube = Kube({**l1.environment(), "KUBECONFIG": str(path)})
    code, found = foretold(kube, "--context", "reader", chat={})
    assert (code, found["chat"]["namespace"]) == (2, workers.namespace)
    (words,) = found["chat"]["refused"]
    assert "the API server refuses it" in words
    assert 'cannot create resource "llmworkers"' in words


def test_a_cluster_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    for options, words in (([], "the API server cannot be reached"), (["--context", "nowhere"], "nowhere")):
        command = [str(COMMAND), "diff", "-f", "examples/minimal.yaml", *options]
        done = subprocess.run(command, env={"KUBECONFIG": str(path)}, capture_output=True, text=True, check=False)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
