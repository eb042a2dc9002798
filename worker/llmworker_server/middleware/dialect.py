"""A completion request of today's OpenAI clients in the words of an engine that is older than they are. Pure.

What the engine takes is the profile's. Here is what OpenAI's fields that it does not take mean, one by one: what has
another name there gets it, what changes no answer is left out, and what the client would miss is left in place, so
that the engine refuses it. So it refuses a field that is not OpenAI's either: a misspelt one must not vanish.
"""

import json
import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Final

from llmworker_contract.engines import EngineProfile
from llmworker_server.middleware.members import Edit, cut, edited, edited_list

NEW_LIMIT: Final = "max_completion_tokens"
OLD_LIMIT: Final = "max_tokens"

WITHOUT_EFFECT: Final = frozenset(
    """
    metadata prompt_cache_key prompt_cache_options prompt_cache_retention safety_identifier service_tier store verbosity
    messages.annotations stream_options.include_obfuscation
    """.split()
)
"""OpenAI's fields that change no answer of this worker: bookkeeping, OpenAI's own caches and tiers, how long an answer
of its newest models is meant to be, where an earlier answer quotes from, and the padding of a stream."""

WITHOUT_EFFECT_AS: Final[dict[str, tuple[Any, ...]]] = {
    "function_call": ("none",),
    "modalities": (["text"],),
    "tools.function.strict": (False,),
}
"""OpenAI's fields that ask for nothing with these values, beside null."""

MISSED: Final = frozenset(
    """
    audio function_call functions modalities moderation prediction reasoning_effort tools.function.strict
    web_search_options
    """.split()
)
"""OpenAI's fields that a client would miss: an engine that does not know them refuses them."""

_LARGEST: Final = 16 * 2**20
"""Bytes. A longer body is the engine's to answer: reading it here as well would hold up every other answer."""

_NAMED: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SUMMARY: Final = 400
"""Characters of all that is said about a request; its names are the client's."""


class LimitsDifferError(ValueError):
    """A request states two limits for its answer."""


@dataclass(frozen=True)
class Translated:
    """A body for the engine."""

    body: bytes
    done: tuple[str, ...] = ()
    """What was done: `old=new` for a name, `-name` for what was left out. Empty if nothing was."""

    @property
    def summary(self) -> str:
        """In one line of ASCII, cut if it is long."""
        text = ", ".join(self.done)
        return text if len(text) <= _SUMMARY else f"{text[:_SUMMARY].rpartition(', ')[0]}, ..."


class Dialect:
    """What one engine understands."""

    def __init__(self, profile: EngineProfile) -> None:
        self.roles = profile.roles
        self.known = {name: taken.fields for name, taken in profile.requests.items() if taken.closed}
        words = set(self.roles)
        if self.known:
            words |= {name.rpartition(".")[2] for name in (NEW_LIMIT, *WITHOUT_EFFECT, *WITHOUT_EFFECT_AS)}
        self._words = re.compile(b'"(?:%b)"' % "|".join(sorted(words)).encode()) if words else None

    @property
    def newer_clients(self) -> bool:
        """Whether there is anything to translate for this engine."""
        return self._words is not None

    def may_need_it(self, body: bytes) -> bool:
        """Cheap to find out, and false for most bodies of those clients that the engine was made for."""
        if self._words is None or len(body) > _LARGEST:
            return False
        return (bool(self.known) and b"null" in body) or self._words.search(body) is not None

    def translated(self, body: bytes, kind: str) -> Translated:
        """The body of a request, `chat` or `completion`. Raises LimitsDifferError.

        What needs nothing is the very body, mostly not even read; what is no JSON object is the engine's to answer.
        """
        if not self.may_need_it(body):
            return Translated(body)
        try:
            translation = _Translation(self, kind, _limits(body) if self.known else {})
            found = edited(body, translation.member)
        except LimitsDifferError:
            raise
        except ValueError:
            return Translated(body)
        return Translated(found, tuple(translation.done)) if translation.done else Translated(body)


@dataclass
class _Translation:
    """Of one request."""

    dialect: Dialect
    kind: str
    limits: dict[str, bytes]
    done: dict[str, None] = field(default_factory=dict)

    def member(self, name: str, value: bytes) -> tuple[str, bytes] | None:
        """A member of the request itself."""
        if name == "messages" and value.startswith(b"["):
            return name, edited_list(value, self._message)
        if name == "tools" and value.startswith(b"["):
            return name, edited_list(value, self._tool)
        if name == "stream_options":
            return name, self._object(value, lambda inner, given: self._kept("stream_options", inner, given))
        if name in (NEW_LIMIT, OLD_LIMIT) and NEW_LIMIT in self.limits and NEW_LIMIT not in self._fields(self.kind):
            return self._limit(name, value)
        return self._kept("", name, value)

    def _limit(self, name: str, value: bytes) -> tuple[str, bytes] | None:
        """The new limit by the old name, unless the request has that too; one that is null would undo the other."""
        if name == OLD_LIMIT:
            return (name, value) if OLD_LIMIT in self.limits else None
        if OLD_LIMIT in self.limits:
            self._leave_out("", name)
            return None
        self.done[f"{NEW_LIMIT}={OLD_LIMIT}"] = None
        return OLD_LIMIT, value

    def _message(self, message: bytes) -> bytes:
        return self._object(message, self._message_member) if self.dialect.may_need_it(message) else message

    def _message_member(self, name: str, value: bytes) -> tuple[str, bytes] | None:
        if name == "role":
            role = json.loads(value)
            if isinstance(role, str) and role in self.dialect.roles:
                self.done[f"{role}={self.dialect.roles[role]}"] = None
                return name, json.dumps(self.dialect.roles[role]).encode()
        # Every field that is null but the content: in old engines several of them that are each known are refused.
        if value == b"null" and name != "content" and "message" in self.dialect.known:
            self._leave_out("messages", name)
            return None
        return self._kept("messages", name, value)

    def _tool(self, tool: bytes) -> bytes:
        return self._object(tool, self._tool_member)

    def _tool_member(self, name: str, value: bytes) -> tuple[str, bytes] | None:
        if name != "function":
            return name, value
        return name, self._object(value, lambda inner, given: self._kept("tools.function", inner, given))

    def _object(self, value: bytes, edit: Edit) -> bytes:
        """What is no object, or an empty one, is the engine's to answer."""
        return edited(value, edit) if value.startswith(b"{") and value[1:].lstrip() != b"}" else value

    def _kept(self, place: str, name: str, value: bytes) -> tuple[str, bytes] | None:
        """The member as it is, or None if the engine does not know it and nobody misses it."""
        path = f"{place}.{name}" if place else name
        if name in self._fields(_OBJECTS.get(place, self.kind)):
            return name, value
        harmless = path in WITHOUT_EFFECT or value == b"null"
        if harmless or (path in WITHOUT_EFFECT_AS and json.loads(value) in WITHOUT_EFFECT_AS[path]):
            self._leave_out(place, name)
            return None
        return name, value

    def _leave_out(self, place: str, name: str) -> None:
        shown = name if _NAMED.fullmatch(name) else "(another)"
        self.done[f"-{place}.{shown}" if place else f"-{shown}"] = None

    def _fields(self, kind: str) -> Container[str]:
        return self.dialect.known.get(kind, _EVERYTHING)


class _Everything:
    """The fields of an object in which any is allowed."""

    def __contains__(self, name: object) -> bool:
        return True


_EVERYTHING: Final = _Everything()

_OBJECTS: Final = {"messages": "message", "stream_options": "stream_options", "tools.function": "function"}
"""The profile's names of the objects in a request."""


def _limits(body: bytes) -> dict[str, bytes]:
    """The limits that the request states. Raises LimitsDifferError, and ValueError if it is no JSON object."""
    stated = {name: value for name, value in cut(body, (NEW_LIMIT, OLD_LIMIT)).taken.items() if value != b"null"}
    if len(stated) > 1 and json.loads(stated[NEW_LIMIT]) != json.loads(stated[OLD_LIMIT]):
        raise LimitsDifferError(
            f"{NEW_LIMIT} and {OLD_LIMIT} are one limit, and the request states two: leave one out."
        )
    return stated
