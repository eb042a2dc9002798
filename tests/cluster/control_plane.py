"""The command lines of the control plane, for a rig on the host's loopback or in a namespace of its own. Pure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVICE_RANGE: Final = "10.96.0.0/16"
FIRST_SERVICE: Final = "10.96.0.1"
"""The Service `kubernetes`, which pods use to reach the API server."""

AUDIT_POLICY: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
"""


@dataclass(frozen=True)
class Place:
    """Where a control plane's parts listen."""

    directory: Path
    binaries: Path
    address: str
    """Where the API server listens, and where this machine's shell reaches it."""
    api_port: int
    etcd_port: int
    peer_port: int
    manager_port: int
    scheduler_port: int
    advertise: str = ""
    """The address under which pods reach the API server; empty where there are no pods."""

    @property
    def server(self) -> str:
        """The API server's URL for this machine's shell."""
        return f"https://{self.address}:{self.api_port}"


def etcd(place: Place) -> list[str]:
    """No fsync: a test's data need not survive a power cut."""
    client, peer = f"http://127.0.0.1:{place.etcd_port}", f"http://127.0.0.1:{place.peer_port}"
    return [
        str(place.binaries / "etcd"),
        f"--data-dir={place.directory}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(place: Place) -> list[str]:
    """RBAC is on, and every request is in the audit log."""
    pki = place.directory / "pki"
    reached = [f"--advertise-address={place.advertise}"] if place.advertise else ["--endpoint-reconciler-type=none"]
    return [
        str(place.binaries / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{place.etcd_port}",
        f"--bind-address={'0.0.0.0' if place.advertise else place.address}",
        f"--secure-port={place.api_port}",
        *reached,
        f"--tls-cert-file={pki}/server.crt",
        f"--tls-private-key-file={pki}/server.key",
        f"--client-ca-file={pki}/ca.crt",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={place.directory}/audit-policy.yaml",
        f"--audit-log-path={place.directory}/audit.log",
    ]


def kube_controller_manager(place: Place) -> list[str]:
    """Its rate is stated, since it decides how fast a cluster on two cores settles; autoscalers look more often than
    the usual 15 seconds, since tests wait for them."""
    pki = place.directory / "pki"
    return [
        str(place.binaries / "kube-controller-manager"),
        f"--kubeconfig={place.directory}/manager.kubeconfig",
        "--bind-address=127.0.0.1",
        f"--secure-port={place.manager_port}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--kube-api-qps=50",
        "--kube-api-burst=100",
        "--horizontal-pod-autoscaler-sync-period=2s",
    ]


def kube_scheduler(place: Place) -> list[str]:
    """The upstream default profile."""
    return [
        str(place.binaries / "kube-scheduler"),
        f"--kubeconfig={place.directory}/scheduler.kubeconfig",
        "--bind-address=127.0.0.1",
        f"--secure-port={place.scheduler_port}",
        "--leader-elect=false",
        "--kube-api-qps=50",
        "--kube-api-burst=100",
    ]


def kwok(place: Place) -> list[str]:
    """Plays the kubelet of every node that carries its annotation."""
    return [
        str(place.binaries / "kwok"),
        f"--kubeconfig={place.directory}/admin.kubeconfig",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        "--server-address=",
    ]


def kubeconfig(place: Place, server: str, user: str) -> str:
    """Access as the certificate `user` of the rig's authority."""
    pki = place.directory / "pki"
    return f"""\
apiVersion: v1
kind: Config
clusters:
  - name: rig
    cluster: {{server: "{server}", certificate-authority: "{pki}/ca.crt"}}
users:
  - name: {user}
    user: {{client-certificate: "{pki}/{user}.crt", client-key: "{pki}/{user}.key"}}
contexts:
  - name: rig
    context: {{cluster: rig, user: {user}}}
current-context: rig
"""
