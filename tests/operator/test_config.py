"""The operator's own settings."""

from dataclasses import fields

import pytest

from llmworker_contract import engines
from llmworker_operator.config import BadConfig, Config, config

DIGEST = f"sha256:{'0a' * 32}"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert config({}) == Config()


def test_every_setting_is_read() -> None:
    given = {
        "LLMWORKER_WORKER_REPOSITORY": "r/w",
        "LLMWORKER_HEALTH_PORT": "9",
        "LLMWORKER_LOG_LEVEL": "DEBUG",
        "LLMWORKER_NAMESPACES": "team-a, team-b",
        "LLMWORKER_WORKER_DIGESTS": f"cpu={DIGEST}, dev-cuda12.1.0={DIGEST}",
        "LLMWORKER_POD_NAMESPACE": "llmworker-system",
        "LLMWORKER_ALLOW_TRUST_REMOTE_CODE": "true",
        "LLMWORKER_LOG_FORMAT": "json",
        "LLMWORKER_RESYNC_SECONDS": "60",
        "LLMWORKER_LEADER_ELECTION": "true",
        "LLMWORKER_LEASE_NAME": "mine",
        "LLMWORKER_LEASE_SECONDS": "30",
    }
    assert len(given) == len(fields(Config))
    assert config(given) == Config(
        worker_repository="r/w",
        health_port=9,
        log_level="DEBUG",
        namespaces=("team-a", "team-b"),
        worker_digests={"cpu": DIGEST, "dev-cuda12.1.0": DIGEST},
        pod_namespace="llmworker-system",
        allow_trust_remote_code=True,
        log_format="json",
        resync_seconds=60,
        leader_election=True,
        lease_name="mine",
        lease_seconds=30,
    )


def test_all_problems_are_told_together() -> None:
    with pytest.raises(BadConfig) as refused:
        config(
            {
                "LLMWORKER_HEALTH_PORT": "99999",
                "LLMWORKER_LOG_LEVEL": "LOUD",
                "LLMWORKER_LOGLEVEL": "INFO",
                "LLMWORKER_LEADER_ELECTION": "true",
            }
        )
    names = [line.split(":")[0].removeprefix("LLMWORKER_") for line in str(refused.value).splitlines()]
    assert names == ["LOGLEVEL", "HEALTH_PORT", "LOG_LEVEL", "POD_NAMESPACE"]


def test_an_empty_text_is_the_same_as_none() -> None:
    assert config({"LLMWORKER_LOG_FORMAT": "", "LLMWORKER_HEALTH_PORT": ""}) == Config()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("NAMESPACES", "*", "'*' cannot be one: at most 63 lower-case letters"),
        ("NAMESPACES", "*", "for the whole cluster, leave it unset"),
        ("NAMESPACES", "a,,Team_B", "'', 'Team_B' cannot be one"),
        ("WORKER_DIGESTS", "gpu=sha256:abc", f"a profile is one of {', '.join(engines.names())}"),
        ("WORKER_DIGESTS", f"cpu={DIGEST},gpu={DIGEST}", f"'gpu={DIGEST}' is none"),
        ("WORKER_DIGESTS", "cpu=sha256:abc,cpu", "'cpu=sha256:abc', 'cpu' is none"),
        ("WORKER_DIGESTS", f"cpu={DIGEST},cpu={DIGEST}", "expected each profile once"),
        ("POD_NAMESPACE", "a.b", "expected the name of a namespace: at most 63"),
        ("ALLOW_TRUST_REMOTE_CODE", "yes", "expected true or false, got 'yes'"),
        ("NAMESPACES", "a,b,a", "expected each namespace once, got 'a,b,a'"),
        ("HEALTH_PORT", "0", "expected a port from 1 to 65535, got '0'"),
        ("HEALTH_PORT", "8 080", "expected a port from 1 to 65535, got '8 080'"),
        ("LOG_FORMAT", "JSON", "expected text or json, got 'JSON'"),
        ("LOG_LEVEL", "info", "expected DEBUG, INFO, WARNING or ERROR, got 'info'"),
        ("LEADER_ELECTION", "1", "expected true or false, got '1'"),
        ("LEASE_SECONDS", "-5", "expected seconds from 3 to 3600, got '-5'"),
        ("RESYNC_SECONDS", "1e3", "expected seconds from 5 to 86400, got '1e3'"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_expected(name: str, text: str, sentence: str) -> None:
    with pytest.raises(BadConfig) as refused:
        config({f"LLMWORKER_{name}": text})
    assert f"LLMWORKER_{name}: expected" in str(refused.value)
    assert sentence in str(refused.value)
