"""Users of a rig with rights of their own, so that the audit log tells who asked for what."""

from pathlib import Path
from typing import Any

import yaml

from cluster.rig import Rig

_VERBS = ("get", "list", "watch", "create", "patch", "update", "delete")
_KINDS = (
    "llmworkers.llmworker.dev",
    "llmworkers.llmworker.dev/status",
    "deployments.apps",
    "services",
    "persistentvolumeclaims",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
    "pods",
    "events",
    "leases.coordination.k8s.io",
)


def access(rig: Rig, token: str) -> dict[str, Any]:
    """A kubeconfig for the bearer of the token."""
    authority = str(rig.directory / "pki" / "ca.crt")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "rig", "cluster": {"server": rig.server, "certificate-authority": authority}}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "operator"}}],
        "current-context": "rig",
    }


class ServiceAccount:
    """One in a namespace that exists, with a token, and with all rights that an operator with an election needs."""

    def __init__(self, rig: Rig, namespace: str, name: str, folder: Path) -> None:
        self.user = f"system:serviceaccount:{namespace}:{name}"
        """How the audit log calls it."""
        rig.kubectl("create", "serviceaccount", name, "-n", namespace)
        role = f"{namespace}-{name}"
        rig.kubectl("create", "clusterrole", role, f"--verb={','.join(_VERBS)}", f"--resource={','.join(_KINDS)}")
        holder = f"--serviceaccount={namespace}:{name}"
        rig.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", holder)
        self.token = rig.kubectl("create", "token", name, "-n", namespace).strip()
        self.kubeconfig = folder / f"{name}.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(access(rig, self.token)))
