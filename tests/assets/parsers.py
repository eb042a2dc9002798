"""The real argument parser of every engine profile, on a machine without a GPU.

A profile's environment here holds what its image holds, less what only a GPU needs, and with the torch of the CPU
engine, which is on this machine already. vLLM parses in it and builds its `AsyncEngineArgs`; it can not generate.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from assets.engine import engine_python
from assets.environments import CUDA_LIBRARIES, environment, pins

_ROOT: Final = Path(__file__).parents[2]
ENGINES: Final = _ROOT / "worker" / "llmworker_contract" / "engines"
SOURCES: Final = _ROOT / "worker"

_TORCH: Final = ("torch==", "sympy==", *CUDA_LIBRARIES)
"""Taken from the CPU engine's set: torch, its libraries, and sympy, which it wants newer than 0.8.5 pins it."""

_GPU_ONLY: Final = (
    *("torch", "triton", "xformers", "flashinfer", "cupy", "nccl", "nvtx", "pynvvideocodec"),  # CUDA, and built on it
    *("tilelang", "z3-solver", "quack-kernels", "humming-kernels", "tokenspeed"),  # compilers of kernels, and kernels
    *("fastsafetensors", "instanttensor"),  # read weights into a GPU's memory
    "ray==",  # an executor of its own processes: the parser only knows its name
)
"""How the pins begin that no parser imports. Any that is missing here costs disk, nothing else."""

_UNASKED: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Offline, newer releases look for the model's files while they parse; otherwise a name is a name."""


def parser_python(profile: str) -> Path:
    """The interpreter in which this profile's vLLM parses. Builds its environment when missing, in half a minute."""
    if profile == "cpu":
        return engine_python()
    own = [pin for pin in pins(f"engine-{profile}") if not pin.startswith((*_GPU_ONLY, *_TORCH))]
    torch = [pin for pin in pins("engine-cpu") if pin.startswith(_TORCH)]
    return environment(f"parser-{profile}", [*own, *torch], size="1 to 2 GB", finish=_without_libraries)


def parser_environ(profile: str) -> dict[str, str]:
    """What the parser runs with: this process's environment and what the profile's image sets for its engine."""
    own: dict[str, str] = json.loads((ENGINES / f"{profile}.json").read_text())["environment"]
    return {name: value for name, value in os.environ.items() if name not in _UNASKED} | own


def _without_libraries(site_packages: Path) -> None:
    """vLLM's own libraries are linked against another torch and against CUDA; without them it parses all the same."""
    for library in (site_packages / "vllm").rglob("*.so"):
        library.unlink()


class Parser:
    """A process that parses command lines as the profile's server does; its start takes 3 to 10 seconds."""

    def __init__(self, profile: str) -> None:
        self._profile = profile

    def __enter__(self) -> "Parser":
        environ = parser_environ(self._profile) | {"PYTHONPATH": f"{_ROOT / 'tests'}:{SOURCES}"}
        self._words: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [str(parser_python(self._profile)), "-P", "-m", "assets.parser_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=environ,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._words.close()

    def parse(self, argv: Sequence[str]) -> dict[str, Any]:
        """`{"ok": True, "namespace": …, "engine_args": …}`, or `{"ok": False, "error": …}` in the engine's words.

        Raises RuntimeError, with its last words, when the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(list(argv)) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._words.seek(0)
            last = self._words.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"the parser of {self._profile} ended with {self._process.wait()}:\n{last}")
        found: dict[str, Any] = json.loads(answer)
        return found
