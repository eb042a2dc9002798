"""What a failed test of a worker shows besides: the worker's own words, without which nobody can tell why."""

from collections.abc import Generator
from typing import Any, Final

import pytest

from assets.worker_process import WorkerProcess

_SHOWN: Final = 4000
"""Characters from the log's end."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        fixtures: dict[str, Any] = getattr(item, "funcargs", {})
        report.sections += [
            (f"the log's end of {name}", value.log[-_SHOWN:])
            for name, value in fixtures.items()
            if isinstance(value, WorkerProcess)
        ]
    return report
