"""A new rig's folder: its state, certificates and kubeconfigs, before anything runs."""

import json
import shutil
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Final

from assets.cache import cache_dir
from cluster import control_plane
from cluster.certificates import Authority
from cluster.control_plane import Place
from cluster.network import Network, free_network

CONTROL_PLANE: Final = 1
"""API server and etcd."""
SIMULATED: Final = 2
"""With controllers, scheduler and simulated nodes."""
WHOLE: Final = 3
"""With a real node."""


def directory_of(name: str) -> Path:
    """Where everything about the rig of that name is."""
    return cache_dir("rigs") / name


def prepare(name: str, level: int, built: Path) -> Path:
    """Make the folder anew and return it; `built` holds the programs."""
    directory = directory_of(name)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    network = free_network(directory) if level == WHOLE else Network(directory, 0)
    if level == WHOLE:
        place = Place(directory, built, network.inside, 6443, 2379, 2380, 10257, 10259, network.bridge_address)
    else:
        api, etcd, peer, manager, scheduler = _free_ports(5)
        place = Place(directory, built, "127.0.0.1", api, etcd, peer, manager, scheduler)
    _certificates(place, network)
    (directory / "audit-policy.yaml").write_text(control_plane.AUDIT_POLICY)
    for user in ("admin", "manager", "scheduler", "kubelet", "proxy"):
        server = place.server if user == "admin" else f"https://127.0.0.1:{place.api_port}"
        (directory / f"{user}.kubeconfig").write_text(control_plane.kubeconfig(place, server, user))
    state = {"name": name, "level": level, "number": network.number, "place": asdict(place)}
    (directory / "state.json").write_text(json.dumps(state, default=str))
    return directory


def _certificates(place: Place, network: Network) -> None:
    authority = Authority(place.directory / "pki")
    addresses = ("127.0.0.1", "localhost", control_plane.FIRST_SERVICE, "kubernetes", "kubernetes.default.svc")
    node_addresses = (network.inside, network.bridge_address) if network.number else ()
    authority.sign("server", "kube-apiserver", addresses=(*addresses, *node_addresses))
    authority.sign("admin", "admin", "system:masters")
    authority.sign("manager", "system:kube-controller-manager")
    authority.sign("scheduler", "system:kube-scheduler")
    authority.sign("kubelet", "system:node:node-1", "system:nodes", node_addresses)
    authority.sign("proxy", "system:kube-proxy")
    authority.service_account_keys()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for found in sockets:
        found.bind(("127.0.0.1", 0))
    ports = [int(found.getsockname()[1]) for found in sockets]
    for found in sockets:
        found.close()
    return ports
