"""The image, the disk, the ports, and the end of an engine that gives no cause of its own."""

from typing import Final

from llmworker_server.signatures.signature import signatures

SIGNATURES: Final = signatures(
    (
        "ImageBroken",
        r"(?:ModuleNotFoundError: )(?P<detail>No module named '(?:setuptools|pyairports|vllm)\b[^']*')",
        "The image lacks a package that its vLLM needs: {detail}.",
        "Use an image of this project, or build one from requirements/engine-<profile>.txt.",
    ),
    (
        "ImageBroken",
        r"(?P<detail>TokenizersBackend has no attribute \w+|cannot import name '\w+' from 'transformers[\w.]*')",
        "The image's transformers does not fit its vLLM: {detail}.",
        "Use an image of this project, or build one from requirements/engine-<profile>.txt.",
    ),
    (
        "DiskFull",
        r"No space left on device",
        "The disk is full.",
        "Give the model cache a larger volume, or set DOWNLOAD_DIR to one.",
    ),
    (
        "PortInUse",
        r"\[Errno 98\]",
        "Another process listens on the engine's port.",
        "Nothing else may listen there in the pod; after a restart the port is free within a minute.",
    ),
    (
        "EngineDied",
        r"EngineDeadError|EngineCore encountered an issue|Background loop has errored already"
        r"|Background loop is not running|Engine loop is not running\. Inspect the stacktrace"
        r"|Engine core proc \S+ died|Worker proc \S+ died",
        "The engine died while its server ran.",
        "The worker starts again by itself; if it repeats, read the log before the first EngineDeadError.",
    ),
)
