"""The operator's process against a real API server: what it applies, repairs, leaves alone, and how often it writes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from assets.operator_process import OperatorProcess
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Failed, Kube

pytestmark = pytest.mark.l1

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def kube(l1: Rig) -> Kube:
    found = Kube(l1.environment())
    found.kubectl("apply", "-f", str(ROOT / "crds"))
    found.kubectl("wait", "crd/llmworkers.llmworker.dev", "--for=condition=Established", "--timeout=30s")
    return found


@pytest.fixture(scope="module")
def operator(kube: Kube, l1: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    found = OperatorProcess(l1, tmp_path_factory.mktemp("operator") / "log", health_port=18099)
    found.start()
    yield found
    assert found.stop() == 0


@pytest.fixture
def namespace(kube: Kube, request: pytest.FixtureRequest) -> Iterator[str]:
    name = "t-" + str(abs(hash(request.node.name)) % 10**8)
    kube.kubectl("create", "namespace", name)
    yield name
    kube.kubectl("delete", "llmworkers", "--all", "-n", name)


def exists(kube: Kube, kind: str, name: str, namespace: str) -> bool:
    return bool(kube.kubectl("get", kind, name, "-n", namespace, "--ignore-not-found"))


def apply(kube: Kube, namespace: str, name: str = "chat", **spec: Any) -> None:
    body = {
        "apiVersion": "llmworker.dev/v1alpha1",
        "kind": "LLMWorker",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": {"name": "m"}, **spec},
    }
    kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(body))


def condition(kube: Kube, namespace: str, kind: str, name: str = "chat") -> dict[str, Any]:
    conditions = kube.get("llmworker", name, "-n", namespace).get("status", {}).get("conditions", [])
    return next((dict(found) for found in conditions if found["type"] == kind), {})


def environment(kube: Kube, namespace: str, name: str = "chat") -> dict[str, str]:
    pod = kube.get("deployment", name, "-n", namespace)["spec"]["template"]["spec"]
    return {entry["name"]: entry.get("value", "") for entry in pod["containers"][0]["env"]}


def writes(rig: Rig, since: int, namespace: str) -> list[str]:
    """Verb and resource of each write below the namespace that the audit log holds after byte `since`."""
    found = []
    for line in rig.audit_log.read_bytes()[since:].splitlines():
        event = json.loads(line)
        target = event.get("objectRef", {})
        if event["verb"] in {"create", "update", "patch", "delete"} and target.get("namespace") == namespace:
            parts = (event["verb"], target["resource"], target.get("subresource", ""))
            found.append(" ".join(part for part in parts if part))
    return sorted(found)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_applied_and_accepted(
    kube: Kube, operator: OperatorProcess, namespace: str, example: Path
) -> None:
    kube.kubectl("apply", "-n", namespace, "-f", str(example))
    name = yaml.safe_load(example.read_text())["metadata"]["name"]
    until(lambda: condition(kube, namespace, "Accepted", name).get("status") == "True", "accepted")
    assert exists(kube, "deployment", name, namespace)
    assert exists(kube, "service", name, namespace)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        pytest.param({"engine": {"maxModelLen": -1}}, "spec.engine.maxModelLen", id="a length below one"),
        pytest.param({"engine": {"maxModelLength": 9}}, 'unknown field "spec.engine.maxModelLength"', id="unknown"),
        pytest.param({"engine": {"dtype": "int4"}}, "spec.engine.dtype", id="not a choice"),
        pytest.param({"model": {}}, "spec.model.name", id="no model"),
        pytest.param(
            {"env": [{"name": "SEED", "value": "1"}]}, "set by its field of the spec", id="a field's variable"
        ),
        pytest.param(
            {"env": [{"name": "LLMWORKER_ADMIN_PORT", "value": "1"}]}, "worker image's own", id="the image's variable"
        ),
        pytest.param(
            {"cache": {"emptyDir": {}, "persistentVolumeClaim": {"claimName": "c"}}}, "not both", id="two caches"
        ),
        pytest.param(
            {"image": {"profile": "cpu", "channel": "dev"}}, "remove cudaVersion and channel", id="two images"
        ),
        pytest.param({"image": {"profile": "nightly"}}, "spec.image.profile", id="unknown profile"),
    ],
)
def test_the_api_server_refuses_it_and_names_the_field(
    kube: Kube, namespace: str, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Failed) as refused:
        apply(kube, namespace, **spec)
    assert sentence in str(refused.value)


def test_a_name_that_no_service_could_have_is_refused(kube: Kube, namespace: str) -> None:
    with pytest.raises(Failed, match=r"at most 63 characters, beginning with a letter"):
        apply(kube, namespace, name="7-billion")


def test_explain_names_the_variable_the_unit_and_what_unset_means(kube: Kube) -> None:
    told = " ".join(kube.kubectl("explain", "llmworker.spec.engine.maxModelLen").split())
    assert "MAX_MODEL_LEN" in told
    assert "in tokens" in told
    assert "Unset: the length that the model declares" in told


def test_an_edit_reaches_the_pod_template(kube: Kube, operator: OperatorProcess, namespace: str) -> None:
    apply(kube, namespace, engine={"maxModelLen": 1024})
    until(lambda: exists(kube, "deployment", "chat", namespace), "deployment")
    assert environment(kube, namespace)["MAX_MODEL_LEN"] == "1024"
    apply(kube, namespace, engine={"maxModelLen": 512, "enforceEager": True})
    until(lambda: environment(kube, namespace)["MAX_MODEL_LEN"] == "512", "the new length")
    assert environment(kube, namespace)["ENFORCE_EAGER"] == "1"
    apply(kube, namespace)
    until(lambda: "MAX_MODEL_LEN" not in environment(kube, namespace), "the removed field is gone")


def test_a_deleted_deployment_comes_back_and_an_edited_one_is_repaired(
    kube: Kube, operator: OperatorProcess, namespace: str
) -> None:
    apply(kube, namespace)
    until(lambda: exists(kube, "deployment", "chat", namespace), "deployment")
    first = kube.get("deployment", "chat", "-n", namespace)["metadata"]["uid"]
    kube.kubectl("delete", "deployment", "chat", "-n", namespace)
    until(lambda: exists(kube, "deployment", "chat", namespace), "it is back", 5)
    assert kube.get("deployment", "chat", "-n", namespace)["metadata"]["uid"] != first
    kube.kubectl("set", "env", "deployment/chat", "MODEL_NAME=other", "-n", namespace)
    until(lambda: environment(kube, namespace)["MODEL_NAME"] == "m", "the edit is taken back", 5)
    edit = '{"spec": {"selector": {"llmworker.dev/worker": "other"}}}'
    kube.kubectl("patch", "service", "chat", "-n", namespace, "--type=merge", "-p", edit)

    def selector() -> str:
        return str(kube.get("service", "chat", "-n", namespace)["spec"]["selector"]["llmworker.dev/worker"])

    until(lambda: selector() == "chat", "the Service selects the worker again", 5)


def test_somebody_elses_service_is_left_alone_and_the_status_says_so(
    kube: Kube, operator: OperatorProcess, namespace: str
) -> None:
    kube.kubectl("create", "service", "clusterip", "chat", "--tcp=80", "-n", namespace)
    apply(kube, namespace)
    until(lambda: condition(kube, namespace, "Accepted").get("reason") == "NameTaken", "the status says it")
    assert "ownerReferences" not in kube.get("service", "chat", "-n", namespace)["metadata"]
    assert not exists(kube, "deployment", "chat", namespace)


def test_scaling_through_the_scale_subresource(kube: Kube, operator: OperatorProcess, namespace: str) -> None:
    apply(kube, namespace)
    until(lambda: exists(kube, "deployment", "chat", namespace), "deployment")
    kube.kubectl("scale", "llmworker", "chat", "--replicas=3", "-n", namespace)
    until(lambda: kube.get("deployment", "chat", "-n", namespace)["spec"]["replicas"] == 3, "three replicas")


def test_a_new_worker_costs_three_writes(kube: Kube, l1: Rig, operator: OperatorProcess, namespace: str) -> None:
    since = l1.audit_log.stat().st_size
    apply(kube, namespace)
    until(lambda: bool(condition(kube, namespace, "Accepted")), "status")
    time.sleep(1)
    assert writes(l1, since, namespace) == [
        "create llmworkers",
        "patch deployments",
        "patch llmworkers status",
        "patch services",
    ]


def test_only_our_own_children_are_listed_and_watched(kube: Kube, l1: Rig, operator: OperatorProcess) -> None:
    events = [json.loads(line) for line in l1.audit_log.read_bytes().splitlines()]
    asked = {
        unquote(event["requestURI"])
        for event in events
        if event["verb"] in {"list", "watch"}
        and event.get("objectRef", {}).get("resource") in {"services", "deployments"}
        and "python" in event.get("userAgent", "").lower()
    }
    assert asked
    selector = "labelSelector=app.kubernetes.io/managed-by=llmworker-operator"
    assert [uri for uri in asked if selector not in uri] == []


def test_a_restart_writes_nothing_and_what_changed_meanwhile_is_seen(
    kube: Kube, l1: Rig, operator: OperatorProcess, namespace: str
) -> None:
    for example in EXAMPLES:
        kube.kubectl("apply", "-n", namespace, "-f", str(example))
    names = [yaml.safe_load(example.read_text())["metadata"]["name"] for example in EXAMPLES]
    until(lambda: all(condition(kube, namespace, "Accepted", name) for name in names), "all accepted")
    assert operator.stop() == 0
    since = l1.audit_log.stat().st_size
    operator.start()
    time.sleep(2)
    assert writes(l1, since, namespace) == []
    operator.stop()
    kube.kubectl("delete", "deployment", names[0], "-n", namespace)
    operator.start()
    until(lambda: exists(kube, "deployment", names[0], namespace), "what was deleted meanwhile is back")
