"""Ports and paths of a worker: written once, used by its routes, the operator's probes and the Service."""

from typing import Final

OPENAI_PORT: Final = 8000
"""vLLM's own OpenAI server, with our middleware inside."""

OPENAI_PORT_NAME: Final = "http"

ADMIN_PORT: Final = 8001
"""The supervisor's admin app; answers from the first second, before the engine listens."""

ADMIN_PORT_NAME: Final = "admin"

LIVEZ: Final = "/livez"
READYZ: Final = "/readyz"
STARTUPZ: Final = "/startupz"
SETTINGS: Final = "/settings"

MODEL_MOUNT: Final = "/models"
"""Where the model cache is mounted in a worker's container."""

TERMINATION_LOG: Final = "/dev/termination-log"
"""Where a failed worker leaves its cause as JSON; the kubelet copies it into the pod's status."""

PROFILE_VARIABLE: Final = "LLMWORKER_ENGINE_PROFILE"
"""Set in the worker image at build: which engine profile the image holds."""

TERMINATION_GRACE: Final = 60
"""Seconds between the kubelet's SIGTERM and its SIGKILL; the worker must be gone before."""
