"""How much of a model has come from the hub, seen in the cache's folder.

vLLM switches the hub client's progress bars off, and the client itself does where no terminal is; but every release of
it writes what is under way to `models--ORG--NAME/blobs/*.incomplete` and renames it when it is whole.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

WEIGHTS: Final = 16_000_000
"""Bytes; what is smaller is a configuration or a tokenizer, and gone before anybody looks."""


def cache(environ: Mapping[str, str], download_dir: str | None) -> Path:
    """Where the hub client of this environment keeps models."""
    if download_dir:
        return Path(download_dir)
    if folder := environ.get("HF_HUB_CACHE"):
        return Path(folder)
    home = environ.get("HF_HOME") or f"{environ.get('HOME', '~')}/.cache/huggingface"
    return Path(home).expanduser() / "hub"


def downloaded(folder: Path, since: float) -> int | None:
    """Bytes of the models whose weights are being downloaded, whole files among them; None when none are.

    `since`: seconds of the epoch. What has not grown after it was left by an earlier start.
    """
    models = {file.parent for file in folder.glob("models--*/blobs/*.incomplete") if _written(file, since) >= WEIGHTS}
    return sum(_written(file) for blobs in models for file in blobs.iterdir()) if models else None


def _written(file: Path, since: float = 0) -> int:
    """Bytes on the disk, if any came after that time."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0  # renamed just now; the next look finds it under its own name
    # Of what is there: some clients set a file's length before its contents come.
    return found.st_blocks * 512 if found.st_mtime >= since else 0
