"""Operators that stand in for one another, fall ill and end, against a real API server."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.audit import by_user, resource
from assets.faulty_proxy import FaultyProxy, Refusal
from assets.llmworkers import LLMWorkers
from assets.operator_process import OperatorProcess
from assets.service_accounts import ServiceAccount
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Kube

pytestmark = pytest.mark.l1

SECRET = "a-value-that-no-line-may-hold"
MANY = [f"w{number:02}" for number in range(20)]


class Stage:
    """A namespace, and operators that each run as a user of their own."""

    def __init__(self, rig: Rig, kube: Kube, namespace: str, folder: Path) -> None:
        self.rig = rig
        self.workers = LLMWorkers(kube, namespace)
        self.accounts: dict[str, ServiceAccount] = {}
        self._folder = folder
        self._operators: list[OperatorProcess] = []

    def elected(self, name: str, **settings: str) -> OperatorProcess:
        """Of a group that shares a Lease in the namespace, which runs out after 6 s."""
        account = self.accounts[name] = ServiceAccount(self.rig, self.workers.namespace, name, self._folder)
        chosen = {"LEADER_ELECTION": "true", "POD_NAMESPACE": self.workers.namespace, "LEASE_SECONDS": "6", **settings}
        environment = {f"LLMWORKER_{setting}": text for setting, text in chosen.items()}
        access = {"KUBECONFIG": str(account.kubeconfig)}
        made = OperatorProcess(self.rig, self._folder / f"{name}.log", access | environment)
        self._operators.append(made)
        return made

    def pair(self) -> tuple[OperatorProcess, OperatorProcess]:
        """One that works and one that stands by."""
        first, second = self.elected("first", LOG_FORMAT="json", LOG_LEVEL="DEBUG"), self.elected("second")
        first.start()
        second.begin()
        until(lambda: second.ask("/readyz")[0] == 200, "the second is ready")
        return first, second

    def audit_size(self) -> int:
        return self.rig.audit_log.stat().st_size

    def asked(self, name: str, since: int) -> list[dict[str, Any]]:
        return list(by_user(self.rig, self.accounts[name].user, since))

    def apply(self, names: list[str], length: int) -> "subprocess.Popen[bytes]":
        """Workers, one after the other, beside the test."""
        bodies = [
            {
                "apiVersion": "llmworker.dev/v1alpha1",
                "kind": "LLMWorker",
                "metadata": {"name": name, "namespace": self.workers.namespace},
                "spec": {"model": {"name": "m"}, "engine": {"maxModelLen": length}},
            }
            for name in names
        ]
        command = ["kubectl", "apply", "-f", "-"]
        applying = subprocess.Popen(
            command, env=self.rig.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert applying.stdin
        applying.stdin.write(yaml.safe_dump_all(bodies).encode())
        applying.stdin.close()
        return applying

    def apply_all(self, length: int) -> None:
        """Return when all have it, and their Deployments too."""
        assert self.apply(MANY, length).wait(60) == 0
        self.wait_for_all(length)

    def interrupt(self, operator: OperatorProcess, number: signal.Signals, length: int) -> None:
        """Send the signal in the middle of a roll: some have the new length, and of half of them nobody has heard."""
        before = operator.log().count("applied Deployment")
        applying = self.apply(MANY[:10], length)
        until(lambda: operator.log().count("applied Deployment") > before + 2, "some are applied")
        operator.send(number)
        assert applying.wait(60) == 0
        assert self.apply(MANY[10:], length).wait(60) == 0
        assert list(self.lengths().values()).count(str(length)) <= len(MANY) / 2

    def lengths(self) -> dict[str, str]:
        """Of each Deployment, what it tells its pods."""
        length = ".spec.template.spec.containers[0].env[?(@.name=='MAX_MODEL_LEN')].value"
        return self.columns("deployments", ".metadata.name", length)

    def uids(self) -> dict[str, str]:
        """Of all children."""
        return self.columns("deployments,services", ".metadata.uid", ".kind")

    def columns(self, kinds: str, first: str, second: str) -> dict[str, str]:
        """A field of each object by another."""
        wanted = f"custom-columns=A:{first},B:{second}"
        listed = self.workers.kubectl("get", kinds, "-o", wanted, "--no-headers", "--ignore-not-found")
        return dict(line.split() for line in listed.splitlines())

    def wait_for_all(self, length: int) -> None:
        until(lambda: self.lengths() == dict.fromkeys(MANY, str(length)), f"all have {length}", 60)

    def end(self) -> None:
        for operator in self._operators:
            operator.kill()
        self.workers.kubectl("delete", "llmworkers", "--all")


@pytest.fixture
def stage(l1: Rig, kube: Kube, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    namespace = "op-" + str(abs(hash(request.node.name)) % 10**8)
    kube.kubectl("create", "namespace", namespace)
    made = Stage(l1, kube, namespace, tmp_path)
    yield made
    made.end()


def test_the_one_that_stands_by_only_asks_for_the_lease_and_takes_over_from_one_that_stops(stage: Stage) -> None:
    since = stage.audit_size()
    first, second = stage.pair()
    stage.workers.apply(env=[{"name": "LITERAL", "value": SECRET}])
    stage.workers.wait_until_applied()
    assert second.ask("/readyz")[1].startswith("ok: standing by for ")
    assert second.ask("/healthz")[0] == 200
    assert {(event["verb"], resource(event)) for event in stage.asked("second", since)} == {("get", "leases")}
    assert "llmworker_operator_leader 0.0" in second.ask("/metrics")[1]
    assert "llmworker_operator_leader 1.0" in first.ask("/metrics")[1]
    assert 'llmworker_operator_workers{condition="Accepted",status="True"}' in first.ask("/metrics")[1]
    assert first.stop() == 0
    stopped = time.monotonic()
    until(second.says, "the second works", 10)
    assert "gave the Lease" in first.log(), "not only run out"
    print(f"\ntaken over {time.monotonic() - stopped:.1f} s after a clean stop")
    assert ("update", "leases") in {(event["verb"], resource(event)) for event in stage.asked("second", since)}
    stage.workers.apply("later")
    stage.workers.wait_until_applied("later")
    the_log_is_json_with_the_worker_as_fields_and_no_secret(first, stage)
    assert second.stop() == 0


def the_log_is_json_with_the_worker_as_fields_and_no_secret(operator: OperatorProcess, stage: Stage) -> None:
    lines = [json.loads(line) for line in operator.log().splitlines()]
    applied = [line for line in lines if line["message"] == "applied Deployment"]
    assert [line["name"] for line in applied if line["namespace"] == stage.workers.namespace] == ["chat"]
    assert SECRET not in operator.log()
    assert stage.accounts["first"].token not in operator.log()


def test_one_that_is_killed_in_the_middle_of_a_roll_loses_and_doubles_nothing(stage: Stage) -> None:
    first, second = stage.pair()
    stage.apply_all(1024)
    before = stage.uids()
    assert len(before) == 2 * len(MANY)
    stage.interrupt(first, signal.SIGKILL, 2048)
    until(second.says, "the second works", 30)
    stage.wait_for_all(2048)
    assert stage.uids() == before
    reasons = ".status.conditions[?(@.type=='Accepted')].reason"
    until(lambda: stage.columns("llmworkers", ".metadata.name", reasons) == dict.fromkeys(MANY, "Applied"), "accepted")


def test_one_that_was_frozen_while_another_took_over_writes_nothing_and_ends(stage: Stage) -> None:
    first, second = stage.pair()
    stage.interrupt(first, signal.SIGSTOP, 1024)
    until(second.says, "the second works", 30)
    stage.wait_for_all(1024)
    stage.apply_all(2048)
    since = stage.audit_size()
    first.send(signal.SIGCONT)
    continued = time.monotonic()
    assert first.ended(15) == 1
    print(f"\nended {time.monotonic() - continued:.1f} s after it went on")
    time.sleep(1)
    late = [event for event in stage.asked("first", since) if event["verb"] not in {"get", "list", "watch"}]
    assert [(event["verb"], resource(event), event["requestReceivedTimestamp"]) for event in late] == []
    assert "could not be renewed in time; leaving" in first.log()
    assert stage.lengths() == dict.fromkeys(MANY, "2048")


@pytest.fixture
def proxied(l1: Rig, stage: Stage, tmp_path: Path) -> Iterator[tuple[FaultyProxy, OperatorProcess]]:
    """An operator behind a proxy, which lists everything every 5 s and gives its watches 1 s to tell."""
    with FaultyProxy(l1, tmp_path) as proxy:
        operator = OperatorProcess(
            l1, tmp_path / "operator.log", {"KUBECONFIG": str(proxy.kubeconfig), "LLMWORKER_RESYNC_SECONDS": "5"}
        )
        yield proxy, operator
        operator.kill()


def test_a_watch_that_goes_silent_makes_the_operator_unhealthy(
    stage: Stage, proxied: tuple[FaultyProxy, OperatorProcess]
) -> None:
    proxy, operator = proxied
    operator.start()
    stage.workers.apply()
    stage.workers.wait_until_applied()
    assert operator.ask("/healthz")[0] == 200
    proxy.silent = lambda asked: "watch=true" in asked.path and "/llmworkers?" in asked.path
    stage.workers.apply(replicas=2)
    until(lambda: operator.ask("/healthz")[0] == 503, "it is unhealthy", 30)
    told = operator.ask("/healthz")[1].splitlines()
    assert len(told) == 1
    assert told[0].startswith("The watch of LLMWorker has not told of 1 objects as a list showed them")
    assert f"{stage.workers.namespace}/chat" in told[0]
    assert stage.workers.get("deployment")["spec"]["replicas"] == 2, "the list showed it all the same"
    proxy.silent = lambda asked: False
    until(lambda: operator.ask("/healthz")[0] == 200, "it tells again", 30)
    assert operator.stop() == 0


def test_the_process_ends_when_a_watch_of_kopfs_fails(proxied: tuple[FaultyProxy, OperatorProcess]) -> None:
    proxy, operator = proxied
    operator.start()
    proxy.refuse = lambda asked: Refusal(200, {}) if "watch=true" in asked.path else None
    proxy.cut()
    assert operator.ended(30) == 1
    _, ended, why = operator.log().partition("watches ended; leaving, so that the pod starts anew")
    assert ended
    assert "KeyError" in why


HANGING = """
import asyncio, sys, kopf
from llmworker_operator.__main__ import main

async def hang(*_, **__):
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

kopf.run_tasks = hang
sys.exit(main())
"""


def test_a_kopf_that_never_ends_is_left_behind(proxied: tuple[FaultyProxy, OperatorProcess]) -> None:
    """As it was seen after a 401, with all its watches ended and deaf to SIGTERM."""
    _, operator = proxied
    operator.begin("-c", HANGING)
    until(operator.says, "the operator watches")
    operator.send(signal.SIGTERM)
    assert operator.ended(30) == 1
    assert "not all parts ended within 5 s" in operator.log()
