"""The project's container images, built without Docker or a registry, and only when what they are made of changed.

`python -m assets.images [base|operator|worker|all] [--profile cpu]`; tests, the rig and the demo call
`operator_image()` and `worker_image()`, and give the result to containerd with `load`.
"""

import argparse
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uv

from assets.buildah import PROGRAMS, Say, build, remove, settle
from assets.cache import cache_dir, exclusive
from assets.debian import ensure_programs
from assets.debian_base import base_image, base_reference
from assets.image_layout import Image, forget_all_but, load, store

__all__ = ["Image", "load", "operator_image", "worker_image"]

REPOSITORY: Final = Path(__file__).parents[2]

_SOURCES: Final = (
    ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "requirements/build.txt",
    "operator/llmworker_operator", "worker/llmworker_contract", "worker/llmworker_server",
)  # fmt: skip
"""What the wheel in every image is made of."""


@dataclass(frozen=True)
class _Recipe:
    reference: str
    dockerfile: str
    sources: tuple[str, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def record(self) -> Path:
        """What was built last under this reference, and out of what."""
        return cache_dir("images", "built") / f"{self.reference.rpartition('/')[2].replace(':', '-')}.json"


def operator_image(say: Say = print) -> Image:
    """`localhost/llmworker-operator:dev`. Raises `BuildFailed` with the end of the build's log."""
    recipe = _Recipe("localhost/llmworker-operator:dev", "Dockerfile.operator", ("requirements/operator.txt",))
    return _image(recipe, say)


def worker_image(profile: str = "cpu", say: Say = print) -> Image:
    """`localhost/llmworker-worker:<profile>`. Raises `BuildFailed` with the end of the build's log."""
    requirements = f"requirements/engine-{profile}.txt"
    if not (REPOSITORY / requirements).is_file():
        known = sorted(path.stem.removeprefix("engine-") for path in REPOSITORY.glob("requirements/engine-*.txt"))
        raise ValueError(f"engine profile {profile!r} has no {requirements}; there are {', '.join(known)}")
    arguments = {"ENGINE_PROFILE": profile}
    if "cuda" not in profile:
        arguments["NVIDIA_VISIBLE_DEVICES"] = "void"
    reference = f"localhost/llmworker-worker:{profile}"
    return _image(_Recipe(reference, "Dockerfile.worker", (requirements, "images"), arguments), say)


def _image(recipe: _Recipe, say: Say) -> Image:
    with exclusive(cache_dir("images") / "lock", say):
        fingerprint = _fingerprint(recipe)
        record = json.loads(recipe.record.read_text()) if recipe.record.exists() else {}
        if record.get("fingerprint") == fingerprint:
            image = Image(recipe.reference, record["digest"])
            if image.complete:
                return image
        return _build(recipe, fingerprint, record.get("id"), say)


def _build(recipe: _Recipe, fingerprint: str, replaced: str | None, say: Say) -> Image:
    started = time.monotonic()
    _require_root()
    ensure_programs(PROGRAMS, say)
    base = base_image(say)
    say(f"{recipe.reference}: building")
    uv_cache = subprocess.run([uv.find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True)
    arguments = {"BASE_IMAGE": base, "UV_CACHE_DIR": "/uv-cache", **recipe.arguments}
    Path(uv_cache.stdout.strip()).mkdir(parents=True, exist_ok=True)
    volumes = [f"{uv_cache.stdout.strip()}:/uv-cache"]
    built = build(REPOSITORY / recipe.dockerfile, recipe.reference, arguments, volumes, say)
    image = store(recipe.reference)
    made = {"reference": recipe.reference, "fingerprint": fingerprint, "digest": image.digest, "id": built}
    recipe.record.write_text(json.dumps(made))
    if replaced is not None and replaced != built:
        remove(replaced)
    settle()
    forget_all_but([json.loads(path.read_text())["reference"] for path in recipe.record.parent.iterdir()])
    say(f"{recipe.reference}: {image.size / 1e6:.0f} MB, ready after {time.monotonic() - started:.0f} s")
    return image


def _require_root() -> None:
    if os.geteuid() != 0:
        raise PermissionError(f"building images needs root, and this is user {os.geteuid()}: run it with sudo")


def _fingerprint(recipe: _Recipe) -> str:
    """A hash of all that the image is made of."""
    made_of = [base_reference(), dict(recipe.arguments)]
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode())
    for name in sorted((recipe.dockerfile, *_SOURCES, *recipe.sources)):
        top = REPOSITORY / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(REPOSITORY)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m assets.images", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=("base", "operator", "worker", "all"))
    parser.add_argument("--profile", default="cpu", help="engine profile of the worker image (default: cpu)")
    chosen = parser.parse_args()
    if chosen.what == "base":
        with exclusive(cache_dir("images") / "lock", print):
            _require_root()
            ensure_programs(PROGRAMS, print)
            print(base_image(print))
    if chosen.what in ("operator", "all"):
        _show(operator_image())
    if chosen.what in ("worker", "all"):
        _show(worker_image(chosen.profile))


def _show(image: Image) -> None:
    print(f"{image.reference}  {image.size / 1e6:.0f} MB  {image.digest}", flush=True)


if __name__ == "__main__":
    main()
