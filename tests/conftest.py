"""Options and fixtures for all tests."""

import pytest

from cluster.fixtures import l1, l2, l3

__all__ = ["l1", "l2", "l3"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files instead of comparing")
