"""The operator's own settings."""

import pytest

from llmworker_operator.config import BadConfig, Config, config


def test_an_empty_environment_gives_the_defaults() -> None:
    assert config({}) == Config()


def test_every_setting_is_read() -> None:
    given = {"LLMWORKER_WORKER_REPOSITORY": "r/w", "LLMWORKER_HEALTH_PORT": "9", "LLMWORKER_LOG_LEVEL": "DEBUG"}
    assert config(given) == Config(worker_repository="r/w", health_port=9, log_level="DEBUG")


def test_all_problems_are_told_together() -> None:
    with pytest.raises(BadConfig) as refused:
        config({"LLMWORKER_HEALTH_PORT": "99999", "LLMWORKER_LOG_LEVEL": "LOUD", "LLMWORKER_LOGLEVEL": "INFO"})
    names = [line.split(":")[0] for line in str(refused.value).splitlines()]
    assert names == ["LLMWORKER_LOGLEVEL", "LLMWORKER_HEALTH_PORT", "LLMWORKER_LOG_LEVEL"]
