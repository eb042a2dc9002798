"""Where downloads and builds are kept between runs: outside the repository, shared by all its checkouts."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_dir(*parts: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder `parts` below `LLMWORKER_CACHE`, else below the user's cache folder; made if missing."""
    root = environ.get("LLMWORKER_CACHE")
    base = Path(root) if root else Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llmworker"
    folder = base.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
