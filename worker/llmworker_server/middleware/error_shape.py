"""The engine's errors in OpenAI's shape, whatever release and part of its server they come from. Pure."""

import json
from http import HTTPStatus
from typing import Any, Final

from llmworker_server.middleware.answer import error_body

_INTERNAL: Final = 500


def shaped(body: bytes, status: int, content_type: bytes) -> bytes:
    """The body of an answer with this status, of 400 or more, as `{"error": {message, type, param, code}}`.

    One that has the shape, or that nothing is known of, stays byte for byte.
    """
    if not body.strip():
        return error_body(message=phrase(status), kind=phrase(status), code=status)
    if content_type.startswith(b"text/plain"):
        return error_body(message=body.decode(errors="replace").strip(), kind=phrase(status), code=status)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return _shaped(found, status) or body


def phrase(status: int) -> str:
    """What vLLM's newer releases call the type of an error that has no other."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return HTTPStatus(_INTERNAL).phrase if status >= _INTERNAL else HTTPStatus(400).phrase


def _shaped(found: Any, status: int) -> bytes | None:
    """None for what is in the shape already, or in none that a known release has."""
    if not isinstance(found, dict) or isinstance(found.get("error"), dict):
        return None
    if isinstance(found.get("message"), str):  # vLLM before 0.10
        kind, code = found.get("type") or phrase(status), found.get("code", status)
        return error_body(message=found["message"], kind=kind, code=code, param=found.get("param"))
    if isinstance(found.get("error"), str):  # vLLM without its key
        return error_body(message=found["error"], kind=phrase(status), code=status)
    if isinstance(found.get("detail"), str):  # FastAPI: no such path, no such method
        return error_body(message=found["detail"], kind=phrase(status), code=status)
    if isinstance(found.get("detail"), list):  # FastAPI: a request that is not what its model says
        return _validation(found["detail"], status)
    return None


def _validation(problems: list[Any], status: int) -> bytes:
    """All problems in words, and the place of the first."""
    places = [_place(problem) for problem in problems]
    words = [problem.get("msg", problem) if isinstance(problem, dict) else problem for problem in problems]
    message = "; ".join(f"{place}: {word}" if place else str(word) for place, word in zip(places, words, strict=True))
    param = next((place for place in places if place), None)
    return error_body(message=message, kind=phrase(status), code=status, param=param)


def _place(problem: Any) -> str:
    """Without the part of the request, which is the first of it."""
    where = problem.get("loc", ()) if isinstance(problem, dict) else ()
    return ".".join(str(part) for part in where[1:])
