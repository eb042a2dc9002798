"""Environments that import vLLM, each installed once below the cache folder from exact pins.

They are kept apart from the development environment: vLLM pins gigabytes that nothing else needs.
"""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import uv

from assets.cache import cache_dir, exclusive

REQUIREMENTS: Final = Path(__file__).parents[2] / "requirements"
PYTHON_VERSION: Final = "3.11"
"""What requirements/engine-cpu.txt was compiled for."""

CUDA_LIBRARIES: Final = ("nvidia-", "cuda-")
"""Distributions that only the index's CUDA build of torch needs; a CPU build loads none of them."""


def pins(requirements: str) -> list[str]:
    """The lines of a requirement file that ask for something."""
    lines = (REQUIREMENTS / f"{requirements}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def environment(name: str, pinned: Sequence[str], size: str, finish: Callable[[Path], None] | None = None) -> Path:
    """The interpreter of an environment of these pins, built when it is missing; `finish` gets its site-packages.

    Raises `subprocess.CalledProcessError` when the installation fails; uv has printed why by then.
    """
    fingerprint = hashlib.sha256("\n".join([PYTHON_VERSION, *pinned]).encode()).hexdigest()[:12]
    folder = cache_dir(f"{name}-{fingerprint}")
    python, complete = folder / "bin" / "python", folder / ".complete"
    if not complete.exists():
        with exclusive(folder.with_name(f"{folder.name}.lock")):
            if not complete.exists():
                started = time.monotonic()
                print(f"{name}: installing vLLM into {folder} ({size})", flush=True)
                _venv(folder)
                _install(python, pinned)
                if finish is not None:
                    finish(folder / "lib" / f"python{PYTHON_VERSION}" / "site-packages")
                print(f"{name}: ready after {time.monotonic() - started:.0f} s", flush=True)
                complete.touch()
    return python


def find_links() -> tuple[str, ...]:
    """The folders of wheels that pip is configured with, in pip's order; uv does not read pip's configuration."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        name, _, value = line.partition("=")
        if name.endswith(".find-links"):
            return tuple(value.strip("'\"").split())
    return ()


def _venv(folder: Path) -> None:
    command = [uv.find_uv_bin(), "venv", "--quiet", "--clear", "--no-python-downloads"]
    subprocess.run([*command, "--python", PYTHON_VERSION, str(folder)], check=True)


def _install(python: Path, pinned: Sequence[str]) -> None:
    """With byte code: without it every start takes twice as long."""
    folders = find_links()
    torch = next(pin.partition("==")[2] for pin in pinned if pin.startswith("torch=="))
    cpu_torch = any(any(Path(folder).glob(f"torch-{torch}+cpu-*.whl")) for folder in folders)
    wanted = [pin for pin in pinned if not (cpu_torch and pin.startswith(CUDA_LIBRARIES))]
    links = [part for folder in folders for part in ("--find-links", folder)]
    command = [uv.find_uv_bin(), "pip", "install", "--python", str(python), "--no-deps", "--compile-bytecode"]
    subprocess.run([*command, *links, "-r", "-"], input="\n".join(wanted), text=True, check=True)
