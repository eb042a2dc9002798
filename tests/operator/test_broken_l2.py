"""Workers that are broken for real, by the words of the real scheduler, controllers and admission: each is told with a
reason, the component's own sentence, and what to do."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from assets.broken import Broken, check_told
from assets.llmworkers import LLMWorkers, defined
from assets.operator_process import running_operator
from cluster.rig import Rig
from demo.kube import Kube

pytestmark = pytest.mark.l2

SPECIAL = "llmworker.dev/test-node"
GUARDED = "llmworker-guarded"


def anti_affinity(name: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"llmworker.dev/worker": name}}, "topologyKey": "kubernetes.io/hostname"}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def claim(storage_class: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def quota(**hard: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "little"}, "spec": {"hard": hard}}


LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "little"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]},
}
CACHE = {"persistentVolumeClaim": {"claimName": "models"}}

BROKEN = {
    "gpus": Broken({"engine": {"tensorParallelSize": 9}}, "InsufficientGPU", "Insufficient nvidia.com/gpu", "fewer"),
    "mig": Broken(
        {"gpu": {"resourceName": "nvidia.com/mig-1g.10gb"}}, "InsufficientGPU", "mig-1g.10gb", "device plugin"
    ),
    "memory": Broken(
        {"resources": {"requests": {"memory": "100Ti"}}}, "InsufficientResources", "Insufficient memory", "memory"
    ),
    "selector": Broken(
        {"scheduling": {"nodeSelector": {"disk": "gold"}}}, "NoMatchingNode", "didn't match", "spec.scheduling"
    ),
    "taint": Broken(
        {"scheduling": {"nodeSelector": {SPECIAL: "tainted"}}}, "NoMatchingNode", "untolerated taint", "tolerate the"
    ),
    "spread": Broken(
        {"replicas": 2, "scheduling": {"nodeSelector": {SPECIAL: "one"}, "affinity": anti_affinity("spread")}},
        "SpreadNotPossible",
        "anti-affinity",
        "fewer replicas",
    ),
    "noclaim": Broken({"cache": CACHE}, "VolumeClaimMissing", 'persistentvolumeclaim "models" not found', "spec.cache"),
    "pending": Broken(
        {"cache": CACHE}, "VolumeClaimPending", "unbound immediate", "kubectl describe pvc", [claim("none")]
    ),
    "quota": Broken(
        {}, "QuotaExceeded", "exceeded quota: little", "quota", [quota(**{"requests.nvidia.com/gpu": "0"})]
    ),
    "limits": Broken(
        {"resources": {"limits": {"memory": "2Gi"}}},
        "LimitRangeExceeded",
        "maximum memory usage per Container is 1Gi",
        "LimitRange",
        [LIMITS],
    ),
    "priority": Broken(
        {"scheduling": {"priorityClassName": "gold"}},
        "PriorityClassMissing",
        "no PriorityClass with name gold",
        "spec.scheduling.priorityClassName",
    ),
    "runtime": Broken(
        {"scheduling": {"runtimeClassName": "gold"}},
        "RuntimeClassMissing",
        'RuntimeClass "gold" not found',
        "spec.scheduling.runtimeClassName",
    ),
    "policy": Broken({"replicas": 3}, "AdmissionDenied", "pods are not wanted here", "policy"),
}

_POLICY = f"""
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {GUARDED}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}}]
  validations: [{{expression: "false", message: pods are not wanted here}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {GUARDED}}}
spec:
  policyName: {GUARDED}
  validationActions: [Deny]
  matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: broken-policy}}}}}}
"""


def _special_nodes(l2: Rig, kube: Kube) -> None:
    before = set(kube.kubectl("get", "nodes", "-o", "name").split())
    l2.simulate_nodes(2)
    tainted, one = sorted(set(kube.kubectl("get", "nodes", "-o", "name").split()) - before)
    for node, label in ((tainted, "tainted"), (one, "one")):
        kube.kubectl("label", node, f"{SPECIAL}={label}")
    kube.kubectl("taint", "node", tainted.removeprefix("node/"), "team=research:NoSchedule")


@pytest.fixture(scope="module")
def kube(l2: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """All of the broken workers, each in a namespace of its own, and a running operator."""
    found = defined(l2)
    _special_nodes(l2, found)
    found.kubectl("apply", "-f", "-", stdin=_POLICY)
    with running_operator(l2, tmp_path_factory.mktemp("operator")):
        for name, broken in BROKEN.items():
            workers = LLMWorkers(found, f"broken-{name}")
            found.kubectl("create", "namespace", workers.namespace)
            if broken.objects:
                workers.kube.kubectl(
                    "apply", "-n", workers.namespace, "-f", "-", stdin=yaml.safe_dump_all(broken.objects)
                )
            workers.apply(name, **broken.spec)
        yield found
        found.kubectl("delete", "-f", "-", stdin=_POLICY)
        found.kubectl("delete", "namespace", *(f"broken-{name}" for name in BROKEN), "--wait=false")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_worker_is_told_with_reason_sentence_and_step(kube: Kube, name: str) -> None:
    check_told(LLMWorkers(kube, f"broken-{name}"), name, BROKEN[name], scheduled=False)
