"""What a change of a spec is said to do: by rendering, never by a table."""

from typing import Any

import pytest

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.changes import Forecast, forecast, rolling
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner

MODEL = {"model": {"name": "m"}}
SHARED = {"size": "10Gi", "accessModes": ["ReadWriteMany"]}


def foreseen(before: dict[str, Any] | None, after: dict[str, Any]) -> Forecast:
    bodies = [None if spec is None else {"spec": {**MODEL, **spec}} for spec in (before, after)]
    return forecast(Owner("chat", "prod"), bodies[0], bodies[1] or {}, Config())


def fields(found: Forecast) -> dict[str, tuple[bool, tuple[str, ...]]]:
    return {field.field: (field.restarts, field.kinds) for field in found.fields}


def children(found: Forecast) -> dict[str, str]:
    return {child.kind: child.action for child in found.children}


@pytest.mark.parametrize(
    ("before", "after", "field", "restarts", "kinds"),
    [
        ({"engine": {"seed": 1}}, {"engine": {"seed": 2}}, "spec.engine.seed", True, ("Deployment",)),
        ({}, {"replicas": 2}, "spec.replicas", False, ("Deployment", "PodDisruptionBudget")),
        ({}, {"rollout": {"maxSurge": 1}}, "spec.rollout.maxSurge", False, ("Deployment",)),
        ({"cache": {"volumeClaimTemplate": SHARED}}, {"cache": {"volumeClaimTemplate": {**SHARED, "size": "20Gi"}}},
         "spec.cache.volumeClaimTemplate.size", False, ("PersistentVolumeClaim",)),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}, "spec.env[A].value", True,
         ("Deployment",)),
        ({"image": {"channel": "stable"}}, {"image": {"channel": "dev"}}, "spec.image.channel", True, ("Deployment",)),
        ({"gpu": {}}, {"gpu": {"count": 1}}, "spec.gpu.count", False, ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_field_restarts_pods_if_their_template_becomes_another(
    before: dict[str, Any], after: dict[str, Any], field: str, restarts: bool, kinds: tuple[str, ...]
) -> None:
    assert fields(foreseen(before, after)) == {field: (restarts, kinds)}


def test_each_field_is_told_alone() -> None:
    before = {"engine": {"maxModelLen": 4096, "seed": 1}, "replicas": 3}
    found = foreseen(before, {"engine": {"maxModelLen": 8192, "seed": 1}, "replicas": 2})
    assert fields(found) == {
        "spec.engine.maxModelLen": (True, ("Deployment",)),
        "spec.replicas": (False, ("Deployment",)),
    }
    assert (found.rolls, found.restarts) == (True, 2)


CLAIMED, FOLDER = {"persistentVolumeClaim": {"claimName": "models"}}, {"hostPath": {"path": "/models"}}


@pytest.mark.parametrize("caches", [(CLAIMED, FOLDER), (FOLDER, CLAIMED)], ids=["to a folder", "to a claim"])
def test_a_change_that_another_outdoes_is_told_by_what_its_absence_would_change(caches: tuple[Any, Any]) -> None:
    found = foreseen(*({"cache": cache} for cache in caches))
    assert fields(found) == {f"spec.cache.{kind}": (True, ("Deployment",)) for cache in caches for kind in cache}


def test_fields_that_need_each_other_are_told_all_the_same() -> None:
    found = foreseen({}, {"engine": {"enableLora": True, "maxLoras": 2, "loraModules": [{"name": "a", "path": "/a"}]}})
    assert fields(found) == dict.fromkeys(
        ("spec.engine.enableLora", "spec.engine.maxLoras", "spec.engine.loraModules"), (True, ("Deployment",))
    )


def test_labels_of_the_worker_touch_nothing_but_the_worker() -> None:
    before, after = ({"metadata": {"labels": {"team": team}}, "spec": MODEL} for team in "ab")
    found = forecast(Owner("chat", "prod"), before, after, Config())
    assert fields(found) == {"metadata.labels.team": (False, ())}
    assert (found.rolls, found.nothing) == (False, False)


def test_what_kubectl_remembers_is_no_change() -> None:
    said = {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}, "spec": MODEL}
    assert forecast(Owner("chat", "prod"), said, {"spec": MODEL}, Config()).nothing


@pytest.mark.parametrize(
    ("when_deleted", "action"), [("Delete", "delete"), ("Retain", "keep"), (None, "keep")], ids=str
)
def test_a_claim_goes_with_its_cache_only_where_that_was_asked_for(when_deleted: str | None, action: str) -> None:
    stated = {**SHARED, **({"whenDeleted": when_deleted} if when_deleted else {})}
    assert children(foreseen({"cache": {"volumeClaimTemplate": stated}}, {}))["PersistentVolumeClaim"] == action


def test_children_come_and_go_with_the_replicas() -> None:
    assert children(foreseen({}, {"replicas": 2})) == {"Deployment": "change", "PodDisruptionBudget": "create"}
    assert children(foreseen({"replicas": 2}, {})) == {"Deployment": "change", "PodDisruptionBudget": "delete"}


def test_a_new_worker_restarts_nothing() -> None:
    found = foreseen(None, {"replicas": 2})
    assert children(found) == dict.fromkeys(("Service", "Deployment", "PodDisruptionBudget"), "create")
    assert (found.fields, found.rolls) == ((), False)


def test_nothing_happens_while_it_is_paused() -> None:
    found = foreseen({"replicas": 2}, {"replicas": 2, "paused": True, "engine": {"seed": 2}})
    assert fields(found) == {"spec.engine.seed": (True, ("Deployment",)), "spec.paused": (False, ())}
    assert (found.children, found.rolls, found.paused) == ((), False, True)


def test_the_hash_of_the_template_is_no_difference_of_its_own() -> None:
    (deployment,) = foreseen({"engine": {"seed": 1}}, {"engine": {"seed": 2}}).children
    assert [found.path for found in deployment.differences] == ["spec.template.spec.containers[worker].env[SEED].value"]


LEAVES_FIRST, SERVES_FIRST = "each leaves before its successor comes", "each new pod serves before an old one leaves"


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        pytest.param({}, f"one at a time, {LEAVES_FIRST}", id="as unset"),
        pytest.param({"maxSurge": 1}, f"one at a time, {SERVES_FIRST}", id="a spare GPU"),
        pytest.param({"maxSurge": "30%"}, f"2 at a time, {SERVES_FIRST}", id="a surge is rounded up"),
        pytest.param(
            {"maxUnavailable": "60%"}, f"2 at a time, {LEAVES_FIRST}", id="what may be missing is rounded down"
        ),
        pytest.param({"maxUnavailable": "10%"}, f"one at a time, {LEAVES_FIRST}", id="but never to none"),
        pytest.param({"maxUnavailable": 2, "maxSurge": 1}, "2 at a time, with up to 1 more meanwhile", id="both"),
        pytest.param({"strategy": "Recreate"}, "all at once: every pod ends before the new ones come", id="Recreate"),
    ],
)
def test_how_four_pods_are_replaced(rollout: dict[str, Any], words: str) -> None:
    assert rolling(LLMWorkerSpec.model_validate({**MODEL, "rollout": rollout}), 4) == words
