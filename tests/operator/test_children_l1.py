"""The operator against a real API server: where pods may run, and what is behind their models."""

import json
import time
from typing import Any

import pytest

from assets.audit import asked
from assets.llmworkers import LLMWorkers, claim
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Failed

pytestmark = pytest.mark.l1


def test_the_drivers_affinity_joins_the_users_own_on_the_deployment(workers: LLMWorkers) -> None:
    rack = {"key": "rack", "operator": "Exists"}
    own = {"nodeSelectorTerms": [{"matchExpressions": [rack]}]}
    workers.apply(
        gpu={"resourceName": "nvidia.com/mig-1g.10gb"},
        scheduling={
            "cudaDriver": "Required",
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": own}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
            ],
        },
    )
    workers.wait_until_applied()
    pod = workers.pod()
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchExpressions"][0] for term in terms] == [rack] * 4
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": "1"}
    assert pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == {"llmworker.dev/worker": "chat"}
    assert pod["topologySpreadConstraints"][0]["minDomains"] == 2


def test_an_affinity_that_is_none_is_refused_in_the_api_servers_words(workers: LLMWorkers) -> None:
    workers.apply(scheduling={"affinity": {"nodeAffinity": 1}})
    until(lambda: workers.accepted() == "Refused", "the status says it")
    assert "nodeAffinity" in workers.condition("Accepted")["message"]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        pytest.param({"scheduling": {"cudaDriver": "Off"}}, "spec.scheduling.cudaDriver", id="not a choice"),
        pytest.param(
            {
                "scheduling": {
                    "topologySpreadConstraints": [
                        {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2}
                    ]
                }
            },
            "minDomains counts for DoNotSchedule only",
            id="domains that nobody counts",
        ),
        pytest.param(
            {"rollout": {"strategy": "Recreate", "maxUnavailable": 1}}, "Recreate ends all pods first", id="no roll"
        ),
        pytest.param({"rollout": {"maxUnavailable": 0}}, "a roll needs a pod that may be missing", id="stuck"),
        pytest.param({"rollout": {"maxUnavailable": "0%", "maxSurge": "0%"}}, "a roll needs a pod", id="stuck twice"),
        pytest.param({"rollout": {"maxSurge": "1"}}, "spec.rollout.maxSurge", id="neither a number nor a share"),
        pytest.param({"rollout": {"maxSurge": -1}}, "spec.rollout.maxSurge", id="fewer than none"),
        pytest.param(
            {"rollout": {"minReadySeconds": 3600}}, "must be greater than minReadySeconds", id="never in time"
        ),
        pytest.param(
            {"rollout": {"maxSurge": 1}, "cache": {"volumeClaimTemplate": {"size": 1}}},
            "a pod beside the replicas would wait for the claim",
            id="two pods, one claim",
        ),
        pytest.param({"nodes": 2}, "nodes must divide", id="more nodes than GPUs"),
        pytest.param(
            {"nodes": 2, "engine": {"tensorParallelSize": 2}, "gpu": {"count": 2}},
            "divided by nodes",
            id="all GPUs on each node",
        ),
        pytest.param(
            {"podMetadata": {"labels": {"llmworker.dev/worker": "x"}}}, "is the operator's own", id="our label"
        ),
        pytest.param(
            {"podMetadata": {"annotations": {"llmworker.dev/template-hash": "x"}}},
            "is the operator's own",
            id="our annotation",
        ),
    ],
)
def test_the_api_server_refuses_it(workers: LLMWorkers, spec: dict[str, object], sentence: str) -> None:
    with pytest.raises(Failed) as refused:
        workers.apply(**spec)
    assert sentence in str(refused.value)


def test_labels_and_annotations_of_the_user_reach_the_pods_and_a_doubtful_variable_the_status(
    workers: LLMWorkers,
) -> None:
    stated = {"labels": {"team": "search"}, "annotations": {"sidecar.istio.io/inject": "false"}}
    workers.apply(podMetadata=stated, env=[{"name": "MAX_MODEL_LENGTH", "value": "1"}])
    workers.wait_until_applied()
    metadata = workers.get("deployment")["spec"]["template"]["metadata"]
    assert all(metadata[kind].items() >= found.items() for kind, found in stated.items())
    (warning,) = workers.get("llmworker")["status"]["warnings"]
    assert (warning["reason"], warning["field"]) == ("MisspeltVariable", "spec.env[MAX_MODEL_LENGTH]")
    told = ("get", "events", "--field-selector", "reason=MisspeltVariable", "-o", "jsonpath={.items[*].message}")
    until(lambda: "did you mean MAX_MODEL_LEN?" in workers.kubectl(*told), "an event says it")
    workers.apply(podMetadata=stated)
    until(lambda: "warnings" not in workers.get("llmworker")["status"], "the warning is gone")


@pytest.mark.parametrize(("policy", "owned"), [(None, False), ("Retain", False), ("Delete", True)])
def test_the_claim_is_owned_only_where_it_is_to_go_with_the_worker(
    workers: LLMWorkers, policy: str | None, owned: bool
) -> None:
    workers.apply(cache=claim(**({"whenDeleted": policy} if policy else {})))
    workers.wait_until_applied()
    made = workers.get("persistentvolumeclaim")
    assert ("ownerReferences" in made["metadata"]) == owned
    assert made["spec"]["accessModes"] == ["ReadWriteOnce"]
    (volume,) = [found for found in workers.pod()["volumes"] if "persistentVolumeClaim" in found]
    assert volume["persistentVolumeClaim"] == {"claimName": "chat"}


def test_the_policy_can_change_and_a_cache_that_becomes_another_takes_an_owned_claim_with_it(
    workers: LLMWorkers, l1: Rig
) -> None:
    def owners() -> int:
        return len(workers.get("persistentvolumeclaim")["metadata"].get("ownerReferences", []))

    workers.apply(cache=claim(whenDeleted="Delete"))
    workers.wait_until_applied()
    workers.apply(cache=claim(whenDeleted="Retain"))
    until(lambda: owners() == 0, "nobody owns it")
    workers.apply(cache=claim(whenDeleted="Delete"))
    until(lambda: owners() == 1, "the worker owns it again")
    since = l1.audit_log.stat().st_size
    workers.apply()
    # It stays in sight here: the controller that takes the finalizer away does not run.
    until(lambda: "deletionTimestamp" in workers.get("persistentvolumeclaim")["metadata"], "it is told to go")
    workers.wait_until_applied()
    workers.apply(replicas=0)
    workers.wait_until_applied()
    assert asked(l1, since, workers.namespace, "persistentvolumeclaims") == ["delete"]


def test_a_retained_claim_is_taken_up_by_the_next_worker_of_its_name(workers: LLMWorkers) -> None:
    workers.apply(cache=claim())
    workers.wait_until_applied()
    first = workers.get("persistentvolumeclaim")["metadata"]["uid"]
    workers.kubectl("delete", "llmworker", "chat")
    workers.kubectl("delete", "deployment,service", "chat")  # the collector does not run here
    workers.apply(cache=claim())
    workers.wait_until_applied()
    assert workers.get("persistentvolumeclaim")["metadata"]["uid"] == first


def test_a_claim_grows_and_what_it_cannot_become_is_told_and_not_tried(workers: LLMWorkers, l1: Rig) -> None:
    elastic = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "elastic"},
        "provisioner": "example.com/disks",
        "allowVolumeExpansion": True,
    }
    workers.kube.kubectl("apply", "-f", "-", stdin=json.dumps(elastic))
    workers.apply(cache=claim(storageClassName="elastic"))
    workers.wait_until_applied()
    bound = '{"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}'
    workers.kubectl("patch", "persistentvolumeclaim", "chat", "--subresource=status", "--type=merge", "-p", bound)
    workers.apply(cache=claim("2Gi"))  # the class is no longer stated, and stays

    def spec() -> dict[str, Any]:
        return dict(workers.get("persistentvolumeclaim")["spec"])

    until(lambda: spec()["resources"]["requests"]["storage"] == "2Gi", "it grows")
    assert spec()["storageClassName"] == "elastic"
    workers.wait_until_applied()
    since = l1.audit_log.stat().st_size
    workers.apply(cache=claim("1Gi", storageClassName="other", accessModes=["ReadWriteMany"]))
    until(lambda: workers.accepted() == "ClaimUnchangeable", "the status says it")
    message = workers.condition("Accepted")["message"]
    assert all(field in message for field in ("never shrinks", "storageClassName", "accessModes"))
    time.sleep(3)
    verbs = asked(l1, since, workers.namespace, "persistentvolumeclaims")
    assert set(verbs) == {"get"}
    assert len(verbs) <= 2  # the second where the echo of the status was faster than the answer to its write


def test_several_replicas_are_refused_on_a_claim_of_one_node_also_by_scale(workers: LLMWorkers) -> None:
    workers.apply(cache=claim())
    with pytest.raises(Failed, match="only ReadWriteMany lets pods on several nodes mount"):
        workers.kubectl("scale", "llmworker", "chat", "--replicas=2")
    workers.apply("wide", replicas=2, cache=claim(accessModes=["ReadWriteMany"]))
    workers.wait_until_applied("wide")


def test_a_folder_of_the_node_is_mounted_and_the_restricted_level_refuses_its_pod(workers: LLMWorkers) -> None:
    workers.apply(cache={"hostPath": {"path": "/var/models", "readOnly": True}})
    workers.apply("plain")
    workers.wait_until_applied()
    workers.wait_until_applied("plain")
    pod = workers.pod()
    assert pod["volumes"][0] == {"name": "models", "hostPath": {"path": "/var/models", "type": "Directory"}}
    assert {"name": "HF_HOME", "value": "/tmp/huggingface"} in pod["containers"][0]["env"]
    workers.restrict()
    assert workers.admitted(workers.pod("plain"))
    with pytest.raises(Failed, match='restricted volume type "hostPath"'):
        workers.admitted(pod)
