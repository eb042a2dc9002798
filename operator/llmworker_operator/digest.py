"""A short hash of what a manifest says."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest(value: Mapping[str, Any]) -> str:
    """The same for equal values, in whatever order their keys are."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
