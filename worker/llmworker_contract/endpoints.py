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
METRICS: Final = "/metrics"

MODEL_MOUNT: Final = "/models"
"""Where the model cache is mounted in a worker's container."""

CHAT_TEMPLATE_MOUNT: Final = "/etc/llmworker/chat-template"
"""Where the ConfigMap with a chat template is mounted in a worker's container."""

CHAT_TEMPLATE_FILE: Final = f"{CHAT_TEMPLATE_MOUNT}/template.jinja"
"""The mounted template, whatever its key in the ConfigMap is called."""

API_KEYS_MOUNT: Final = "/etc/llmworker/api-keys"
"""Where the Secret with the clients' keys is mounted in a worker's container."""

API_KEYS_FILE: Final = f"{API_KEYS_MOUNT}/keys"
"""The mounted keys, whatever their key in the Secret is called."""

TERMINATION_LOG: Final = "/dev/termination-log"
"""Where a failed worker leaves its cause as JSON; the kubelet copies it into the pod's status."""

PROFILE_VARIABLE: Final = "LLMWORKER_ENGINE_PROFILE"
"""Set in the worker image at build: which engine profile the image holds."""

HOST_VARIABLE: Final = "LLMWORKER_HOST"
"""The address that both servers listen on; unset: all."""

OPENAI_PORT_VARIABLE: Final = "LLMWORKER_OPENAI_PORT"
ADMIN_PORT_VARIABLE: Final = "LLMWORKER_ADMIN_PORT"
TERMINATION_LOG_VARIABLE: Final = "LLMWORKER_TERMINATION_LOG"

DRAIN_TIMEOUT: Final = 300
"""Seconds for open requests when a worker is asked to end, where DRAIN_TIMEOUT_SECONDS is unset."""

HANG_TIMEOUT: Final = 300
"""Seconds with work and without a token until a worker is not ready, where HANG_TIMEOUT_SECONDS is unset."""

STOP_GRACE: Final = 20
"""Seconds for the engine to end after that."""

TERMINATION_MARGIN: Final = 15
"""Seconds more until the kubelet's SIGKILL, for the last words to clients and the worker's own end."""
