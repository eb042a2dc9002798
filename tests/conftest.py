"""Options and fixtures for all tests."""

import os

import pytest
from hypothesis import settings

from cluster.fixtures import l1, l2, l3

__all__ = ["l1", "l2", "l3"]

# A busy machine makes single examples slow, which is no fault of the code.
settings.register_profile("project", deadline=None, derandomize=True)
# The tests try the same examples each time, so that a red run is the fault of a change; `make fuzz` tries new ones.
settings.register_profile("fuzz", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files instead of comparing")
    parser.addoption("--long", action="store_true", help="faults of their full length, for figures")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--long"))
