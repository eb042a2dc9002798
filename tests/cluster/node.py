"""A real node: containerd, kubelet, kube-proxy and DNS in the rig's namespace. Its configuration is pure."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.control_plane import Place
from cluster.network import Network

CNI_FOLDER: Final = "/usr/lib/cni"
"""Where Debian keeps the CNI plugins."""

PROGRAMS: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    f"{CNI_FOLDER}/bridge": "containernetworking-plugins",
}
"""What a node runs, and the Debian package that has it."""

PAUSE_IMAGE: Final = "localhost/llmworker-pause:1"
DNS_ADDRESS: Final = "10.96.0.10"
DNS_SERVICE: Final = "kube-dns"


@dataclass(frozen=True)
class Node:
    """One node's folders and names."""

    place: Place
    network: Network
    store: Path
    """containerd's root: kept between runs, so that an image is imported once."""

    @property
    def name(self) -> str:
        """The Node object's name."""
        return "node-1"

    @property
    def run(self) -> Path:
        """Sockets and state, which must be on a short path."""
        return Path("/run") / self.network.name

    @property
    def socket(self) -> Path:
        """containerd's socket."""
        return self.run / "containerd.sock"

    @property
    def kubelet_root(self) -> Path:
        """The kubelet's folder: pods' volumes are mounted below it."""
        return self.place.directory / "kubelet"

    @property
    def cgroup(self) -> str:
        """The cgroup below which all pods of this node live."""
        return f"/{self.network.name}"

    def ctr(self) -> list[str]:
        """containerd's client, in the kubelet's namespace of images."""
        return ["ctr", "--address", str(self.socket), "--namespace", "k8s.io"]

    def runtime_answers(self) -> bool:
        """Whether containerd takes commands."""
        return subprocess.run([*self.ctr(), "version"], capture_output=True, check=False).returncode == 0

    def files(self) -> dict[Path, str]:
        """Path to content of every configuration file."""
        directory = self.place.directory
        return {
            directory / "containerd.toml": _containerd(self),
            directory / "cni" / "10-pods.conflist": json.dumps(_cni(self.network)),
            directory / "kubelet.yaml": yaml.safe_dump(_kubelet(self)),
            directory / "kube-proxy.yaml": yaml.safe_dump(_kube_proxy(self)),
            directory / "Corefile": _corefile(self),
            directory / "resolv.conf": "",
        }

    def commands(self) -> dict[str, list[str]]:
        """Name to command line, in the order of their start, without the namespace."""
        directory, binaries = self.place.directory, self.place.binaries
        return {
            "containerd": ["containerd", "--config", f"{directory}/containerd.toml"],
            "kubelet": [
                f"{binaries}/kubelet",
                f"--config={directory}/kubelet.yaml",
                f"--kubeconfig={directory}/kubelet.kubeconfig",
                f"--root-dir={self.kubelet_root}",
                f"--hostname-override={self.name}",
                f"--node-ip={self.network.bridge_address}",
            ],
            "kube-proxy": [
                f"{binaries}/kube-proxy",
                f"--config={directory}/kube-proxy.yaml",
                f"--hostname-override={self.name}",
            ],
            "coredns": [f"{binaries}/coredns", "-conf", f"{directory}/Corefile"],
        }


def _containerd(node: Node) -> str:
    return f"""\
version = 2
root = "{node.store}"
state = "{node.run}/containerd"
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_FOLDER}"
    conf_dir = "{node.place.directory}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = false
"""


def _cni(network: Network) -> dict[str, Any]:
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": network.pod_range, "rangeStart": network.bridge_address[:-1] + "10"}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": f"/run/{network.name}/cni",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _kubelet(node: Node) -> dict[str, Any]:
    pki = node.place.directory / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.network.bridge_address,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "authentication": {"webhook": {"enabled": True}, "x509": {"clientCAFile": f"{pki}/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/kubelet.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet.key",
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{node.place.directory}/resolv.conf",
        "podLogsDir": f"{node.place.directory}/pod-logs",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "registerWithTaints": [],
        "nodeStatusUpdateFrequency": "5s",
    }


def _kube_proxy(node: Node) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "bindAddress": "127.0.0.1",
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": f"{node.place.directory}/proxy.kubeconfig"},
        "clusterCIDR": node.network.pod_range,
        "conntrack": {"maxPerCore": 0, "min": 0},
        "nodePortAddresses": [f"{node.network.bridge_address}/32"],
        "iptables": {"minSyncPeriod": "100ms"},
    }


def _corefile(node: Node) -> str:
    return f"""\
cluster.local:53 {{
  bind {node.network.bridge_address}
  errors
  kubernetes cluster.local {{
    kubeconfig {node.place.directory}/admin.kubeconfig
    ttl 1
  }}
}}
.:53 {{
  bind {node.network.bridge_address}
  errors
}}
"""


def objects(node: Node) -> list[dict[str, Any]]:
    """What a node's cluster needs beside its processes: rights for them, and the address of its DNS."""
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "rig-kube-proxy"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:kube-proxy"}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": DNS_SERVICE, "namespace": "kube-system"},
            "spec": {
                "clusterIP": DNS_ADDRESS,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": DNS_SERVICE,
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": DNS_SERVICE},
            },
            "addressType": "IPv4",
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
            ],
            "endpoints": [{"addresses": [node.network.bridge_address], "conditions": {"ready": True}}],
        },
    ]
