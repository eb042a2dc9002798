"""One Kubernetes on this machine: made, found again, and taken down with nothing left."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import yaml

from assets.cache import cache_dir
from assets.debian import ensure_programs
from assets.image_layout import Image, load
from cluster import binaries, control_plane, gpu_nodes, kernel_settings, node, teardown
from cluster.control_plane import Place
from cluster.daemons import Daemons
from cluster.network import Network, any_network
from cluster.pause_image import archive
from cluster.preparation import CONTROL_PLANE, SIMULATED, WHOLE, directory_of, prepare

Say = Callable[[str], None]

__all__ = ["CONTROL_PLANE", "SIMULATED", "WHOLE", "Rig", "Unavailable", "lacking"]

_PATIENCE: Final = 120.0


class Unavailable(RuntimeError):
    """A level cannot be had on this machine; the message holds every reason."""


def lacking(level: int) -> list[str]:
    """Why a level cannot be had on this machine; empty when it can."""
    reasons: list[str] = []
    if level < WHOLE:
        return reasons
    if os.geteuid() != 0:
        reasons.append("a node needs root: network namespaces, mounts and cgroups")
    if "overlay" not in Path("/proc/filesystems").read_text():
        reasons.append("a node needs the overlay file system in the kernel")
    if shutil.which("apt-get") is None and shutil.which("containerd") is None:
        reasons.append("a node needs containerd, and there is neither it nor apt-get to install it")
    return reasons


class Rig:
    """A running cluster. Its folder holds everything about it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        state = json.loads((directory / "state.json").read_text())
        self.name: str = state["name"]
        self.level: int = state["level"]
        place = state["place"]
        self.place = Place(**{**place, "directory": Path(place["directory"]), "binaries": Path(place["binaries"])})
        self.daemons = Daemons(directory)
        self.server = self.place.server
        self.kubeconfig = directory / "admin.kubeconfig"
        self.audit_log = directory / "audit.log"
        self.node: node.Node | None = None
        if self.level == WHOLE:
            network = Network(directory, state["number"])
            self.node = node.Node(self.place, network, cache_dir("rigs", "stores", self.name))

    @classmethod
    def find(cls, name: str) -> "Rig | None":
        """The rig of that name, if there is one, running or broken."""
        directory = directory_of(name)
        return cls(directory) if (directory / "state.json").exists() else None

    @classmethod
    def up(cls, name: str, level: int, say: Say = print) -> "Rig":
        """A running rig of that name and level: found, or made. Raises `Unavailable` with all reasons."""
        reasons = lacking(level)
        if reasons:
            raise Unavailable("; ".join(reasons))
        found = cls.find(name)
        if found and found.level == level and found.healthy:
            say(f"cluster {name} runs already")
            return found
        if found:
            say(f"cluster {name} is not healthy or of another level: making it anew")
            found.down(say)
        started = time.monotonic()
        if level == WHOLE:
            ensure_programs(node.PROGRAMS, say)
        try:
            built = binaries.folder(level, say)
        except binaries.CannotBuild as error:
            raise Unavailable(str(error)) from error
        rig = cls(prepare(name, level, built))
        say(f"starting Kubernetes {binaries.KUBERNETES_VERSION} as cluster {name}, level {level}")
        try:
            rig._start(say)
        except BaseException:
            rig.stop_everything()
            raise
        say(f"cluster {name} is up after {time.monotonic() - started:.1f} s")
        return rig

    @property
    def healthy(self) -> bool:
        """Whether all of its processes run and the API server answers."""
        daemons = self.daemons.all()
        alive = bool(daemons) and all(daemon.alive for daemon in daemons.values())
        return alive and self._answers("/readyz")

    def environment(self) -> dict[str, str]:
        """The environment in which kubectl and helm mean this cluster."""
        path = f"{binaries.clients()}:{os.environ['PATH']}"
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl and return what it printed. Raises RuntimeError with what it complained of."""
        command = [str(binaries.clients() / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def simulate_nodes(self, count: int, gpus: int = gpu_nodes.COUNT, labels: Mapping[str, str] | None = None) -> None:
        """Add nodes that kwok plays, with GPUs and the labels that GPU Feature Discovery would set."""
        first = len(self.kubectl("get", "nodes", "-o", "name").split())
        made = [gpu_nodes.simulated_node(f"gpu-{number}", gpus, labels or {}) for number in range(first, first + count)]
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(made))
        self.kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=60s")

    def load_image(self, image: Image) -> None:
        """Give a real node an image; what it has already is not copied."""
        listed = [*self._node.ctr(), "images", "ls", "-q", f"name=={image.reference}"]
        present = subprocess.run(listed, capture_output=True, text=True, check=True)
        marker = self._node.store / f"{image.reference.replace('/', '_')}.digest"
        if present.stdout.strip() and marker.exists() and marker.read_text() == image.digest:
            return
        load(image, self._node.ctr(), self._node.store / "io.containerd.content.v1.content")
        marker.write_text(image.digest)

    def stop(self, component: str, *, hard: bool = False) -> None:
        """Stop one process, for tests of failure."""
        self.daemons.stop(component, hard=hard)

    def start(self, component: str) -> None:
        """Start a stopped process again."""
        self.daemons.restart(component)

    def down(self, say: Say = print, *, purge: bool = False) -> None:
        """Leave no process, mount, namespace, link, chain or cgroup; `purge` drops the image store too."""
        started = time.monotonic()
        self.stop_everything()
        if self.node and purge:
            shutil.rmtree(self.node.store)
        shutil.rmtree(self.directory)
        say(f"cluster {self.name} is down after {time.monotonic() - started:.1f} s")

    def stop_everything(self) -> None:
        """Processes in the reverse order of their start, and a node's remains in between."""
        for name in ("kubelet", "kube-proxy", "coredns"):
            self.daemons.stop(name)
        if self.node and self.node.run.exists():
            teardown.record_pods(self.node)
            teardown.stop_containers(self.node)
        for name in reversed(self.daemons.all()):
            self.daemons.stop(name)
        if self.node:
            teardown.sweep(self.node)
            self.node.network.down()
            shutil.rmtree(self.node.run, ignore_errors=True)
            if not any_network():
                kernel_settings.restore()

    @property
    def _node(self) -> node.Node:
        if self.node is None:
            raise RuntimeError(f"cluster {self.name} is of level {self.level}: it has no real node")
        return self.node

    def _start(self, say: Say) -> None:
        if self.node:
            self.node.network.up(control_plane.SERVICE_RANGE)
        self._launch("etcd", control_plane.etcd(self.place))
        self._launch("kube-apiserver", control_plane.kube_apiserver(self.place))
        self._until(lambda: self._answers("/readyz"), "the API server is ready")
        if self.level >= SIMULATED:
            # Not earlier: on a busy machine it would be refused for ten seconds, while the API server still writes the
            # first roles, and end.
            self._launch("kube-controller-manager", control_plane.kube_controller_manager(self.place))
            self._launch("kube-scheduler", control_plane.kube_scheduler(self.place))
            self._until(lambda: self._has("serviceaccount/default"), "the default ServiceAccount exists")
        if self.level == SIMULATED:
            self._launch("kwok", control_plane.kwok(self.place))
        if self.node:
            say("starting the node: containerd, kubelet, kube-proxy, DNS")
            self._start_node(self.node)

    def _start_node(self, started: node.Node) -> None:
        started.run.mkdir(parents=True, exist_ok=True)
        kernel_settings.remember()
        teardown.prepare_cgroup(started)
        for path, text in started.files().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(node.objects(started)))
        for name, command in started.commands().items():
            self._launch(name, command)
            if name == "containerd":
                self._until(started.runtime_answers, "containerd answers")
                image = archive(self.place.binaries / "pause", node.PAUSE_IMAGE)
                importing = [*started.ctr(), "images", "import", "-"]
                subprocess.run(importing, input=image, check=True, stdout=subprocess.DEVNULL)
        self._until(lambda: self._has(f"node/{started.name}"), "the node registers")
        patch = ["--subresource=status", "--type=json", "-p", json.dumps(gpu_nodes.capacity(gpu_nodes.COUNT))]
        self.kubectl("patch", "node", started.name, *patch)
        labels = [f"{key}={value}" for key, value in gpu_nodes.labels(gpu_nodes.COUNT).items()]
        self.kubectl("label", "node", started.name, *labels)
        self.kubectl("wait", "node", started.name, "--for=condition=Ready", "--timeout=60s")

    def _launch(self, name: str, command: list[str]) -> None:
        self.daemons.start(name, self.node.network.enter(command) if self.node else command)

    def _until(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not happened():
            dead = [name for name, daemon in self.daemons.all().items() if not daemon.alive]
            if dead:
                raise RuntimeError(f"{dead[0]} ended while waiting until {what}:\n{self.daemons.log(dead[0])}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"not in {_PATIENCE:.0f} s: {what}")
            time.sleep(0.1)

    def _answers(self, path: str) -> bool:
        return self.kubectl("get", "--raw", path, "--request-timeout=2s", check=False).strip() == "ok"

    def _has(self, what: str) -> bool:
        return bool(self.kubectl("get", what, "--ignore-not-found", "-o", "name", check=False).strip())
