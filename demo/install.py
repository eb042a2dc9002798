"""Puts the operator and one worker onto a cluster, follows the worker, asks it, and takes all of it away again."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from demo.kube import Failed, Kube

ROOT: Final = Path(__file__).parents[1]
CHART: Final = ROOT / "charts" / "llmworker-operator"
RELEASE: Final = "llmworker-operator"
SYSTEM: Final = "llmworker-system"

_PHASE: Final = re.compile(r"llmworker: \w+ after \d+ s")
"""How the worker reports a phase in a log that it shares with the engine."""

Say = Callable[[str], None]


def operator(kube: Kube, image: str = "") -> None:
    """Install or upgrade the operator by Helm and wait until it works; `image` is repository:tag."""
    repository, _, tag = image.rpartition(":")
    chosen = ["--set", f"image.repository={repository}", "--set", f"image.tag={tag}"] if image else []
    if RELEASE in kube.helm("list", "-n", SYSTEM, "--pending", "-q").split():
        # An installation that was interrupted: Helm would refuse to go on from it.
        kube.helm("uninstall", RELEASE, "-n", SYSTEM, "--wait")
    waits = ["--wait", "--timeout", "180s"]
    kube.helm("upgrade", "--install", RELEASE, str(CHART), "-n", SYSTEM, "--create-namespace", *waits, *chosen)


def model_claim(kube: Kube, namespace: str, folder: Path) -> None:
    """A claim `models`, bound to a folder of the node: what a model that is already there looks like."""
    volume = f"models-{namespace}"
    capacity = {"storage": "1Gi"}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": capacity,
                "accessModes": ["ReadOnlyMany"],
                "storageClassName": "",
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadOnlyMany"],
                "storageClassName": "",
                "volumeName": volume,
                "resources": {"requests": capacity},
            },
        },
    ]
    kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def ready(worker: dict[str, Any]) -> bool:
    """Whether a worker's condition Ready is true for its current generation."""
    generation = worker["metadata"]["generation"]
    return any(
        (condition["type"], condition["status"], condition["observedGeneration"]) == ("Ready", "True", generation)
        for condition in worker.get("status", {}).get("conditions", ())
    )


def follow(kube: Kube, namespace: str, name: str, say: Say, seconds: float = 300) -> None:
    """Say each new phase until the worker is ready. Raises `Failed` when it is not in time, with its last word."""
    start, last = time.monotonic(), ""
    while time.monotonic() - start < seconds:
        worker = kube.get("llmworker", name, "-n", namespace)
        now = _phase(kube, namespace, name) or _sentence(worker)
        if now != last:
            say(f"{time.monotonic() - start:6.1f} s  {now}")
            last = now
        if ready(worker):
            return
        time.sleep(0.5)
    raise Failed(f"the worker is not ready after {seconds:.0f} s; it said last: {last}")


def _sentence(worker: dict[str, Any]) -> str:
    conditions = worker.get("status", {}).get("conditions", [])
    found = [
        f"{condition['reason']}: {condition['message']}" for condition in conditions if condition["type"] == "Ready"
    ]
    return found[0] if found else "waiting for the operator"


def _phase(kube: Kube, namespace: str, name: str) -> str:
    """The phase that the newest pod's log reported last; empty while it has not spoken."""
    pods = kube.get("pods", "-n", namespace, "-l", f"llmworker.dev/worker={name}")["items"]
    if not pods:
        return ""
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))["metadata"]["name"]
    try:
        log = kube.kubectl("logs", newest, "-n", namespace)
    except Failed:
        return ""  # the container has not started: the condition's sentence is shown instead
    told = [line for line in log.splitlines() if _PHASE.match(line)]
    return told[-1] if told else ""


def ask(kube: Kube, namespace: str, image: str, name: str, question: str) -> int:
    """Ask through the Service from a pod in the cluster, printing the pieces as they come; the pod's exit status."""
    client = f"{name}-client"
    script = (Path(__file__).parent / "chat.py").read_text()
    url = f"http://{name}.{namespace}.svc.cluster.local/v1"
    kube.kubectl("delete", "pod", client, "-n", namespace, "--ignore-not-found", "--wait")
    kube.kubectl(
        "apply", "-f", "-", stdin=yaml.safe_dump(_client(client, namespace, image, [script, url, name, question]))
    )
    _pod(kube, client, namespace, {"Running", "Succeeded", "Failed"})
    kube.stream("logs", client, "-n", namespace, "--follow")
    ended = _pod(kube, client, namespace, {"Succeeded", "Failed"})
    kube.kubectl("delete", "pod", client, "-n", namespace, "--wait=false")
    return int(ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"])


def _pod(kube: Kube, name: str, namespace: str, phases: set[str], seconds: float = 120) -> dict[str, Any]:
    """The pod, once it is in one of the phases. Raises `Failed` when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        pod = kube.get("pod", name, "-n", namespace)
        if pod["status"]["phase"] in phases:
            return pod
        if time.monotonic() > deadline:
            raise Failed(f"pod {name} is {pod['status']['phase']} after {seconds:.0f} s: {pod['status']}")
        time.sleep(0.2)


def _client(name: str, namespace: str, image: str, arguments: list[str]) -> dict[str, Any]:
    """The worker image brings the openai package, so nothing else has to be pulled."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "client", "image": image, "command": ["python", "-c"], "args": arguments}],
        },
    }


def remove(kube: Kube, namespace: str) -> None:
    """Take away the worker, the operator, the definition and both namespaces. Safe to call again."""
    kube.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait")
    kube.kubectl("delete", "persistentvolume", f"models-{namespace}", "--ignore-not-found")
    if RELEASE in kube.helm("list", "-n", SYSTEM, "-q"):
        kube.helm("uninstall", RELEASE, "-n", SYSTEM, "--wait")
    kube.kubectl("delete", "-f", str(CHART / "crds"), "--ignore-not-found")
    kube.kubectl("delete", "namespace", SYSTEM, "--ignore-not-found", "--wait")
