"""The keys that clients may send, from a file of one key a line. No message here ever holds a key.

The file is a mounted Secret: the kubelet exchanges it whole, and what it says holds from the next request on.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

_KEY: Final = re.compile(rb"[!-~]+")
"""Visible ASCII: what a header can hold."""

_LARGEST: Final = 1_048_576
"""Bytes; what a Secret holds at most. A longer file is a mistake and is not read to its end."""

_Stamp = tuple[int, ...]


class BadKeys(ValueError):
    """A file that no keys can be taken from; the message says what to do."""


def parsed(content: bytes) -> tuple[bytes, ...]:
    """The keys in a file's content: one a line, without blank lines and the blanks at a line's ends. Raises BadKeys."""
    keys = []
    for number, line in enumerate(content.split(b"\n"), 1):
        key = line.strip(b" \t\r")
        if key and not _KEY.fullmatch(key):
            raise BadKeys(f"line {number} is no key: expected letters, digits and signs of ASCII without blanks")
        keys += [key] if key else []
    if not keys:
        raise BadKeys("the file holds no key: write one a line, or unset API_KEYS_FILE to serve everybody")
    return tuple(keys)


def read(path: str) -> tuple[bytes, ...]:
    """The keys that hold now. Raises BadKeys."""
    return parsed(_content(path))


class KeysFile:
    """The keys that hold now, for asking at every request: the file is read again only when it has changed."""

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._keys: tuple[bytes, ...] = ()
        self._stamp: _Stamp | None = None
        self._trouble = ""

    def current(self) -> tuple[bytes, ...]:
        """The keys; those that held before, which are none at first, while the file is none to take them from."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._take(_content(self._path), stamp)
        except BadKeys as error:
            self._tell(str(error))
        return self._keys

    def _take(self, content: bytes, stamp: _Stamp) -> None:
        # Only what could be read is not read again: the next try may find a file, or a descriptor for it.
        self._stamp = stamp
        keys = parsed(content)
        if keys != self._keys or self._trouble:
            self._say(f"API_KEYS_FILE: {len(keys)} {'key holds' if len(keys) == 1 else 'keys hold'} from now on")
        self._keys, self._trouble = keys, ""

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            held = "the keys of before still hold" if self._keys else "nobody is served until it does"
            self._say(f"API_KEYS_FILE can not be used, {held}: {trouble}")
        self._trouble = trouble


def _stamp(path: str) -> _Stamp:
    """What differs when the file was changed, exchanged, or given other permissions."""
    try:
        found = os.stat(path)  # noqa: PTH116  (at every request: no object is made for it)
    except OSError as error:
        raise BadKeys(_unreadable(error)) from error
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _content(path: str) -> bytes:
    file = Path(path)
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise BadKeys("it is no file: name a file of keys, one a line")
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except OSError as error:
        raise BadKeys(_unreadable(error)) from error
    if len(content) > _LARGEST:
        raise BadKeys(f"the file is larger than {_LARGEST} bytes: expected keys, one a line")
    return content


def _unreadable(error: OSError) -> str:
    return f"it cannot be read ({error.strerror}): mount the file, readable for this worker's user"
