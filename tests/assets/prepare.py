"""Makes everything that the tests stand on, side by side and with words: `python -m assets.prepare`.

Tests would make it themselves when they first need it, but in silence, since their output is captured.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from assets import definitions
from assets.engine import engine_python
from assets.images import operator_image, worker_image
from assets.models import NAMES, model_path
from assets.parsers import parser_python
from cluster import binaries
from cluster.rig import CONTROL_PLANE, SIMULATED, WHOLE, lacking
from llmworker_contract.engines import names

_START = time.monotonic()


def say(text: str) -> None:
    """One line with the seconds since the start."""
    print(f"[{time.monotonic() - _START:6.1f} s] {text}", flush=True)


def main() -> int:
    """Exit status 0; an error of a part is raised when all parts have ended."""
    reasons = lacking(WHOLE)
    levels = [CONTROL_PLANE, SIMULATED] if reasons else [CONTROL_PLANE, SIMULATED, WHOLE]
    for reason in reasons:
        say(f"the tests on a real node will be skipped: {reason}")
    with ThreadPoolExecutor() as pool:
        parts = [pool.submit(_programs, levels), pool.submit(_engines)]
        if os.geteuid() == 0:
            parts.append(pool.submit(_images))
    for part in parts:
        part.result()
    say("everything that the tests stand on is there")
    return 0


def _programs(levels: list[int]) -> None:
    for level in levels:
        binaries.folder(level, say)
    for wanted in definitions.ALL:
        definitions.definition(wanted, say)


def _engines() -> None:
    engine_python()
    for name in NAMES:
        model_path(name)
    for profile in names():
        parser_python(profile)


def _images() -> None:
    operator_image(say)
    worker_image("cpu", say)


if __name__ == "__main__":
    sys.exit(main())
