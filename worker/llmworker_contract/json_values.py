"""JSON in the environment: read strictly, written the one way that survives an API server."""

import json
import math
from typing import Any, Final

_EXACT: Final = 2**53
"""Above it not every whole number is a float."""


def loaded(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for anything else, NaN and Infinity among them."""
    try:
        return encodable(json.loads(text, parse_constant=_refused, object_pairs_hook=_object))
    except json.JSONDecodeError as error:
        raise ValueError(f"expected JSON, but at character {error.pos + 1}: {error.msg}") from None
    except RecursionError:
        raise ValueError("expected JSON that is less deeply nested") from None


def dumped(value: Any) -> str:
    """Compact JSON with sorted keys. A whole number is written as one: API servers store 2.0 as 2."""
    return exact(_whole(value))


def exact(value: Any) -> str:
    """Compact JSON with sorted keys, in which 2.0 stays apart from 2."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encodable(value: Any) -> Any:
    """The value itself. Raises ValueError for what JSON in UTF-8 cannot hold: half characters, NaN, infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected finite numbers")
    if isinstance(value, str) and (not _is_utf8(value) or "\0" in value):
        raise ValueError("expected text without half characters and zero bytes")
    if isinstance(value, dict):
        for item in (*value, *value.values()):
            encodable(item)
    if isinstance(value, list):
        for item in value:
            encodable(item)
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("expected each key of a JSON object once")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"expected finite numbers, not {constant}")
