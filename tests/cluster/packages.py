"""Programs that Debian has: installed when they are missing, and only for the level that needs them."""

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Final

Say = Callable[[str], None]

NODE: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
}
"""Program to Debian package, for a node of level 3; the CNI plugins have no program on PATH."""

CNI_FOLDER: Final = "/usr/lib/cni"


def ensure_node_packages(say: Say) -> None:
    """Install what a node needs. Raises `subprocess.CalledProcessError` when apt refuses; it has said why."""
    missing = {package for program, package in NODE.items() if shutil.which(program) is None}
    if not os.path.exists(f"{CNI_FOLDER}/bridge"):  # noqa: PTH110
        missing.add("containernetworking-plugins")
    if not missing:
        return
    say(f"installing {', '.join(sorted(missing))}")
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL, env=quiet)
    command = [*apt, "install", "-y", "--no-install-recommends", *sorted(missing)]
    # The packages start their daemons where there is an init; ours have their own sockets, so that does not matter.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=quiet)
