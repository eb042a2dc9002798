"""A base image out of the host's own Debian or Ubuntu mirror, for machines that reach no image registry."""

import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from assets.buildah import Say, buildah, image_id
from assets.cache import cache_dir

REPOSITORY: Final = "localhost/llmworker-base"

_PACKAGES: Final = ("ca-certificates", "python3", "python3-venv")
_LEFT_OUT: Final = (
    "var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/locale",
    "usr/share/info", "dev",
)  # fmt: skip
"""Folders that are emptied: a container's runtime fills /dev, and nobody reads manuals in one."""


class NoMirror(Exception):
    """The host's apt names no archive of its own distribution."""


def base_reference() -> str:
    """The base image's name, with a tag that stands for all it is made of."""
    recipe = repr((platform.freedesktop_os_release()["VERSION_CODENAME"], _PACKAGES, _LEFT_OUT))
    return f"{REPOSITORY}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def base_image(say: Say) -> str:
    """The base image's name; the image is made when it is missing, which takes about a minute."""
    reference = base_reference()
    if image_id(reference) is None:
        _make(reference, platform.freedesktop_os_release(), say)
        buildah("tag", reference, f"{REPOSITORY}:1")
    return reference


def _make(reference: str, release: Mapping[str, str], say: Say) -> None:
    suite = release["VERSION_CODENAME"]
    say(f"base: debootstrap of {suite} with {', '.join(_PACKAGES)} (a minute)")
    with tempfile.TemporaryDirectory(dir=cache_dir("images"), prefix="base-") as folder:
        root = Path(folder) / "root"
        _debootstrap(suite, root, mirror(_indexes(), release["ID"], suite))
        for emptied in _LEFT_OUT:
            shutil.rmtree(root / emptied)
            (root / emptied).mkdir()
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, str(root), "/")
        buildah("commit", "--quiet", "--rm", container, reference)


def _debootstrap(suite: str, root: Path, source: str) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", suite, str(root), source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"debootstrap ended with {done.returncode}: {done.stderr.strip()}\n{tail}")


def _indexes() -> str:
    layout = "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", layout, "Created-By: Packages"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def mirror(indexes: str, distribution: str, suite: str) -> str:
    """Where the host's apt takes its own release from; `indexes` has lines `origin|suite|component|address`."""
    for line in indexes.splitlines():
        origin, codename, component, address = line.split("|")
        if (origin.lower(), codename, component) == (distribution, suite, "main"):
            return address
    raise NoMirror(
        f"apt on this machine lists no archive of {distribution} {suite} main, which the base image is made from: "
        "add one to its sources and run apt-get update"
    )
