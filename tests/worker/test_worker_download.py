"""How much has come from the hub."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmworker_server.download import WEIGHTS, cache, downloaded
from llmworker_server.progress import Phase, Progress, downloading


def write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))


def test_what_is_under_way_and_what_is_whole_of_the_same_model(tmp_path: Path) -> None:
    blobs = tmp_path / "models--org--m" / "blobs"
    write(blobs / "a", 1_000_000)
    write(blobs / "b.incomplete", WEIGHTS)
    write(tmp_path / "models--org--other" / "blobs" / "c", 5_000_000)
    count = downloaded(tmp_path, 0)
    assert count is not None
    assert abs(count - WEIGHTS - 1_000_000) < 20_000


@pytest.mark.parametrize("name", ["whole", "tokenizer.incomplete"])
def test_nothing_is_under_way(tmp_path: Path, name: str) -> None:
    write(tmp_path / "models--org--m" / "blobs" / name, 1000)
    assert downloaded(tmp_path, 0) is None


def test_a_file_that_only_has_its_length_has_not_come(tmp_path: Path) -> None:
    file = tmp_path / "models--org--m" / "blobs" / "a.incomplete"
    write(file, WEIGHTS)
    os.truncate(file, 100 * WEIGHTS)
    count = downloaded(tmp_path, 0)
    assert count is not None
    assert count < 2 * WEIGHTS


def test_what_an_earlier_start_has_left_is_not_under_way(tmp_path: Path) -> None:
    file = tmp_path / "models--org--m" / "blobs" / "a.incomplete"
    write(file, WEIGHTS)
    now = time.time()
    os.utime(file, (now - 100, now - 100))
    assert downloaded(tmp_path, now - 50) is None
    os.utime(file, (now, now))
    assert downloaded(tmp_path, now - 50) is not None


def test_no_cache_yet(tmp_path: Path) -> None:
    assert downloaded(tmp_path / "none", 0) is None


@pytest.mark.parametrize(
    ("environ", "download_dir", "expected"),
    [
        ({"HF_HOME": "/models/huggingface"}, None, "/models/huggingface/hub"),
        ({"HF_HOME": "/models/huggingface"}, "/data", "/data"),
        ({"HF_HOME": "/a", "HF_HUB_CACHE": "/b"}, None, "/b"),
        ({"HOME": "/home/w"}, None, "/home/w/.cache/huggingface/hub"),
    ],
)
def test_where_models_are_kept(environ: Mapping[str, str], download_dir: str | None, expected: str) -> None:
    assert cache(environ, download_dir) == Path(expected)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Progress(Phase.RESOLVING), Progress(Phase.DOWNLOADING, None, 7)),
        (Progress(Phase.LOADING_WEIGHTS), Progress(Phase.DOWNLOADING, None, 7)),
        (Progress(Phase.DOWNLOADING, 40, 3), Progress(Phase.DOWNLOADING, 40, 7)),
        (Progress(Phase.LOADING_WEIGHTS, 10), Progress(Phase.LOADING_WEIGHTS, 10)),
        (Progress(Phase.WARMING_UP), Progress(Phase.WARMING_UP)),
        (Progress(Phase.READY), Progress(Phase.READY)),
    ],
)
def test_downloading_comes_before_the_first_weights_are_loaded(before: Progress, after: Progress) -> None:
    assert downloading(before, 7) == after


def test_bytes_for_people() -> None:
    assert str(Progress(Phase.DOWNLOADING, None, 1_234_000_000)) == "downloading 1,234 MB"
