"""What each engine profile's parser takes, as files beside the profiles: `python -m assets.profiles [--check]`."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assets.parsers import ENGINES, SOURCES, parser_environ, parser_python
from llmworker_contract.engines import names


def record_path(profile: str) -> Path:
    return ENGINES / f"{profile}.arguments.json"


def recorded(profile: str) -> str:
    """The file's text as that engine's parser would have it now."""
    done = subprocess.run(
        [str(parser_python(profile)), "-P", "-m", "llmworker_server.record_arguments"],
        env=parser_environ(profile) | {"PYTHONPATH": str(SOURCES)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.replace("{\n", '{\n "generated_by": "make profiles",\n', 1)


def main(arguments: list[str]) -> int:
    """Write every file, or with `--check` name those that are stale; exit status 1 if there are."""
    profiles = names()
    for profile in profiles:
        parser_python(profile)
    with ThreadPoolExecutor(2) as pool:
        texts = dict(zip(profiles, pool.map(recorded, profiles), strict=True))
    stale = [name for name, text in texts.items() if not _holds(record_path(name), text)]
    for name in stale:
        if "--check" in arguments:
            print(f"{record_path(name).name} is stale: run make profiles", file=sys.stderr)
        else:
            record_path(name).write_text(texts[name])
            print(f"wrote {record_path(name).name}")
    return 1 if stale and "--check" in arguments else 0


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
