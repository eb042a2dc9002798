"""An operator that has the chart's Roles for two namespaces and no right beside, on a real API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from assets.audit import by_user, resource
from assets.llmworkers import LLMWorkers
from assets.operator_process import OperatorProcess, running_operator
from assets.service_accounts import access
from assets.waiting import until
from cluster.rig import Rig
from demo.kube import Kube
from llmworker_operator.cluster import WATCHED

pytestmark = pytest.mark.l1

CHART = Path(__file__).parents[2] / "charts" / "llmworker-operator"
SYSTEM, LISTED, OTHER = "ns-system", ("ns-a", "ns-b"), "ns-other"
USER = f"system:serviceaccount:{SYSTEM}:release"


@pytest.fixture(scope="module")
def confined(kube: Kube, l1: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One with the token of the chart's ServiceAccount; a worker that is not its affair is there before it."""
    for namespace in (SYSTEM, *LISTED, OTHER):
        kube.kubectl("create", "namespace", namespace)
    kube.kubectl("apply", "-f", "-", stdin=rights(kube))
    LLMWorkers(kube, OTHER).apply()
    folder = tmp_path_factory.mktemp("confined")
    token = kube.kubectl("create", "token", "release", "-n", SYSTEM).strip()
    (folder / "kubeconfig").write_text(yaml.safe_dump(access(l1, token)))
    settings = {"KUBECONFIG": str(folder / "kubeconfig"), "LLMWORKER_NAMESPACES": ",".join(LISTED)}
    with running_operator(l1, folder, **settings) as found:
        yield found
    kube.kubectl("delete", "llmworkers", "--all", "--all-namespaces")


def rights(kube: Kube) -> str:
    """The chart's ServiceAccount and all that it may do."""
    parts = [f"--show-only=templates/{part}.yaml" for part in ("serviceaccount", "rbac")]
    chosen = ["--set", f"watchNamespaces={{{','.join(LISTED)}}}"]
    return kube.helm("template", "release", str(CHART), "-n", SYSTEM, *chosen, *parts)


def test_workers_of_listed_namespaces_are_looked_after_and_no_others(confined: OperatorProcess, kube: Kube) -> None:
    LLMWorkers(kube, OTHER).apply("later")
    for namespace in LISTED:
        workers = LLMWorkers(kube, namespace)
        workers.apply(replicas=2)
        workers.wait_until_applied()
        workers.kubectl("delete", "deployment", "chat")
        until(lambda found=workers: found.exists("deployment"), "it is back, so it is watched")  # type: ignore[misc]
    elsewhere = LLMWorkers(kube, OTHER)
    assert elsewhere.kubectl("get", "deployments,services,events", "-o", "name") == ""
    assert all("status" not in elsewhere.get("llmworker", name) for name in ("chat", "later"))


def test_nothing_of_the_whole_cluster_is_asked_for_and_nothing_is_forbidden(confined: OperatorProcess, l1: Rig) -> None:
    kinds = {"llmworkers", *(kind.plural for kind in WATCHED)}

    def watched() -> set[tuple[str, str]]:
        asked = [event for event in by_user(l1, USER) if event["verb"] == "watch"]
        return {(event["objectRef"].get("namespace", ""), resource(event)) for event in asked}

    until(lambda: watched() == {(namespace, kind) for namespace in LISTED for kind in kinds}, "each kind in each")
    asked = list(by_user(l1, USER))
    assert {event["objectRef"].get("namespace") for event in asked} == set(LISTED)
    assert [event for event in asked if event["responseStatus"]["code"] in {401, 403}] == []


def test_the_operator_reads_no_secret_and_enters_no_pod(confined: OperatorProcess, kube: Kube) -> None:
    table = kube.kubectl("auth", "can-i", "--list", "--no-headers", "-n", LISTED[0], "--as", USER)
    resources = {line.split()[0] for line in table.splitlines()}
    assert "pods" in resources
    assert not resources & {"secrets", "pods/exec", "pods/attach", "pods/ephemeralcontainers", "serviceaccounts", "*.*"}


def test_a_namespace_without_its_role_does_not_hold_up_the_others(confined: OperatorProcess, kube: Kube) -> None:
    """What is forbidden from now on is in the audit log: the tests of that come before."""
    kube.kubectl("delete", "rolebinding", "release", "-n", LISTED[1])
    assert confined.stop() == 0
    confined.start()
    workers = LLMWorkers(kube, LISTED[0])
    workers.apply("late")
    workers.wait_until_applied("late")
    assert f"namespace {LISTED[1]} is left out: 403" in confined.log()
    assert f"namespace {LISTED[0]} is left out" not in confined.log()


def test_without_any_role_it_waits_for_one(confined: OperatorProcess, kube: Kube) -> None:
    assert confined.stop() == 0
    for namespace in LISTED:
        kube.kubectl("delete", "rolebinding", "release", "-n", namespace, "--ignore-not-found")
    since = len(confined.log())
    confined.start("first lists: 403")
    assert "watching" not in confined.log()[since:]
    kube.kubectl("apply", "-f", "-", stdin=rights(kube))
    until(lambda: "watching" in confined.log()[since:], "it has its rights")
    workers = LLMWorkers(kube, LISTED[1])
    workers.apply("again")
    workers.wait_until_applied("again")
