"""The operator's process against a real API server: what it applies, repairs, leaves alone, and how often it writes."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from click.testing import CliRunner

from assets.audit import by_operator, requests, resource, writes
from assets.llmworkers import LLMWorkers
from assets.operator_process import OperatorProcess
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Failed, Kube
from llmworker_operator.cli import main
from llmworker_operator.cluster import WATCHED

pytestmark = pytest.mark.l1

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def environment(workers: LLMWorkers) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in workers.pod()["containers"][0]["env"]}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_applied_and_accepted(workers: LLMWorkers, example: Path) -> None:
    workers.kubectl("apply", "-f", str(example))
    name = yaml.safe_load(example.read_text())["metadata"]["name"]
    until(lambda: workers.condition("Accepted", name).get("status") == "True", "accepted")
    assert workers.exists("deployment", name)
    assert workers.exists("service", name)


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
            {"env": [{"name": "VLLM_API_KEY", "value": "1"}]}, "serving.apiKeysSecretRef", id="a key for vLLM itself"
        ),
        pytest.param(
            {"env": [{"name": "LLMWORKER_ADMIN_PORT", "value": "1"}]}, "worker image's own", id="the image's variable"
        ),
        pytest.param(
            {"cache": {"emptyDir": {}, "persistentVolumeClaim": {"claimName": "c"}}}, "keep one", id="two caches"
        ),
        pytest.param(
            {"replicas": 2, "cache": {"volumeClaimTemplate": {"size": "1Gi"}}},
            "set cache.volumeClaimTemplate.accessModes to [ReadWriteMany]",
            id="several replicas on a claim of one node",
        ),
        pytest.param(
            {"cache": {"volumeClaimTemplate": {"size": "lots"}}},
            "spec.cache.volumeClaimTemplate.size",
            id="no quantity",
        ),
        pytest.param({"gpu": {"sharedMemory": -1}}, "spec.gpu.sharedMemory", id="less than nothing"),
        pytest.param({"cache": {"hostPath": {"path": "models"}}}, "spec.cache.hostPath.path", id="no absolute path"),
        pytest.param(
            {"image": {"profile": "cpu", "channel": "dev"}}, "remove cudaVersion and channel", id="two images"
        ),
        pytest.param({"image": {"profile": "nightly"}}, "spec.image.profile", id="unknown profile"),
        pytest.param({"engine": {"maxLoras": 2}}, "set enableLora to true, or remove maxLoras", id="LoRA without LoRA"),
        pytest.param(
            {"engine": {"tensorParallelSize": 2}, "gpu": {"count": 1}}, "gpu.count must equal", id="too few GPUs"
        ),
        pytest.param({"openai": {"responseRole": "None"}}, "the word None means unset", id="the word None"),
        pytest.param({"openai": {"responseRole": " a"}}, "spec.openai.responseRole", id="a blank at the start"),
    ],
)
def test_the_api_server_refuses_it_and_names_the_field(
    workers: LLMWorkers, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Failed) as refused:
        workers.apply(**spec)
    assert sentence in str(refused.value)


def test_a_name_that_no_service_could_have_is_refused(workers: LLMWorkers) -> None:
    with pytest.raises(Failed, match=r"at most 63 characters, beginning with a letter"):
        workers.apply(name="7-billion")


def test_explain_names_the_variable_the_unit_and_what_unset_means(kube: Kube) -> None:
    told = " ".join(kube.kubectl("explain", "llmworker.spec.engine.maxModelLen").split())
    assert "MAX_MODEL_LEN" in told
    assert "in tokens" in told
    assert "Unset: the length that the model declares" in told


def test_the_pods_environment_is_exactly_what_the_command_line_printed_for_every_variable_at_once(
    workers: LLMWorkers,
) -> None:
    example = str(ROOT / "examples" / "everything.yaml")
    workers.kubectl("apply", "-f", example)
    until(lambda: workers.condition("Accepted", "everything").get("status") == "True", "accepted")
    template = workers.get("deployment", "everything")["spec"]["template"]["spec"]
    printed = json.loads(CliRunner().invoke(main, ["env", "-f", example, "--json"]).output)
    assert template["containers"][0]["env"] == [
        {key: value for key, value in entry.items() if key != "field"} for entry in printed
    ]
    told = {found["variable"]: found for found in workers.get("llmworker", "everything")["status"]["settings"]}
    assert told["PREEMPTION_CHECK_PERIOD"]["field"] == "spec.engine.preemptionCheckPeriod"
    assert told["PREEMPTION_CHECK_PERIOD"]["verdict"] == "never had effect"
    assert "MAX_MODEL_LEN" not in told


def test_what_only_the_engine_refuses_is_told_and_the_running_revision_stays(workers: LLMWorkers) -> None:
    workers.apply(engine={"quantization": "awq"})
    until(lambda: workers.exists("deployment"), "deployment")
    workers.apply(engine={"quantization": "squeezellm"})
    until(lambda: workers.condition("Accepted").get("reason") == "InvalidSpec", "the status says it")
    assert "spec.engine.quantization: vLLM 0.6.3.post1" in workers.condition("Accepted")["message"]
    assert environment(workers)["QUANTIZATION"] == "awq"


def test_an_edit_reaches_the_pod_template(workers: LLMWorkers) -> None:
    workers.apply(engine={"maxModelLen": 1024})
    until(lambda: workers.exists("deployment"), "deployment")
    assert environment(workers)["MAX_MODEL_LEN"] == "1024"
    workers.apply(engine={"maxModelLen": 512, "enforceEager": True})
    until(lambda: environment(workers)["MAX_MODEL_LEN"] == "512", "the new length")
    assert environment(workers)["ENFORCE_EAGER"] == "1"
    workers.apply()
    until(lambda: "MAX_MODEL_LEN" not in environment(workers), "the removed field is gone")


def test_a_deleted_deployment_comes_back_and_an_edited_one_is_repaired(workers: LLMWorkers) -> None:
    workers.apply()
    until(lambda: workers.exists("deployment"), "deployment")
    first = workers.get("deployment")["metadata"]["uid"]
    workers.kubectl("delete", "deployment", "chat")
    until(lambda: workers.exists("deployment"), "it is back", 5)
    assert workers.get("deployment")["metadata"]["uid"] != first
    workers.kubectl("set", "env", "deployment/chat", "MODEL_NAME=other")
    until(lambda: environment(workers)["MODEL_NAME"] == "m", "the edit is taken back", 5)
    edit = '{"spec": {"selector": {"llmworker.dev/worker": "other"}}}'
    workers.kubectl("patch", "service", "chat", "--type=merge", "-p", edit)

    def selector() -> str:
        return str(workers.get("service")["spec"]["selector"]["llmworker.dev/worker"])

    until(lambda: selector() == "chat", "the Service selects the worker again", 5)


def test_somebody_elses_service_is_left_alone_and_the_status_says_so(workers: LLMWorkers) -> None:
    workers.kubectl("create", "service", "clusterip", "chat", "--tcp=80")
    workers.apply()
    until(lambda: workers.condition("Accepted").get("reason") == "NameTaken", "the status says it")
    assert "ownerReferences" not in workers.get("service")["metadata"]
    assert not workers.exists("deployment")


def test_scaling_through_the_scale_subresource(workers: LLMWorkers) -> None:
    workers.apply()
    until(lambda: workers.exists("deployment"), "deployment")
    workers.kubectl("scale", "llmworker", "chat", "--replicas=3")
    until(lambda: workers.get("deployment")["spec"]["replicas"] == 3, "three replicas")


def test_a_new_worker_costs_three_writes(workers: LLMWorkers, l1: Rig) -> None:
    since = l1.audit_log.stat().st_size
    workers.apply()
    until(lambda: bool(workers.condition("Accepted")), "status")
    time.sleep(1)
    assert writes(l1, since, workers.namespace) == [
        "create llmworkers",
        "patch deployments",
        "patch llmworkers/status",
        "patch services",
    ]


def test_only_our_own_objects_are_listed_and_watched(operator: OperatorProcess, l1: Rig) -> None:
    kinds = {kind.plural for kind in WATCHED}

    def asked(*verbs: str) -> list[dict[str, Any]]:
        ours = filter(by_operator, requests(l1))
        return [event for event in ours if event["verb"] in verbs and resource(event) in kinds]

    until(lambda: {resource(event) for event in asked("watch")} == kinds, "each kind is watched")
    selector = "labelSelector=app.kubernetes.io/managed-by=llmworker-operator"
    uris = {unquote(event["requestURI"]) for event in asked("list", "watch")}
    assert [uri for uri in uris if selector not in uri] == []


def test_a_restart_writes_nothing_and_what_changed_meanwhile_is_seen(
    workers: LLMWorkers, l1: Rig, operator: OperatorProcess
) -> None:
    for example in EXAMPLES:
        workers.kubectl("apply", "-f", str(example))
    names = [yaml.safe_load(example.read_text())["metadata"]["name"] for example in EXAMPLES]
    until(lambda: all(workers.condition("Accepted", name) for name in names), "all accepted")
    assert operator.stop() == 0
    since = l1.audit_log.stat().st_size
    operator.start()
    time.sleep(2)
    assert writes(l1, since, workers.namespace) == []
    operator.stop()
    workers.kubectl("delete", "deployment", names[0])
    operator.start()
    until(lambda: workers.exists("deployment", names[0]), "what was deleted meanwhile is back")
