"""The real vLLM on a CPU, for tests and the demo: `engine_python()`. `python -m assets.engine` builds it."""

import shutil
from pathlib import Path

from assets.environments import environment, pins


def engine_python() -> Path:
    """The interpreter that imports vllm. Builds its environment when it is missing, which takes minutes."""
    if shutil.which("lscpu") is None:
        raise FileNotFoundError("lscpu is not on PATH, and vLLM asks it for the CPU's layout: install util-linux")
    return environment("engine-cpu", pins("engine-cpu"), size="about 6 GB, minutes")


if __name__ == "__main__":
    print(engine_python())
