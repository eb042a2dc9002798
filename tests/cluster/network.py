"""A network namespace for one node, with a door to this machine's shell and nothing else. Level 3 only.

Deleting the namespace deletes its links, routes and netfilter chains, so nothing of them can be left behind.
"""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path("/run/netns")
_PREFIX = "llmw-"


@dataclass(frozen=True)
class Network:
    """One rig's namespace; `number`, from 1 to 250, tells rigs on one machine apart."""

    directory: Path
    """The rig's folder, which carries its name. Two caches on one machine may each hold a rig of that name."""
    number: int

    @property
    def name(self) -> str:
        """The namespace; also the prefix of everything outside it that belongs to the rig."""
        place = hashlib.blake2s(str(self.directory).encode(), digest_size=3).hexdigest()
        return f"{_PREFIX}{self.directory.name}-{place}"

    @property
    def bridge_address(self) -> str:
        """The node's address, on the bridge that its pods hang on."""
        return f"10.88.{self.number}.1"

    @property
    def pod_range(self) -> str:
        """Addresses of the node's pods."""
        return f"10.88.{self.number}.0/24"

    @property
    def inside(self) -> str:
        """The namespace's address, as the host reaches it."""
        return f"10.87.{self.number}.2"

    @property
    def outside(self) -> str:
        """The host's end of the door."""
        return f"10.87.{self.number}.1"

    @property
    def door(self) -> str:
        """The host's link; link names have at most 15 characters."""
        return f"llmw{self.number}"

    @property
    def exists(self) -> bool:
        """Whether the namespace is there."""
        return (_FOLDER / self.name).exists()

    def enter(self, command: list[str]) -> list[str]:
        """The command, run in the namespace. `ip netns exec` would hide the cgroups, so nsenter does it."""
        return ["nsenter", f"--net={_FOLDER / self.name}", *command]

    def up(self, service_range: str) -> None:
        """Make the namespace, its bridge and its door. Raises `subprocess.CalledProcessError`."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self.door, "type", "veth", "peer", "name", "door", "netns", self.name)
        _ip("addr", "add", f"{self.outside}/30", "dev", self.door)
        _ip("link", "set", self.door, "up")
        for arguments in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{self.inside}/30", "dev", "door"),
            ("link", "set", "door", "up"),
            ("link", "add", "pods", "type", "bridge"),
            ("addr", "add", f"{self.bridge_address}/24", "dev", "pods"),
            ("link", "set", "pods", "up"),
            # The kernel looks for a route before it looks for a Service.
            ("route", "add", service_range, "dev", "pods"),
        ):
            _run(self.enter(["ip", *arguments]))
        _run(self.enter(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))

    def down(self) -> None:
        """Delete the namespace, which deletes the door with it; by then another rig may have the door's number."""
        if self.exists:
            _ip("netns", "del", self.name)


def any_network() -> bool:
    """Whether a node of any rig is on this machine."""
    return any(_FOLDER.glob(f"{_PREFIX}*"))


def free_network(directory: Path) -> Network:
    """A network whose addresses no other rig of this machine holds."""
    taken = {path.name for path in Path("/sys/class/net").iterdir()}
    for number in range(1, 251):
        network = Network(directory, number)
        if network.door not in taken:
            return network
    raise RuntimeError("250 rigs run on this machine already")


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
