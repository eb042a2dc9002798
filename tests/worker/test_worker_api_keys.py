"""Keys out of a file, and what happens when the file changes under a running worker."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from llmworker_server.api_keys import BadKeys, KeysFile, parsed, read


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        pytest.param(b"sk-a", (b"sk-a",), id="one without an end of line"),
        pytest.param(b"sk-a\nsk-b\n", (b"sk-a", b"sk-b"), id="two"),
        pytest.param(b"\n \t sk-a \r\n\n", (b"sk-a",), id="blank lines, blanks at ends, and a Windows line end"),
        pytest.param(b"!~", (b"!~",), id="the first and the last visible sign"),
    ],
)
def test_a_key_is_a_line(content: bytes, keys: tuple[bytes, ...]) -> None:
    assert parsed(content) == keys


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "holds no key", id="empty"),
        pytest.param(b" \n\n", "holds no key", id="blank"),
        pytest.param(b"ok\n\nvery secret\n", "line 3 is no key", id="a blank within"),
        pytest.param("vérysecret".encode(), "line 1 is no key", id="beyond ASCII"),
        pytest.param(b"very\x00secret", "line 1 is no key", id="a control character"),
    ],
)
def test_what_is_no_key_is_told_by_its_line_and_not_shown(content: bytes, words: str) -> None:
    with pytest.raises(BadKeys, match=words) as caught:
        parsed(content)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda path: None, r"cannot be read \(No such file or directory\)", id="missing"),
        pytest.param(lambda path: path.mkdir(), "it is no file", id="a folder"),
        pytest.param(os.mkfifo, "it is no file", id="a pipe"),
        pytest.param(lambda path: path.write_bytes(b"a\n" * 600_000), "larger than 1048576 bytes", id="too large"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(make: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    make(tmp_path / "keys")
    with pytest.raises(BadKeys, match=words):
        read(str(tmp_path / "keys"))


class Mount:
    """A Secret's folder as the kubelet writes it: the file is a link into a folder that is exchanged whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._revision = 0
        self.path = folder / "keys"
        self.path.symlink_to("..data/keys")

    def exchange(self, content: bytes | None) -> None:
        self._revision += 1
        revision = self._folder / f"..{self._revision}"
        revision.mkdir()
        if content is not None:
            (revision / "keys").write_bytes(content)
        link = self._folder / "..data_tmp"
        link.symlink_to(revision.name)
        link.rename(self._folder / "..data")


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    return Mount(tmp_path)


def test_an_exchange_holds_from_the_next_time_on_and_is_told(mount: Mount) -> None:
    said: list[str] = []
    mount.exchange(b"sk-old")
    keys = KeysFile(str(mount.path), said.append)
    assert keys.current() == keys.current() == (b"sk-old",)
    mount.exchange(b"sk-new\nsk-old")
    assert keys.current() == (b"sk-new", b"sk-old")
    mount.exchange(b"sk-new")
    assert keys.current() == (b"sk-new",)
    assert said == [f"API_KEYS_FILE: {words} from now on" for words in ("1 key holds", "2 keys hold", "1 key holds")]


def test_a_write_in_place_counts_too(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"sk-old")
    keys = KeysFile(str(file), lambda words: None)
    keys.current()
    file.write_bytes(b"sk-newer")
    assert keys.current() == (b"sk-newer",)


@pytest.mark.parametrize("content", [None, b"", b"very secret"], ids=["no file", "empty", "malformed"])
def test_after_a_bad_exchange_the_keys_of_before_hold_and_it_is_told_once(content: bytes | None, mount: Mount) -> None:
    said: list[str] = []
    mount.exchange(b"sk-old")
    keys = KeysFile(str(mount.path), said.append)
    keys.current()
    mount.exchange(content)
    for _ in range(3):
        assert keys.current() == (b"sk-old",)
    _, trouble = said
    assert trouble.startswith("API_KEYS_FILE can not be used, the keys of before still hold: ")
    assert "secret" not in trouble
    mount.exchange(b"sk-old")
    assert keys.current() == (b"sk-old",)
    assert len(said) == 3, "and that it is well again"


def test_without_a_file_there_is_no_key_until_it_comes(mount: Mount) -> None:
    said: list[str] = []
    keys = KeysFile(str(mount.path), said.append)
    assert keys.current() == ()
    assert "nobody is served" in said[0]
    mount.exchange(b"sk-a")
    assert keys.current() == (b"sk-a",)


def test_an_unchanged_file_is_not_read_again(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    mount.exchange(b"sk-a")
    keys = KeysFile(str(mount.path), lambda words: None)
    keys.current()
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was read again"))
    assert keys.current() == (b"sk-a",)
