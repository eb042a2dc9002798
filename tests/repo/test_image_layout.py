"""How containerd gets an image, where its collector is quicker than we are; the real one is in the tests of the rig."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from assets import image_layout
from assets.image_layout import Image, load

CTR = """
import pathlib, sys
folder, losses, *command = pathlib.Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
with (folder / "log").open("a") as log:
    print(*command[:2], file=log)
if command[:2] == ["content", "label"] and command[3].endswith("llmworker"):
    tries = (folder / "log").read_text().count("content label")
    if tries <= losses:
        sys.exit(f"ctr: content digest {command[2]}: not found")
    if losses < 0:
        sys.exit("ctr: permission denied")
"""
"""Stands in for containerd's command: so many of the first entries are lost before they are labelled."""


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    monkeypatch.setattr(image_layout, "layout", lambda: tmp_path / "layout")

    def stored(content: bytes) -> dict[str, object]:
        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return {"digest": f"sha256:{name}", "size": len(content)}

    manifest = {"mediaType": "m", "config": stored(b"{}"), "layers": [stored(b"layer")]}
    return Image("localhost/x:dev", str(stored(json.dumps(manifest).encode())["digest"]))


def loaded(image: Image, folder: Path, losses: int) -> list[str]:
    """The commands that were given."""
    (folder / "ctr.py").write_text(CTR)
    load(image, [sys.executable, str(folder / "ctr.py"), str(folder), str(losses)], folder / "content")
    return (folder / "log").read_text().splitlines()


def test_a_layer_is_entered_and_held_once(image: Image, tmp_path: Path) -> None:
    assert loaded(image, tmp_path, 0) == ["content ingest", "content label", "images import", "content label"]


def test_a_layer_that_was_collected_before_it_was_held_is_entered_again(image: Image, tmp_path: Path) -> None:
    commands = loaded(image, tmp_path, 2)
    assert commands == ["content ingest", "content label"] * 3 + ["images import", "content label"]


@pytest.mark.parametrize(("losses", "words"), [(100, "5 times"), (-1, "permission denied")])
def test_what_cannot_be_mended_is_told(image: Image, tmp_path: Path, losses: int, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        loaded(image, tmp_path, losses)
