"""The operator against a real API server: what it does not allow, and what confines a worker's pod."""

from pathlib import Path

import pytest
import yaml

from assets.llmworkers import LLMWorkers
from assets.waiting import until
from demo.kube import Failed
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.validation import parsed

pytestmark = pytest.mark.l1

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def test_code_of_a_model_is_refused_with_what_to_do_and_the_running_revision_stays(workers: LLMWorkers) -> None:
    workers.apply(engine={"seed": 1})
    workers.wait_until_applied()
    workers.apply(model={"name": "m", "trustRemoteCode": True}, engine={"seed": 2})
    until(lambda: workers.accepted() == "RemoteCodeForbidden", "the status says it")
    assert "worker.allowTrustRemoteCode" in workers.condition("Accepted")["message"]
    environment = workers.pod()["containers"][0]["env"]
    assert {"name": "SEED", "value": "1"} in environment
    assert "TRUST_REMOTE_CODE" not in {entry["name"] for entry in environment}
    workers.apply(engine={"seed": 2})
    workers.wait_until_applied()
    assert {"name": "SEED", "value": "2"} in workers.pod()["containers"][0]["env"]


def test_a_network_policy_is_the_workers_own_is_repaired_and_goes_with_its_field(workers: LLMWorkers) -> None:
    gateway = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
    workers.apply(networkPolicy={"ingressFrom": [gateway, {"podSelector": {}}]})
    workers.wait_until_applied()
    policy = workers.get("networkpolicy")
    assert policy["metadata"]["ownerReferences"][0]["name"] == "chat"
    assert policy["spec"]["podSelector"]["matchLabels"] == {"llmworker.dev/worker": "chat"}
    assert policy["spec"]["ingress"][0]["from"] == [gateway, {"podSelector": {}}]
    edit = '{"spec": {"ingress": [{}]}}'
    workers.kubectl("patch", "networkpolicy", "chat", "--type=merge", "-p", edit)
    until(lambda: workers.get("networkpolicy")["spec"]["ingress"] == policy["spec"]["ingress"], "closed again")
    workers.apply()
    until(lambda: not workers.exists("networkpolicy"), "it is pruned")


DIGEST = f"sha256:{'0a' * 32}"


def test_an_image_is_pinned_by_its_digest(workers: LLMWorkers) -> None:
    workers.apply(image={"reference": f"registry.example:5000/worker:1@{DIGEST}"})
    workers.wait_until_applied()
    assert workers.pod()["containers"][0]["image"] == f"registry.example:5000/worker:1@{DIGEST}"
    for wrong in (f"worker@{DIGEST}0", f"worker@{DIGEST.upper()}", "worker@sha256:abc", "worker@"):
        with pytest.raises(Failed) as refused:
            workers.apply(image={"reference": wrong})
        assert f'spec.image.reference: Invalid value: "{wrong}": a digest is sha256: and 64 digits' in str(
            refused.value
        )


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({}, "spec.networkPolicy.ingressFrom: Required value"),
        ({"ingressFrom": []}, "spec.networkPolicy.ingressFrom"),
        ({"ingressFrom": [{}]}, "a peer is chosen by podSelector, by namespaceSelector or by both"),
        ({"ingressFrom": [{"podSelector": {"matchExpressions": []}}]}, "unknown field"),
    ],
)
def test_the_api_server_refuses_a_policy_that_would_let_in_everybody(
    workers: LLMWorkers, policy: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Failed) as refused:
        workers.apply(networkPolicy=policy)
    assert sentence in str(refused.value)


def test_the_pods_of_all_examples_and_the_operators_pass_the_restricted_level_and_none_of_ours_has_a_token(
    workers: LLMWorkers,
) -> None:
    workers.restrict()
    for example in EXAMPLES:
        worker = yaml.safe_load(example.read_text())
        owner = Owner(worker["metadata"]["name"], workers.namespace)
        rendered = children(owner, parsed(worker["spec"]), Config())
        (pod,) = [found["spec"]["template"]["spec"] for found in rendered if found["kind"] == "Deployment"]
        admitted = workers.admitted(pod)
        volumes = [volume["name"] for volume in admitted["volumes"]]
        assert volumes == [volume["name"] for volume in pod["volumes"]], "no volume with a token was added"
    workers.kubectl("create", "serviceaccount", "release")
    chart = str(ROOT / "charts" / "llmworker-operator")
    only = "--show-only=templates/deployment.yaml"
    operator = yaml.safe_load(workers.kube.helm("template", "release", chart, only))
    (volume,) = workers.admitted(operator["spec"]["template"]["spec"])["volumes"]
    assert volume["name"].startswith("kube-api-access-"), "the operator's token, by the same admission"
