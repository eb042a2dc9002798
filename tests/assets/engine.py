"""The real vLLM on a CPU: an environment of its own, built once below the cache folder from pinned files.

`python -m assets.engine` builds it; tests and the demo call `engine_python()`. It is kept apart from the
development environment: vLLM pins several hundred megabytes that nothing else needs.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import uv

from assets.cache import cache_dir, exclusive

REQUIREMENTS: Final = Path(__file__).parents[2] / "requirements" / "engine-cpu.txt"
PYTHON_VERSION: Final = "3.11"
"""What the requirement file was compiled for."""

_CUDA_LIBRARIES: Final = ("nvidia-", "cuda-")
"""Distributions that only the index's CUDA build of torch needs; a CPU build loads none of them."""


def engine_python() -> Path:
    """The interpreter that imports vllm. Builds the environment when it is missing, which takes minutes.

    Raises `subprocess.CalledProcessError` when the installation fails; uv has printed why by then.
    """
    folder = cache_dir(f"engine-cpu-{_fingerprint()}")
    python, complete = folder / "bin" / "python", folder / ".complete"
    if not complete.exists():
        with exclusive(folder.with_name(f"{folder.name}.lock")):
            if not complete.exists():
                _build(folder)
                complete.touch()
    return python


def install(python: Path) -> None:
    """Install the engine's pinned distributions into the environment of an interpreter, byte code included.

    Without byte code every start of the engine takes twice as long.
    """
    folders = find_links()
    pins = _pins(cpu_torch=any(_cpu_torch(folder) for folder in folders))
    links = [part for folder in folders for part in ("--find-links", folder)]
    command = [uv.find_uv_bin(), "pip", "install", "--python", str(python), "--no-deps", "--compile-bytecode"]
    subprocess.run([*command, *links, "-r", "-"], input="\n".join(pins), text=True, check=True)


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


def _cpu_torch(folder: str) -> bool:
    return any(Path(folder).glob(f"torch-{_torch_version()}+cpu-*.whl"))


def _torch_version() -> str:
    (version,) = (pin.removeprefix("torch==") for pin in _lines() if pin.startswith("torch=="))
    return version


def _pins(*, cpu_torch: bool) -> list[str]:
    return [pin for pin in _lines() if not (cpu_torch and pin.startswith(_CUDA_LIBRARIES))]


def _lines() -> list[str]:
    return [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]


def _fingerprint() -> str:
    return hashlib.sha256("\n".join([PYTHON_VERSION, *_lines()]).encode()).hexdigest()[:12]


def _build(folder: Path) -> None:
    if shutil.which("lscpu") is None:
        raise FileNotFoundError("lscpu is not on PATH, and vLLM asks it for the CPU's layout: install util-linux")
    started = time.monotonic()
    print(f"engine: installing vLLM for the CPU into {folder} (about 6 GB, minutes)", flush=True)
    subprocess.run(
        [
            uv.find_uv_bin(),
            "venv",
            "--quiet",
            "--clear",
            "--no-python-downloads",
            "--python",
            PYTHON_VERSION,
            str(folder),
        ],
        check=True,
    )
    install(folder / "bin" / "python")
    print(f"engine: ready after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    print(engine_python())
