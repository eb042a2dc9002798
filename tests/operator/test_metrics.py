"""What is counted, and that every series is there from the start."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmworker_operator.metrics import Metrics
from llmworker_operator.store import Key, Store
from llmworker_operator.watches import Watches

KEY = Key("prod", "chat")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def metrics(store: Store) -> Metrics:
    return Metrics(store, Watches(("Pod",), now=0.0, patience=1.0))


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Of one series; None where there is none."""
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            if sample.name == f"llmworker_operator_{name}" and sample.labels == labels:
                return float(sample.value)
    return None


def test_what_may_fail_is_counted_from_the_start(metrics: Metrics) -> None:
    for result in ("done", "again", "error"):
        assert value(metrics, "reconciles_total", result=result) == 0
    for result in ("ok", "failed"):
        assert value(metrics, "resyncs_total", result=result) == 0
    assert value(metrics, "leader") == 0


async def test_reconciles_by_how_they_ended(metrics: Metrics) -> None:
    async def reconcile(key: Key) -> float | None:
        if key.name == "broken":
            raise RuntimeError
        return 2.0 if key.name == "waiting" else None

    measured = metrics.measured(reconcile)
    assert await measured(KEY) is None
    assert await measured(KEY._replace(name="waiting")) == 2.0
    with pytest.raises(RuntimeError):
        await measured(KEY._replace(name="broken"))
    for result in ("done", "again", "error"):
        assert value(metrics, "reconciles_total", result=result) == 1
    assert value(metrics, "reconcile_duration_seconds_count") == 3


def test_workers_by_condition(metrics: Metrics, store: Store) -> None:
    for number, ready in enumerate(("True", "False", "False")):
        metadata = {"namespace": "prod", "name": f"w{number}", "uid": str(number), "resourceVersion": "1"}
        conditions = [{"type": "Accepted", "status": "True"}, {"type": "Ready", "status": ready}]
        store.see_worker({"metadata": {**metadata, "generation": 1}, "status": {"conditions": conditions}})
    assert value(metrics, "workers", condition="Ready", status="False") == 2
    assert value(metrics, "workers", condition="Ready", status="True") == 1
    assert value(metrics, "workers", condition="Accepted", status="True") == 3


def test_the_rest(metrics: Metrics) -> None:
    metrics.answered("PATCH", 200)
    metrics.answered("GET", 0)
    metrics.resynced("failed")
    metrics.queue(lambda: 7)
    metrics.leads()
    assert value(metrics, "api_requests_total", verb="PATCH", code="200") == 1
    assert value(metrics, "api_requests_total", verb="GET", code="0") == 1
    assert value(metrics, "resyncs_total", result="failed") == 1
    assert value(metrics, "queue_depth") == 7
    assert value(metrics, "leader") == 1
    assert (value(metrics, "watch_age_seconds", kind="Pod") or 0) > 0
