"""What other projects say their resources are: definitions out of their Go modules, pinned by version and content."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assets.cache import cache_dir, exclusive
from cluster import binaries


@dataclass(frozen=True)
class Definition:
    """A CustomResourceDefinition."""

    module: str
    version: str
    path: str
    """Of its file in the module."""
    sha256: str


SCALED_OBJECT: Final = Definition(
    "github.com/kedacore/keda/v2",
    "v2.21.0",
    "config/crd/bases/keda.sh_scaledobjects.yaml",
    "af35555862a83933b074af14ad439c4b4ceabaf4daa3e9338e9b23e36d308d80",
)

ALL: Final = (SCALED_OBJECT,)


def definition(wanted: Definition, say: Callable[[str], None] = print) -> Path:
    """Its file. Fetched once; raises RuntimeError if it is not the one that is pinned."""
    folder = cache_dir("definitions", wanted.sha256[:16])
    target = folder / Path(wanted.path).name
    with exclusive(folder / "lock", say):
        if not target.exists():
            say(f"fetching {target.name} of {wanted.module} {wanted.version}")
            _fetch(wanted, target)
    return target


def _fetch(wanted: Definition, target: Path) -> None:
    command = [binaries.go(), "mod", "download", "-json", f"{wanted.module}@{wanted.version}"]
    # Of no module: a go.mod above would take the command for its own.
    done = subprocess.run(
        command, cwd=target.parent, env={**os.environ, "GOWORK": "off"}, capture_output=True, check=True
    )
    content = (Path(json.loads(done.stdout)["Dir"]) / wanted.path).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != wanted.sha256:
        raise RuntimeError(f"{wanted.path} of {wanted.module}: expected sha256 {wanted.sha256}, got {found}")
    target.write_bytes(content)
