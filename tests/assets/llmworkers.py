"""LLMWorkers on a rig, as tests apply them and look at them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Kube

_DEFINITION = Path(__file__).parents[2] / "crds"


def defined(rig: Rig) -> Kube:
    """The rig's cluster, which knows what an LLMWorker is."""
    kube = Kube(rig.environment())
    kube.kubectl("apply", "-f", str(_DEFINITION))

    def established() -> bool:
        """Neither `kubectl wait` nor a JSONPath bears a definition that is so new that it has no conditions at all."""
        conditions = kube.get("crd", "llmworkers.llmworker.dev").get("status", {}).get("conditions") or ()
        return any((found["type"], found["status"]) == ("Established", "True") for found in conditions)

    until(established, "the definition is established")
    return kube


class LLMWorkers:
    """Those of one namespace."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace

    def apply(self, name: str = "chat", labels: dict[str, str] | None = None, **spec: Any) -> None:
        """Say what the whole worker is. Raises `Failed` with the API server's words."""
        body = {
            "apiVersion": "llmworker.dev/v1alpha1",
            "kind": "LLMWorker",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels or {}},
            "spec": {"model": {"name": "m"}, **spec},
        }
        self.kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(body))

    def get(self, kind: str, name: str = "chat") -> dict[str, Any]:
        """An object of the namespace."""
        return dict(self.kube.get(kind, name, "-n", self.namespace))

    def exists(self, kind: str, name: str = "chat") -> bool:
        """Whether there is such an object."""
        return bool(self.kube.kubectl("get", kind, name, "-n", self.namespace, "--ignore-not-found"))

    def kubectl(self, *arguments: str) -> str:
        """kubectl in the namespace."""
        return self.kube.kubectl(*arguments, "-n", self.namespace)

    def condition(self, kind: str, name: str = "chat") -> dict[str, Any]:
        """A condition that was observed at the current generation; empty before that."""
        worker = self.get("llmworker", name)
        for found in worker.get("status", {}).get("conditions", []):
            if found["type"] == kind and found["observedGeneration"] == worker["metadata"]["generation"]:
                return dict(found)
        return {}

    def accepted(self, name: str = "chat") -> str:
        """The reason of Accepted: Applied where all is well."""
        return str(self.condition("Accepted", name).get("reason", ""))

    def pod(self, name: str = "chat") -> dict[str, Any]:
        """The pod template's spec."""
        return dict(self.get("deployment", name)["spec"]["template"]["spec"])

    def restrict(self) -> None:
        """Have the namespace enforce the Pod Security level `restricted`, and take pods on a cluster of level 1."""
        self.kube.kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")
        self.kubectl("create", "serviceaccount", "default")  # else the controller manager makes it

    def admitted(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """What admission makes of a pod of that spec, which is not kept. Raises `Failed` where it is refused."""
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod}
        arguments = ("create", "--dry-run=server", "-f", "-", "-n", self.namespace, "-o", "json")
        return dict(json.loads(self.kube.kubectl(*arguments, stdin=json.dumps(body)))["spec"])

    def wait_until_applied(self, name: str = "chat") -> None:
        """Return when the operator has applied the current spec."""
        until(lambda: self.accepted(name) == "Applied", "accepted")


def claim(size: str = "1Gi", **more: Any) -> dict[str, Any]:
    """A cache on a claim that the operator makes."""
    return {"volumeClaimTemplate": {"size": size, **more}}
