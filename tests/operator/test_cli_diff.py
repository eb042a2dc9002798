"""`llmworker diff` of two files, and what it would send to a cluster."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from llmworker_operator.cli import main
from llmworker_operator.owner import Owner
from llmworker_operator.preview import Preview, merge_patch, told


def body(name: str = "chat", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "prod", "uid": "u1"}
    return {
        "apiVersion": "llmworker.dev/v1alpha1",
        "kind": "LLMWorker",
        "metadata": metadata,
        "spec": {"model": {"name": "m"}, "replicas": 2, **spec},
    }


def diff(tmp_path: Path, old: dict[str, Any], new: dict[str, Any], *more: str) -> Result:
    paths = [tmp_path / "old.yaml", tmp_path / "new.yaml"]
    for path, each in zip(paths, (old, new), strict=True):
        path.write_text(yaml.safe_dump(each))
    return CliRunner().invoke(main, ["diff", "-f", str(paths[1]), "--against", str(paths[0]), *more])


def test_it_tells_which_fields_restart_how_many_pods_and_how(tmp_path: Path) -> None:
    old = body(engine={"maxModelLen": 4096})
    result = diff(tmp_path, old, body(engine={"maxModelLen": 8192}, replicas=3, rollout={"maxSurge": 1}))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "LLMWorker prod/chat",
        "  spec.replicas: 2 → 3  restarts nothing",
        "  spec.engine.maxModelLen: 4096 → 8192  restarts 2 pods",
        "  spec.rollout.maxSurge: unset → 1  restarts nothing",
        "  Deployment chat changes",
        "    spec.replicas: 2 → 3",
        "    spec.strategy.rollingUpdate.maxSurge: 0 → 1",
        "    spec.strategy.rollingUpdate.maxUnavailable: 1 → 0",
        "    spec.template.spec.containers[worker].env[MAX_MODEL_LEN].value: 4096 → 8192",
        "  2 pods restart, one at a time, each new pod serves before an old one leaves",
    ]


def test_without_a_difference_it_says_so_and_ends_with_0(tmp_path: Path) -> None:
    result = diff(tmp_path, body(gpu={}), body())
    assert (result.exit_code, "no difference" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({}, {"engine": {"maxModelLen": 0}}, "spec.engine.maxModelLen: expected greater than or equal to 1, got 0"),
        ({}, {"engine": {"quantization": "squeezellm"}}, "spec.engine.quantization: vLLM 0.6.3.post1"),
        ({"engine": {"nope": 1}}, {}, "old.yaml: spec.engine.nope: is not a field"),
        (
            {"cache": {"volumeClaimTemplate": {"size": "2Gi", "accessModes": ["ReadWriteMany"]}}},
            {"cache": {"volumeClaimTemplate": {"size": "1Gi", "accessModes": ["ReadWriteMany"]}}},
            "ClaimUnchangeable: spec.cache.volumeClaimTemplate.size: 1Gi is asked for, and it has 2Gi",
        ),
    ],
    ids=["by the schema", "by the engine", "the present is not understood", "a claim that shrinks"],
)
def test_what_would_be_refused_is_told_and_ends_with_2(
    tmp_path: Path, old: dict[str, Any], new: dict[str, Any], words: str
) -> None:
    result = diff(tmp_path, body(**old), body(**new))
    assert (result.exit_code, words in result.stdout) == (2, True), result.stdout


def test_programs_get_all_of_it(tmp_path: Path) -> None:
    (found,) = json.loads(diff(tmp_path, body(), body(replicas=1, engine={"seed": 1}), "-o", "json").stdout)
    assert found["fields"] == [
        {"field": "spec.replicas", "before": 2, "after": 1, "restartsPods": False,
         "changes": ["Deployment", "PodDisruptionBudget"]},
        {"field": "spec.engine.seed", "before": None, "after": 1, "restartsPods": True, "changes": ["Deployment"]},
    ]  # fmt: skip
    assert [(each["kind"], each["action"]) for each in found["objects"]] == [
        ("Deployment", "change"),
        ("PodDisruptionBudget", "delete"),
    ]
    assert found["restarts"]["pods"] == 1
    assert (found["refused"], found["remarks"]) == ([], [])


def test_a_worker_of_another_name_is_a_new_one(tmp_path: Path) -> None:
    result = diff(tmp_path, body("old"), body("new"))
    assert "Deployment new is created" in result.stdout


def test_a_cluster_and_a_file_exclude_each_other(tmp_path: Path) -> None:
    assert diff(tmp_path, body(), body(), "--context", "c").exit_code == 2


def test_what_was_said_last_and_is_no_more_is_taken_away_and_what_others_set_stays() -> None:
    last = {"spec": {"engine": {"seed": 1, "dtype": "half"}, "replicas": 2}}
    live = {"spec": {"engine": {"seed": 1, "dtype": "half", "blockSize": 8}, "replicas": 7, "paused": True}}
    stated = {"spec": {"engine": {"seed": 2}}}
    assert merge_patch(last, live, stated) == {"spec": {"replicas": None, "engine": {"dtype": None, "seed": 2}}}


def test_an_empty_change_is_empty() -> None:
    assert merge_patch({}, body(), body()) == {}


def preview(live: dict[str, Any] | None, asked: dict[str, Any], **children: dict[str, Any]) -> Preview:
    return Preview(Owner("chat", "prod", "u1" if live else ""), live, asked, "", children)


def child(kind: str, uid: str | None, **spec: Any) -> dict[str, Any]:
    reference = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker", "uid": uid, "controller": True}
    return {"kind": kind, "metadata": {"name": "chat", "ownerReferences": [reference] if uid else []}, "spec": spec}


@pytest.mark.parametrize(
    ("live", "uid", "word"),
    [
        pytest.param(body(), None, "NameTaken", id="somebody else's"),
        pytest.param(None, None, "NameTaken", id="somebody else's before ours is there"),
        pytest.param(body(), "u0", "PredecessorLeaving", id="a deleted one's"),
        pytest.param(body(), "u1", "", id="its own"),
    ],
)
def test_an_object_that_is_not_the_workers_is_in_the_way(
    live: dict[str, Any] | None, uid: str | None, word: str
) -> None:
    found = told(preview(live, body(), Service=child("Service", uid)))
    assert [words.partition(":")[0] for words in found.refused] == ([word] if word else [])


def test_a_claim_is_held_to_the_one_that_is_there() -> None:
    claim = {"volumeClaimTemplate": {"size": "1Gi", "accessModes": ["ReadWriteMany"], "storageClassName": "fast"}}
    spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "slow", "resources": {"requests": {"storage": "1Gi"}}}
    found = told(preview(body(), body(cache=claim), PersistentVolumeClaim=child("PersistentVolumeClaim", "u1", **spec)))
    assert found.refused == (
        "ClaimUnchangeable: spec.cache.volumeClaimTemplate.storageClassName: 'fast' is asked for, and it has 'slow'.",
    )


def test_a_claim_that_outlived_its_worker_is_taken_up_again() -> None:
    labels = {"app.kubernetes.io/managed-by": "llmworker-operator", "llmworker.dev/worker": "chat"}
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    kept = {"kind": "PersistentVolumeClaim", "metadata": {"name": "chat", "labels": labels}, "spec": spec}
    cache = {"volumeClaimTemplate": {"size": "1Gi", "accessModes": ["ReadWriteMany"]}}
    assert told(preview(body(), body(cache=cache), PersistentVolumeClaim=kept)).refused == ()


def test_a_present_spec_that_is_not_applied_is_told() -> None:
    condition = {"type": "Accepted", "status": "False", "reason": "Paused"}
    found = told(preview({**body(), "status": {"conditions": [condition]}}, body()))
    assert found.remarks == ("the present spec is not applied (Paused): pods may be those of an earlier one",)


def test_pods_of_another_template_than_ours_are_told_and_images_come_from_where_they_came_from() -> None:
    container = {"name": "worker", "image": "mirror/own:stable-cuda12.1.0"}
    template = {
        "metadata": {"annotations": {"llmworker.dev/template-hash": "other"}},
        "spec": {"containers": [container]},
    }
    deployment = child("Deployment", "u1", template=template)
    found = told(preview(body(), body(image={"channel": "dev"}), Deployment=deployment))
    assert "the pods are not of the template" in found.remarks[0]
    assert found.forecast is not None
    (change,) = found.forecast.children
    assert "mirror/own:dev-cuda12.1.0" in [each.after for each in change.differences]
