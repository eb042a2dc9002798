"""Where downloads and builds are kept between runs: outside the repository, shared by all its checkouts."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def cache_dir(*parts: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder `parts` below `LLMWORKER_CACHE`, else below the user's cache folder; made if missing."""
    root = environ.get("LLMWORKER_CACHE")
    base = Path(root) if root else Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llmworker"
    folder = base.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def exclusive(path: Path, say: Callable[[str], None] = print) -> Iterator[None]:
    """Held by one process on this machine at a time; freed by the kernel when its holder dies."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that holds {path.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
