"""The rig itself: what each level promises to the tests and to the demo that stand on it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from assets.images import operator_image
from assets.waiting import until
from cluster.daemons import start_time
from cluster.fixtures import session_name
from cluster.rig import Rig

SERVER = (
    "import http.server as s; print('listening', flush=True); "
    "s.test(HandlerClass=s.SimpleHTTPRequestHandler, port=8080)"
)
GPU = "nvidia.com/gpu"

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "beacons.rig.test"},
    "spec": {
        "group": "rig.test",
        "scope": "Namespaced",
        "names": {"kind": "Beacon", "plural": "beacons"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
                                "x-kubernetes-validations": [
                                    {"rule": "self.low <= self.high", "message": "low exceeds high"}
                                ],
                            }
                        },
                    }
                },
            }
        ],
    },
}


def apply(rig: Rig, *objects: dict[str, Any]) -> None:
    rig.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def beacon(low: int, high: int) -> dict[str, Any]:
    metadata = {"name": "beacon", "namespace": "default"}
    return {"apiVersion": "rig.test/v1", "kind": "Beacon", "metadata": metadata, "spec": {"low": low, "high": high}}


def container(image: str, gpus: int, script: str) -> dict[str, Any]:
    return {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", script],
        "resources": {"limits": {GPU: str(gpus)}},
    }


def gpu_deployment(name: str, image: str, gpus: int, replicas: int = 1, script: str = "") -> dict[str, Any]:
    labels = {"app": name}
    pod = {"containers": [container(image, gpus, script)], "terminationGracePeriodSeconds": 0}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.mark.l1
def test_the_api_server_answers(l1: Rig) -> None:
    assert l1.kubectl("get", "--raw", "/readyz") == "ok"


@pytest.mark.l1
def test_up_returns_the_rig_that_runs(l1: Rig) -> None:
    before = {name: daemon.pid for name, daemon in l1.daemons.all().items()}
    again = Rig.up(l1.name, 1)
    assert {name: daemon.pid for name, daemon in again.daemons.all().items()} == before


@pytest.mark.l1
def test_a_violated_rule_of_a_definition_is_refused(l1: Rig) -> None:
    apply(l1, DEFINITION)
    established = "jsonpath={.status.conditions[?(@.type=='Established')].status}"
    until(lambda: l1.kubectl("get", "crd/beacons.rig.test", "-o", established) == "True", "established")
    apply(l1, beacon(1, 2))
    with pytest.raises(RuntimeError, match="low exceeds high"):
        apply(l1, beacon(2, 1))


@pytest.mark.l1
def test_the_audit_log_tells_who_wrote_what(l1: Rig) -> None:
    l1.kubectl("create", "configmap", "audited", "-n", "default")

    def told() -> bool:
        entries = [json.loads(line) for line in l1.audit_log.read_text().splitlines()]
        return any(
            (entry["verb"], entry["user"]["username"], entry["objectRef"].get("name")) == ("create", "admin", "audited")
            for entry in entries
            if entry.get("objectRef", {}).get("resource") == "configmaps"
        )

    until(told, "the write is in the audit log")


@pytest.mark.l1
def test_a_stopped_api_server_comes_back_with_its_data(l1: Rig) -> None:
    l1.kubectl("create", "configmap", "kept", "-n", "default")
    l1.stop("kube-apiserver")
    assert not l1.healthy
    l1.start("kube-apiserver")
    until(lambda: l1.healthy, "the API server is ready again")
    assert l1.kubectl("get", "configmap", "kept", "-n", "default", "-o", "name").strip() == "configmap/kept"


@pytest.fixture(scope="module")
def simulated(l2: Rig) -> Rig:
    l2.simulate_nodes(2, gpus=4)
    return l2


@pytest.mark.l2
def test_a_gpu_deployment_is_available_on_simulated_nodes(simulated: Rig) -> None:
    apply(simulated, gpu_deployment("fits", "localhost/any:1", gpus=4, replicas=2))
    simulated.kubectl("rollout", "status", "deployment/fits", "-n", "default", "--timeout=60s")
    nodes = simulated.kubectl(
        "get", "pods", "-n", "default", "-l", "app=fits", "-o", "jsonpath={.items[*].spec.nodeName}"
    )
    assert len(set(nodes.split())) == 2
    simulated.kubectl("delete", "deployment", "fits", "-n", "default", "--cascade=foreground", "--timeout=60s")


@pytest.mark.l2
def test_more_gpus_than_a_node_has_stay_pending_and_say_why(simulated: Rig) -> None:
    apply(simulated, gpu_deployment("greedy", "localhost/any:1", gpus=99))

    def verdict() -> str:
        path = "jsonpath={.items[*].status.conditions[?(@.type=='PodScheduled')].message}"
        return simulated.kubectl("get", "pods", "-n", "default", "-l", "app=greedy", "-o", path)

    until(lambda: f"Insufficient {GPU}" in verdict(), "the scheduler says what is missing")
    simulated.kubectl("delete", "deployment", "greedy", "-n", "default", "--timeout=60s")


@pytest.fixture(scope="module")
def image(l3: Rig) -> str:
    found = operator_image()
    l3.load_image(found)
    return found.reference


@pytest.fixture(scope="module")
def serving(l3: Rig, image: str) -> Iterator[Rig]:
    """A pod that holds one GPU and serves, behind a Service."""
    apply(l3, gpu_deployment("server", image, gpus=1, script=SERVER), service("server"))
    l3.kubectl("rollout", "status", "deployment/server", "-n", "default", "--timeout=60s")
    yield l3
    l3.kubectl("delete", "deployment,service", "server", "-n", "default", "--timeout=60s")


@pytest.mark.l3
def test_an_image_that_a_node_has_is_not_loaded_again(l3: Rig, image: str) -> None:
    started = time.monotonic()
    l3.load_image(operator_image())
    assert time.monotonic() - started < 5


@pytest.mark.l3
def test_a_service_name_resolves_and_answers_in_a_pod(serving: Rig, image: str) -> None:
    script = (
        "import urllib.request as u; "
        "print(u.urlopen('http://server.default.svc.cluster.local/', timeout=10).status, "
        "u.urlopen('http://server/', timeout=10).status)"
    )
    told = serving.kubectl("exec", "deployment/server", "-n", "default", "--", "python", "-c", script)
    assert told.split() == ["200", "200"]


@pytest.mark.l3
def test_logs_of_a_pod_are_read_through_the_api_server(serving: Rig) -> None:
    assert "listening" in serving.kubectl("logs", "deployment/server", "-n", "default")


@pytest.mark.l3
def test_a_forwarded_port_answers_on_the_host(serving: Rig) -> None:
    with forwarded(serving, "deployment/server", 8080) as url:
        assert httpx.get(url, trust_env=False, timeout=10).status_code == 200


@contextmanager
def forwarded(rig: Rig, target: str, port: int) -> Iterator[str]:
    command = ["kubectl", "port-forward", "-n", "default", target, f":{port}"]
    with subprocess.Popen(command, env=rig.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = process.stdout.readline()
        yield f"http://{told.split()[2]}/"
        process.terminate()


@pytest.mark.l3
def test_two_nodes_at_once_and_nothing_left_of_the_one_that_goes(l3: Rig, image: str) -> None:
    with session_name("tests-second") as name:
        before = machine(name)
        second = Rig.up(name, 3)
        try:
            second.load_image(operator_image())
            apply(second, gpu_deployment("server", image, gpus=1, script=SERVER))
            second.kubectl("rollout", "status", "deployment/server", "-n", "default", "--timeout=60s")
            processes = of_the_rig(second)
            assert len(processes) > 8, "daemons, a shim, the pause program and the pod's own"
        finally:
            second.down(purge=True)
        after = machine(name)
    assert {pid: command for pid, (started, command) in processes.items() if start_time(pid) == started} == {}
    assert {what: sorted(found - before[what]) for what, found in after.items() if found - before[what]} == {}
    assert not second.directory.exists()
    assert l3.healthy


def of_the_rig(rig: Rig) -> dict[int, tuple[int | None, str]]:
    """Pid to start time and command of all that a rig runs: its daemons, and all in its network or its cgroups."""
    found = {daemon.pid for daemon in rig.daemons.all().values()}
    assert rig.node
    name = rig.node.network.name
    for path in Path("/sys/fs/cgroup").glob(f"**/{name}/**/cgroup.procs"):
        found |= {int(pid) for pid in path.read_text().split()}
    inside = Path(f"/run/netns/{name}").stat().st_ino
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns" / "net").stat().st_ino == inside:
                    found.add(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended while we looked, or it is the machine's first process, which nobody may look into
    return {pid: (start_time(pid), Path(f"/proc/{pid}/comm").read_text().strip()) for pid in found}


def machine(name: str) -> dict[str, set[str]]:
    """What a node can leave on a machine. Mounts and cgroups only of that name: other programs make them too."""
    rules = "".join(
        subprocess.run([program], capture_output=True, text=True, check=True).stdout
        for program in ("iptables-save", "ip6tables-save")
    )
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    cgroups = Path("/sys/fs/cgroup").glob(f"**/*{name}*")
    return {
        "mounts": {line for line in mounts if name in line},
        "network namespaces": {path.name for path in Path("/run/netns").glob("*")},
        "links": {path.name for path in Path("/sys/class/net").iterdir()},
        "rules": {line for line in rules.splitlines() if not line.startswith(("#", ":"))},
        "cgroups": {str(path) for path in cgroups},
        "sockets of shims": {path.name for path in Path("/run/containerd/s").glob("*")},
        "runtime folders": {str(path) for path in Path("/run").glob(f"*{name}*")},
        "container logs": {path.name for path in Path("/var/log/containers").glob("*")},
        "network results": {path.name for path in Path("/var/lib/cni").glob("**/*")},
    }
