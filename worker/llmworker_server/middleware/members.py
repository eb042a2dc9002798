"""Members of a JSON object cut out, or written anew, in the bytes that it was written in. Pure.

What is read as values and written anew is not what it was: 1e400 becomes infinite, a key that occurs twice once, and
blanks and escapes are lost. So only the places of members are looked for, one level at a time, and the rest is not
touched.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

_BLANKS: Final = re.compile(r"[ \t\n\r]*")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Python's own reading of JSON allows one, so servers do."""

_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)
"""Numbers are only passed over: no digits are too many."""


class Cut(NamedTuple):
    """An object's bytes in two parts."""

    taken: dict[str, bytes]
    """The values of the members that were taken out, as written; of several with one name the last, as readers do."""
    rest: bytes
    """The object without them."""


Edit = Callable[[str, bytes], tuple[str, bytes] | None]
"""From a member's name and its value, as written, to what they are to be; None: it is left out."""


class _Member(NamedTuple):
    name: str
    start: int
    """Right behind the brace or the comma before it."""
    value: slice
    end: int
    """At the comma or the brace behind it."""


def cut(body: bytes, names: Collection[str]) -> Cut:
    """Take out the top level's members of these names, which are ASCII. Raises ValueError if it is no JSON object."""
    opening, members = _read(body)
    taken = {member.name: body[member.value] for member in members if member.name in names}
    kept = [body[member.start : member.end] for member in members if member.name not in names]
    return Cut(taken, body[:opening] + b",".join(kept) + body[members[-1].end :] if taken else body)


def edited(body: bytes, edit: Edit) -> bytes:
    """The object with each member of its top level as `edit` wants it; what it leaves alone stays byte for byte.

    Raises ValueError if it is no JSON object.
    """
    opening, members = _read(body)
    kept = []
    for member in members:
        value = body[member.value]
        wanted = edit(member.name, value)
        if wanted is None:
            continue
        key = body[member.start : member.value.start] if wanted[0] == member.name else b'"%b": ' % wanted[0].encode()
        kept.append(key + wanted[1] + body[member.value.stop : member.end])
    return body[:opening] + b",".join(kept) + body[members[-1].end :]


def edited_list(body: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """The list with each element as `edit` wants it, as `edited` does it. Raises ValueError if it is no JSON list."""
    text = body.decode("latin-1")
    at = _expect("[", text, 0)
    written, mark = [body[:at]], ","
    while mark == ",":
        start = _blanks(text, at)
        behind = _value_end(text, start)
        end = _blanks(text, behind)
        mark = text[end : end + 1]
        written += [body[at:start], edit(body[start:behind]), body[behind : end + 1]]
        at = end + 1
    if mark != "]" or _blanks(text, at) != len(text):
        raise ValueError("not a JSON list and nothing else")
    return b"".join([*written, body[at:]])


def _read(body: bytes) -> tuple[int, list[_Member]]:
    """The place behind the opening brace, and all members. Raises ValueError if it is no JSON object."""
    # A character a byte, so that places agree: all that JSON itself consists of is ASCII.
    text = body.decode("latin-1")
    opening = _expect("{", text, len(_BYTE_ORDER_MARK) if body.startswith(_BYTE_ORDER_MARK) else 0)
    return opening, list(_members(text, opening))


def _members(text: str, at: int) -> Iterator[_Member]:
    """Those after the opening brace, of which there is at least one."""
    mark = ","
    while mark == ",":
        start = at
        first = _expect('"', text, at) - 1
        name, at = _DECODER.raw_decode(text, first)
        value = _blanks(text, _expect(":", text, at))
        behind = _value_end(text, value)
        end = _blanks(text, behind)
        mark, at = text[end : end + 1], end + 1
        yield _Member(name, start, slice(value, behind), end)
    if mark != "}" or _blanks(text, at) != len(text):
        raise ValueError("not a JSON object and nothing else")


def _value_end(text: str, at: int) -> int:
    try:
        return _DECODER.raw_decode(text, at)[1]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _expect(mark: str, text: str, at: int) -> int:
    """The place behind the mark, which comes next but for blanks."""
    at = _blanks(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"no {mark} at {at}")
    return at + 1


def _blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
