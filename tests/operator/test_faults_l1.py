"""What goes wrong around the operator: after each fault all converges by itself, nothing is doubled, lost or rolled.

With `--long` the faults have the lengths that docs/operator.md states, and the operator is killed at 200 points.
"""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.audit import by_operator, requests, resource
from assets.faulty_proxy import Asked, FaultyProxy, Refusal
from assets.llmworkers import defined
from assets.operator_process import OperatorProcess
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Failed, Kube

pytestmark = pytest.mark.l1

DEFINITION = Path(__file__).parents[2] / "crds" / "llmworkers.yaml"
COUNT = 20
NAMES = [f"w-{number:02}" for number in range(COUNT)]
PATIENCE = 60.0
"""Seconds within which all must be well again; what is measured is printed."""


class World:
    """Twenty LLMWorkers in a namespace, and an operator that reaches the API server through the proxy."""

    def __init__(self, rig: Rig, kube: Kube, operator: OperatorProcess, proxy: FaultyProxy) -> None:
        self.rig, self.kube, self.operator, self.proxy = rig, kube, operator, proxy
        self.namespace = "faults"
        self.length = 0
        self.edits = 0

    def edit(self) -> None:
        """Another `maxModelLen` for all of them: one more revision of each Deployment."""
        self.length = 1000 + self.edits
        self.edits += 1
        bodies = [
            {
                "apiVersion": "llmworker.dev/v1alpha1",
                "kind": "LLMWorker",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"model": {"name": "m"}, "engine": {"maxModelLen": self.length}},
            }
            for name in NAMES
        ]
        self.kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(bodies))

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Objects of the namespace."""
        return list(self.kube.get(kind, "-n", self.namespace)["items"])

    def wrong(self) -> str:
        """What is not as the LLMWorkers say; empty when all is well."""
        workers = {worker["metadata"]["name"]: worker for worker in self.items("llmworkers")}
        for kind in ("deployments", "services"):
            owned = Counter(owner["uid"] for item in self.items(kind) for owner in item["metadata"]["ownerReferences"])
            if owned != Counter(worker["metadata"]["uid"] for worker in workers.values()):
                return f"{kind}: {sum(owned.values())} for {len(workers)} workers"
        for deployment in self.items("deployments"):
            [container] = deployment["spec"]["template"]["spec"]["containers"]
            if {"name": "MAX_MODEL_LEN", "value": str(self.length)} not in container["env"]:
                return f"{deployment['metadata']['name']} is of an older revision"
        for name, worker in workers.items():
            told = {one["type"]: one for one in worker.get("status", {}).get("conditions", [])}
            accepted = told.get("Accepted", {})
            if (accepted.get("status"), accepted.get("observedGeneration")) != (
                "True",
                worker["metadata"]["generation"],
            ):
                return f"{name} is not accepted: {accepted.get('message')}"
        return ""

    def converges(self, fault: str) -> None:
        """Wait until all is well, and print how long it took."""
        began = time.monotonic()
        last = ""

        def well() -> bool:
            nonlocal last
            last = self.wrong()
            return not last

        try:
            until(well, "all is well", PATIENCE)
        except AssertionError:
            pytest.fail(f"after {fault}: {last}\n{self.operator.log()[-3000:]}")
        print(f"{fault}: converged {time.monotonic() - began:.1f} s after it")


@pytest.fixture(scope="module")
def world(l1: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    kube = defined(l1)
    kube.kubectl("create", "namespace", "faults")
    with FaultyProxy(l1, folder) as proxy:
        operator = OperatorProcess(l1, folder / "operator.log", {"KUBECONFIG": str(proxy.kubeconfig)})
        world = World(l1, kube, operator, proxy)
        try:
            operator.start()
            world.edit()
            world.converges("the first apply")
            yield world
        finally:
            assert operator.stop() == 0
    kube.kubectl("delete", "llmworkers", "--all", "-n", "faults")


@pytest.fixture(autouse=True)
def _no_harm(world: World) -> Iterator[None]:
    """Whatever happened: no child was deleted or made twice, and no Deployment had a revision that nobody asked for."""
    before, edits = {one["metadata"]["uid"]: one for one in world.items("deployments")}, world.edits
    since = world.rig.audit_log.stat().st_size
    yield
    world.proxy.refuse = lambda asked: None
    world.proxy.before = world.proxy.after = lambda asked: None
    after = {one["metadata"]["uid"]: one for one in world.items("deployments")}
    assert len(before.keys() - after.keys()) <= 1, "only what a test deletes itself"
    for uid in after.keys() & before.keys():
        revisions = after[uid]["metadata"]["generation"] - before[uid]["metadata"]["generation"]
        assert revisions <= world.edits - edits, "a revision that nobody asked for"
    deleted = [event for event in requests(world.rig, since) if event["verb"] == "delete" and by_operator(event)]
    assert not deleted


def writes_since(world: World, since: int) -> Counter[str]:
    """What the operator has written, by resource."""
    verbs = {"create", "update", "patch", "delete"}
    return Counter(
        resource(event) for event in requests(world.rig, since) if by_operator(event) and event["verb"] in verbs
    )


def test_the_api_server_is_away(world: World, long: bool) -> None:
    for seconds in (30, 300) if long else (8,):
        world.edit()
        world.rig.stop("kube-apiserver", hard=True)
        time.sleep(seconds)
        world.rig.start("kube-apiserver")
        until(lambda: world.rig.healthy, "the API server answers", 60)
        world.edit()
        world.converges(f"the API server was away for {seconds} s")
    assert world.operator.alive


def test_etcd_is_killed_and_comes_back(world: World, long: bool) -> None:
    world.edit()
    world.rig.stop("etcd", hard=True)
    time.sleep(20 if long else 5)
    world.rig.start("etcd")
    until(lambda: world.rig.healthy, "the API server answers", 60)
    world.edit()
    world.converges("etcd was killed")
    assert world.operator.alive


def test_all_connections_are_cut(world: World) -> None:
    world.converges("nothing")
    for _ in range(5):
        world.edit()
        assert world.proxy.cut() >= len(("llmworkers", "deployments", "services", "pods"))
        world.kube.kubectl("delete", "service", NAMES[0], "-n", world.namespace)
        world.converges("all connections were cut")
    assert world.operator.alive


def test_what_was_deleted_while_the_watches_could_not_go_on_comes_back(world: World) -> None:
    """They list again, which tells of everything but what is not there."""
    world.converges("nothing")
    world.proxy.refuse = lambda asked: Refusal(503, {}) if "watch=true" in asked.path else None
    world.rig.stop("kube-apiserver")  # the new one remembers nothing of what was before it
    world.rig.start("kube-apiserver")
    until(lambda: world.rig.healthy, "the API server answers", 60)
    world.kube.kubectl("delete", "deployment", NAMES[0], "-n", world.namespace)
    listed = Counter[str]()
    world.proxy.before = lambda asked: (
        listed.update([asked.path.partition("?")[0]]) if "watch" not in asked.path else None
    )
    # So old a version that the API server itself says 410.
    world.proxy.rewrite = lambda path: re.sub(r"resourceVersion=\d+", "resourceVersion=1", path)
    world.proxy.refuse = lambda asked: None
    until(lambda: listed["/apis/apps/v1/deployments"] > 0, "the watch lists again")
    world.proxy.rewrite = lambda path: path
    world.converges("a Deployment was deleted while no watch was told")


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_storm_of_refusals(world: World, status: int) -> None:
    """Three of four writes are refused for some seconds. They are tried again, and not at once."""
    world.converges("nothing")
    chance = random.Random(status)  # noqa: S311  (the same storm each time)
    world.proxy.refuse = lambda asked: (
        Refusal(status, {"Retry-After": "1"}) if asked.writes and chance.random() < 0.75 else None
    )
    tried: Counter[str] = Counter()
    world.proxy.before = lambda asked: tried.update([asked.method]) if asked.writes else None
    world.edit()
    began = time.monotonic()
    time.sleep(3)
    world.proxy.refuse = lambda asked: None
    world.converges(f"three of four writes got {status} for 3 s")
    lasted = time.monotonic() - began
    assert tried["PATCH"] <= COUNT * (lasted + 3), f"{tried} in {lasted:.0f} s"
    assert world.operator.alive


def test_the_credentials_are_refused_for_a_while(world: World) -> None:
    """As when a token has expired before the kubelet has renewed it. The operator may end; its pod starts it anew."""
    world.proxy.refuse = lambda asked: Refusal(401, {})
    world.proxy.cut()
    world.edit()
    time.sleep(3)
    world.proxy.refuse = lambda asked: None
    if not world.operator.alive:
        world.operator.start()
    world.converges("all requests got 401 for 3 s")


def test_the_operator_is_killed_at_any_point_of_its_work(world: World, long: bool) -> None:
    """Before or after any of its writes, counted from its start."""
    chance = random.Random(7)  # noqa: S311  (the same points each time)
    for point in range(200 if long else 6):
        _kill_at(world, chance.randrange(1, 2 * COUNT), after=bool(point % 2))
    world.converges("the last kill")


def _kill_at(world: World, write: int, *, after: bool) -> None:
    seen = 0

    def kill(asked: Asked) -> None:
        nonlocal seen
        seen += asked.writes
        if seen == write:
            os.kill(world.operator.pid, signal.SIGKILL)

    hook: dict[str, Callable[[Asked], None]] = {"after" if after else "before": kill}
    for name, function in hook.items():
        setattr(world.proxy, name, function)
    world.edit()
    until(lambda: not world.operator.alive or not world.wrong(), "the operator was killed, or had less to do")
    world.proxy.before = world.proxy.after = lambda asked: None
    if not world.operator.alive:
        world.operator.start()


def test_it_writes_nothing_at_rest(world: World, long: bool) -> None:
    world.converges("nothing")
    time.sleep(3)  # the last echoes
    since = world.rig.audit_log.stat().st_size
    time.sleep(600 if long else 5)
    assert not writes_since(world, since)


def test_a_stricter_definition_comes_while_old_objects_are_there(world: World) -> None:
    """What runs goes on running and its status is written; an object that no longer fits says so at its next edit."""
    world.converges("nothing")
    stricter = yaml.safe_load(DEFINITION.read_text())
    [version] = stricter["spec"]["versions"]
    engine = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["engine"]
    engine["properties"]["maxModelLen"]["maximum"] = 10
    since = world.rig.audit_log.stat().st_size
    try:
        world.kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(stricter))
        time.sleep(3)
        assert not writes_since(world, since)
        world.kube.kubectl("delete", "deployment", NAMES[0], "-n", world.namespace)
        until(lambda: len(world.items("deployments")) == COUNT, "the deleted Deployment came back")
        with pytest.raises(Failed, match=r"spec\.engine\.maxModelLen"):
            world.edit()
    finally:
        world.kube.kubectl("apply", "-f", str(DEFINITION))
    world.edit()
    world.converges("the definition was replaced twice")
