"""Names that nobody reads: the misspelt ones, and those that only workers of the document's era read."""

import difflib
from typing import Final

from llmworker_contract.catalogue import NAMES

_ALIKE: Final = 0.86
"""How alike two names must be, from 0 to 1. MAX_MODEL_LENGTH and MAX_MODEL_LEN are 0.90; HF_TOKEN_PATH, which
the hub's client reads, and HF_TOKEN are 0.76. Of the 1,100 variables that vLLM, torch, transformers and the hub's
client read, none is so much like one of ours."""

ERA: Final = {
    "BASE_PATH": "set spec.cache; HF_HOME follows it",
    "DEVICE": "choose the engine profile: spec.image.profile",
    "MAX_CONTEXT_LEN_TO_CAPTURE": "use MAX_SEQ_LEN_TO_CAPTURE",
    "ENABLE_PROMPT_ADAPTER": "serve a LoRA adapter: LORA_MODULES",
    "MAX_PROMPT_ADAPTERS": "serve LoRA adapters: LORA_MODULES and MAX_LORAS",
    "MAX_PROMPT_ADAPTER_TOKEN": "serve a LoRA adapter: LORA_MODULES",
    "IGNORE_PATTERNS": "keep the files out of the model's folder",
    "QLORA_ADAPTER_NAME_OR_PATH": "use LORA_MODULES",
    "DISABLE_LOGPROBS_DURING_SPEC_DECODING": "remove it",
    "OTLP_TRACES_ENDPOINT": "remove it",
}
"""What workers of the document's era read beside the document, and what to do instead."""

REFUSED: Final = {
    "VLLM_API_KEY": "vLLM would guard some paths only, and refuse keys that were rotated: put the keys into a file, "
    "one a line, and name it in API_KEYS_FILE; in a resource into a Secret, named in spec.serving.apiKeysSecretRef",
}
"""What the engine would read and this worker must not let it, and what to do instead: to drop it in silence would
open the service."""


def nearest(name: str) -> str | None:
    """The name of ours that was meant, if `name` is so much like it that it can only be a typo."""
    if name in NAMES or name in ERA or name in REFUSED:
        return None
    found = difflib.get_close_matches(name.upper(), NAMES, n=1, cutoff=_ALIKE)
    return found[0] if found else None
