"""Takes a node's remains away: containers, shims, mounts, cgroups, pods' network namespaces. Level 3 only."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cluster.daemons import start_time
from cluster.node import Node

_CGROUPS = Path("/sys/fs/cgroup")
_CNI_RESULTS = Path("/var/lib/cni/results")
_LOG_LINKS = Path("/var/log/containers")
_PATIENCE = 10.0


def stop_containers(node: Node) -> None:
    """Kill and forget all containers, while containerd still answers and after the kubelet has stopped."""
    if not node.socket.exists():
        return
    for task in _ctr(node, "tasks", "ls", "-q"):
        _ctr(node, "tasks", "kill", "-s", "SIGKILL", task)
    deadline = time.monotonic() + _PATIENCE
    while (tasks := _ctr(node, "tasks", "ls", "-q")) and time.monotonic() < deadline:
        for task in tasks:
            _ctr(node, "tasks", "rm", "-f", task)
    for container in _ctr(node, "containers", "ls", "-q"):
        _ctr(node, "containers", "rm", container)


def sweep(node: Node) -> None:
    """After containerd has stopped: whatever it and the kubelet left on the machine."""
    for pid in _shims(node):
        os.kill(pid, signal.SIGKILL)
    for pid in _members(node):
        os.kill(pid, signal.SIGKILL)
    for mount in sorted(_mounts(node), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True)
    for namespace in _recorded(node, "pod-namespaces"):
        if Path("/run/netns", namespace).exists():
            subprocess.run(["ip", "netns", "del", namespace], check=True)
    for trace in _traces(node):
        trace.unlink()
    for cgroup in _cgroups(node):
        _remove_cgroup(cgroup)


def _ctr(node: Node, *arguments: str) -> list[str]:
    """Output words of containerd's client.

    An error is not raised: a container that is gone meanwhile is what was wanted, and where containerd itself is gone
    `sweep` finds the processes by their cgroup.
    """
    done = subprocess.run([*node.ctr(), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.split()


def _shims(node: Node) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if command[0].endswith(b"containerd-shim-runc-v2") and str(node.socket).encode() in command:
                yield int(folder.name)


def _members(node: Node) -> set[int]:
    """Processes in the node's cgroups: pods that outlived their containerd."""
    files = [file for cgroup in _cgroups(node) for file in cgroup.rglob("cgroup.procs")]
    found = {int(pid) for file in files for pid in file.read_text().split()}
    return {pid for pid in found if start_time(pid) is not None}


def _mounts(node: Node) -> list[str]:
    """The kubelet bind-mounts its own root too, to share it with its pods."""
    tops = (node.run, node.kubelet_root)
    points = [Path(line.split()[1]) for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [str(point) for point in points if any(point.is_relative_to(top) for top in tops)]


def record_pods(node: Node) -> None:
    """Before the containers go: their ids, and which network namespaces are their pods'."""
    containers = _ctr(node, "containers", "ls", "-q")
    namespaces = set()
    for container in containers:
        told = _ctr(node, "containers", "info", container)
        namespaces |= {word.strip('",').rpartition("/")[2] for word in told if "/netns/cni-" in word}
    (node.run / "containers").write_text("\n".join(containers))
    (node.run / "pod-namespaces").write_text("\n".join(sorted(namespaces)))


def _recorded(node: Node, what: str) -> list[str]:
    file = node.run / what
    return file.read_text().split() if file.exists() else []


def _traces(node: Node) -> Iterator[Path]:
    """Files in the machine's own folders: CNI's results of our pods, and the kubelet's links to our pods' logs."""
    for container in _recorded(node, "containers"):
        yield from _CNI_RESULTS.glob(f"*-{container}-*")
    logs = node.place.directory / "pod-logs"
    yield from (link for link in _LOG_LINKS.glob("*") if link.is_symlink() and link.readlink().is_relative_to(logs))


def _cgroups(node: Node) -> list[Path]:
    tops = [_CGROUPS, *(path for path in _CGROUPS.iterdir() if path.is_dir() and not path.is_symlink())]
    return [top / node.cgroup.strip("/") for top in tops if (top / node.cgroup.strip("/")).is_dir()]


def _remove_cgroup(top: Path) -> None:
    """Innermost first; a cgroup is busy for a moment after its last process."""
    deadline = time.monotonic() + _PATIENCE
    for folder in [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]:
        while folder.exists():
            try:
                folder.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def prepare_cgroup(node: Node) -> None:
    """The kubelet wants its root cgroup to exist in every controller."""
    tops = [path for path in _CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]
    version_two = (_CGROUPS / "cgroup.controllers").exists()
    for top in [_CGROUPS] if version_two else tops:
        folder = top / node.cgroup.strip("/")
        folder.mkdir(exist_ok=True)
        if top.name == "cpuset":
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (folder / setting).write_text((top / setting).read_text())
