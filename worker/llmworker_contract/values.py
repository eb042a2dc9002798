"""One variable's value and its text in the environment. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from pydantic import SecretStr, TypeAdapter, ValidationError

from llmworker_contract import json_values
from llmworker_contract.catalogue import BY_NAME, Variable
from llmworker_contract.settings import ONE_LINE, PRINTABLE

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_BLANKS: Final = " \t\r\n"
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_PAIRS: Final = re.compile(r"[a-z]+=[0-9]+(,[a-z]+=[0-9]+)*")
_JSON: Final = frozenset({"dict", "tuple", "list"})
_EXACT: Final = 2**53
"""Above it not every whole number is a float."""


_PATTERNS: Final = {
    PRINTABLE: "expected one line of text without control characters or blanks at its ends",
    ONE_LINE: "expected a template in one line; one of several lines is taken from a file",
}


def unset(text: str) -> bool:
    """Whether the text means that the variable is unset: nothing, or the document's None."""
    return text.strip(_BLANKS) in {"", "None"}


def documented_default(name: str) -> Any:
    """What the document promises for the variable on the documented images, typed; None where it promises none.

    Raises KeyError for a name that the catalogue does not hold.
    """
    variable = BY_NAME[name]
    return None if variable.default is None else read(variable, variable.default)


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    """Checks a field's bounds; kept, since building one takes a millisecond."""
    return TypeAdapter(BY_NAME[name].annotation)


def read(variable: Variable, text: str) -> Any:
    """The value that a text states; 0 also where it means unset. Raises ValueError, saying what is allowed."""
    value = _convert(variable, text)
    if value == 0 and variable.zero_is_unset:
        return value
    if variable.choices and value not in variable.choices:
        raise ValueError(f"expected one of {', '.join(str(choice) for choice in variable.choices)}")
    try:
        if variable.kind in _JSON:
            # As JSON and strictly: true is no number, and "1" is not 1.
            return _adapter(variable.name).validate_json(json_values.dumped(value), strict=True)
        return _adapter(variable.name).validate_python(SecretStr(text.strip(_BLANKS)) if variable.secret else value)
    except ValidationError as error:
        raise ValueError(_first(error)) from None


def _convert(variable: Variable, text: str) -> Any:
    word = text.strip(_BLANKS)
    if variable.kind == "str":
        return word if variable.choices else text
    return _CONVERSIONS[variable.kind](word)


def _truth(word: str) -> bool:
    if word.lower() in _TRUE:
        return True
    if word.lower() in _FALSE:
        return False
    raise ValueError("expected 1 or 0 (true, false, yes, no, on, off)")


def _whole(word: str) -> int:
    if not _WHOLE.fullmatch(word):
        raise ValueError("expected a whole number")
    return int(word)


def _finite(word: str) -> float:
    word = word.strip(_BLANKS)
    if not _NUMBER.fullmatch(word):
        raise ValueError("expected a number")
    number = float(word)
    if not math.isfinite(number):
        raise ValueError("expected a number that is not too large")
    return number


def _object(word: str) -> dict[str, Any]:
    """A JSON object, or the form image=1,video=0 in which the document's era wrote objects of whole numbers."""
    if _PAIRS.fullmatch(word):
        return {key: _whole(value) for key, _, value in (pair.partition("=") for pair in word.split(","))}
    found = json_values.loaded(word)
    if not isinstance(found, dict):
        raise ValueError('expected a JSON object, as {"key": "value"}')  # noqa: TRY004  (a value, not a type, is wrong)
    return found


def _numbers(word: str) -> Any:
    return json_values.loaded(word) if word.startswith("[") else [_finite(part) for part in word.split(",")]


def _objects(word: str) -> list[Any]:
    """A JSON list; a single object needs no list around it."""
    found = json_values.loaded(word)
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise ValueError('expected a JSON list, as [{"name": "a", "path": "/models/a"}]')  # noqa: TRY004  (as above)
    return found


_CONVERSIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "bool": _truth,
    "int": _whole,
    "float": _finite,
    "dict": _object,
    "tuple": _numbers,
    "list": _objects,
}


def sentence(error: Mapping[str, Any]) -> str:
    """pydantic's own words for one thing wrong, made to begin like ours."""
    kind, words = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return _PATTERNS.get(pattern, f"expected a text of the form {pattern}")
    if kind == "extra_forbidden":
        return "is not known here"
    return words.replace("Input should be", "expected").replace("String should", "text should")


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    return f"{where} {sentence(detail)}" if where else sentence(detail)


def write(variable: Variable, value: Any) -> str:
    """The text that states a value, the only one that is ever written for it."""
    if variable.kind == "tuple":
        return ",".join(_number(part) for part in value)
    if variable.kind == "dict":
        return json_values.dumped(value if isinstance(value, dict) else value.model_dump(exclude_none=True))
    if variable.kind == "list":
        return json_values.dumped([item.model_dump(exclude_none=True) for item in value])
    if isinstance(value, bool):
        return "1" if value else "0"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return repr(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
