"""The operator against a real API server: what it does not allow, and what confines a worker's pod."""

import pytest

from assets.llmworkers import LLMWorkers
from assets.waiting import until
from demo.kube import Failed

pytestmark = pytest.mark.l1


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
