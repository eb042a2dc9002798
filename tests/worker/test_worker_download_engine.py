"""A model that comes from a hub by the real client: what the worker tells of it meanwhile."""

import time
from pathlib import Path

import pytest

from assets.hub import hub
from assets.models import SMOLLM2, model_path
from assets.worker_process import START_TIMEOUT, worker_process

pytestmark = pytest.mark.engine


def test_the_bytes_that_have_come_are_told_while_they_come(tmp_path: Path) -> None:
    """The model has 269 MB, which take 9 s here."""
    with hub("org/small", model_path(SMOLLM2), 30_000_000) as url:
        own = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hub"), "MAX_MODEL_LEN": "512"}
        with worker_process(tmp_path, MODEL_NAME="org/small", **own) as worker:
            worker.wait_for_phase("starting", 30)
            told: list[int] = []
            deadline = time.monotonic() + START_TIMEOUT
            while worker.phase() != "ready":
                assert worker.process.poll() is None, worker.log[-3000:]
                assert time.monotonic() < deadline
                shown = worker.admin("/startupz").json()
                if shown["downloadedBytes"] is not None:
                    assert shown["phase"] == "downloading"
                    told.append(shown["downloadedBytes"])
                time.sleep(0.3)
            assert len(set(told)) >= 3, told
            assert told == sorted(told)
            assert 16_000_000 <= told[0] < told[-1] <= 280_000_000
            assert worker.phases.index("downloading") < worker.phases.index("ready")
            assert worker.admin("/startupz").json()["downloadedBytes"] is None
