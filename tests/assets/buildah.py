"""Runs buildah on a storage of our own below the cache folder, so that the user's images are never touched.

Called by `assets.images` and `assets.debian_base`. It knows storage and the host's settings, not what an image is for.
"""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from assets.cache import cache_dir

Say = Callable[[str], None]

CA_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian's and Ubuntu's ca-certificates keep the bundle: its place inside every build."""

PROGRAMS: Final = {"buildah": "buildah", "debootstrap": "debootstrap", "skopeo": "skopeo"}
"""Program -> the Debian package that carries it."""

_PIP_KEYS: Final = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
"""What a build takes over from the host's pip settings, besides the certificates."""


class BuildFailed(Exception):
    """A build ended with an error; the message ends with the last lines of its log."""


def storage() -> tuple[Path, Path]:
    """The folders of images and of what is mounted at the moment; the second is lost at a reboot, as it must be."""
    root = cache_dir("images", "storage")
    return root, Path("/run") / f"llmworker-images-{hashlib.sha256(bytes(root)).hexdigest()[:8]}"


def buildah(*arguments: str) -> str:
    """The output of one buildah command on our storage."""
    done = subprocess.run([*_buildah(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"buildah {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def settle() -> None:
    """After a build: unmount what buildah keeps mounted between its commands, so that nothing is left but files."""
    root, runroot = storage()
    points = [Path(line.split()[1]) for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((point for point in points if point.is_relative_to(root)), reverse=True):
        subprocess.run(["umount", str(point)], check=True)
    shutil.rmtree(runroot, ignore_errors=True)


def image_id(reference: str) -> str | None:
    """The id of an image in our storage, None when it holds none of that name."""
    names = buildah("images", "--no-trunc", "--format", "{{.ID}} {{.Name}}:{{.Tag}}").splitlines()
    ids = [line.split()[0] for line in names if line.split()[1] == reference]
    return ids[0].removeprefix("sha256:") if ids else None


def remove(image: str) -> None:
    """Drop an untagged image, and below it what no other image stands on; nothing when it is gone already."""
    if image in buildah("images", "--all", "--no-trunc", "--quiet"):
        buildah("rmi", "--force", image)


def build(dockerfile: Path, reference: str, arguments: Mapping[str, str], volumes: Sequence[str], say: Say) -> str:
    """Build a Dockerfile in its own folder and return the image's id. Raises `BuildFailed`."""
    command = [*_buildah(), "build", "--isolation", "chroot", "--layers", "--pull=false", "--tag", reference]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for volume in (*_host_volumes(), *volumes):
        command += ["--volume", volume]
    _follow([*command, "--file", str(dockerfile), str(dockerfile.parent)], say)
    built = image_id(reference)
    if built is None:
        raise BuildFailed(f"buildah reported no error and {reference} is not there")
    return built


def _buildah() -> list[str]:
    root, runroot = storage()
    return ["buildah", "--root", str(root), "--runroot", str(runroot), "--storage-driver", "overlay"]


def _follow(command: Sequence[str], say: Say) -> None:
    """Run a build; say its steps as they come and keep the rest for the case that it fails."""
    started = time.monotonic()
    last: deque[str] = deque(maxlen=30)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None  # by PIPE
        for line in process.stdout:
            last.append(line.rstrip())
            if "STEP" in line:
                say(f"{time.monotonic() - started:4.0f} s  {line.strip()[:96]}")
    if process.returncode != 0:
        raise BuildFailed("\n".join([f"buildah ended with {process.returncode}; its last lines:", *last]))


def _host_volumes() -> list[str]:
    """Mounts that give a build the host's certificates and package index; nothing of them stays in the image."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    settings = pip_settings(listing.stdout)
    certificates = os.environ.get("SSL_CERT_FILE") or settings.get("cert") or CA_BUNDLE
    folder = cache_dir("images", "settings")
    (folder / "pip.conf").write_text(pip_conf(settings))
    (folder / "uv.toml").write_text(uv_toml(settings))
    volumes = [f"{folder / 'pip.conf'}:/etc/pip.conf:ro", f"{folder / 'uv.toml'}:/etc/uv/uv.toml:ro"]
    if Path(certificates).is_file():
        volumes.append(f"{Path(certificates).resolve()}:{CA_BUNDLE}:ro")
    return volumes


def pip_settings(listing: str) -> dict[str, str]:
    """Key -> value out of `pip config list`, whichever section a key stands in; the environment's come first there.

    pip prints each value as a Python literal.
    """
    settings: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        settings.setdefault(name.rpartition(".")[2], str(ast.literal_eval(value)))
    return settings


def pip_conf(settings: Mapping[str, str]) -> str:
    """The pip configuration of a build."""
    taken = {key: settings[key] for key in _PIP_KEYS if key in settings}
    lines = [f"{key} = {' '.join(value.split())}" for key, value in {"cert": CA_BUNDLE, **taken}.items()]
    return "\n".join(["[global]", *lines, ""])


def uv_toml(settings: Mapping[str, str]) -> str:
    """The same for uv, which reads no pip configuration and by itself trusts only certificates that it carries."""
    lines = ["system-certs = true"]
    if "index-url" in settings:
        lines.append(f"index-url = {json.dumps(settings['index-url'])}")
    if extra := settings.get("extra-index-url", "").split():
        lines.append(f"extra-index-url = {json.dumps(extra)}")
    return "\n".join([*lines, ""])
