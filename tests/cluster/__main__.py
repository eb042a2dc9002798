"""The rig's command line: `python -m cluster up|down|env|status|list`."""

import argparse
import os
import sys

from assets.cache import cache_dir
from cluster import binaries
from cluster.rig import WHOLE, Rig, Unavailable


def main() -> int:
    """Exit status 1 with the reason when a cluster cannot be had or is not there."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("what", choices=["up", "down", "env", "status", "list"])
    parser.add_argument("--name", default="dev", help="several clusters can run side by side (default: dev)")
    parser.add_argument("--level", type=int, choices=[1, 2, 3], default=WHOLE, help="3 has a real node (default)")
    parser.add_argument("--purge", action="store_true", help="with down: drop the node's image store too")
    chosen = parser.parse_args()
    if chosen.what == "list":
        return _list()
    if chosen.what == "up":
        return _up(chosen.name, chosen.level)
    rig = Rig.find(chosen.name)
    if rig is None:
        sys.stderr.write(f"there is no cluster {chosen.name}; make cluster-up CLUSTER={chosen.name} makes one\n")
        return 0 if chosen.what == "down" else 1
    if chosen.what == "down":
        rig.down(purge=chosen.purge)
    elif chosen.what == "env":
        print(f"export KUBECONFIG={rig.kubeconfig}\nexport PATH={binaries.clients()}:$PATH")
    else:
        return _status(rig)
    return 0


def _up(name: str, level: int) -> int:
    try:
        rig = Rig.up(name, level)
    except Unavailable as error:
        sys.stderr.write(f"no cluster of level {level} can be had on this machine: {error}\n")
        return 1
    print(f'{rig.server}; eval "$(make -s cluster-env CLUSTER={name})" gives this shell kubectl and helm for it')
    return 0


def _status(rig: Rig) -> int:
    print(f"{rig.name}: level {rig.level}, {rig.server}, {'healthy' if rig.healthy else 'NOT healthy'}")
    for name, daemon in rig.daemons.all().items():
        print(f"  {name:24} pid {daemon.pid:8} {'running' if daemon.alive else 'GONE'}")
    return 0 if rig.healthy else 1


def _list() -> int:
    found = [rig for name in sorted(os.listdir(cache_dir("rigs"))) if (rig := Rig.find(name))]  # noqa: PTH208
    for rig in found:
        print(f"{rig.name}: level {rig.level}, {rig.server}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
