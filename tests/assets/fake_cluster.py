"""A cluster made of dictionaries, for one worker called prod/chat."""

import copy
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from llmworker_operator.cluster import ApiError, Resource
from llmworker_operator.conditions import Look
from llmworker_operator.pods import Pod
from llmworker_operator.store import Key

KEY = Key("prod", "chat")


class FakeCluster:
    """Keeps objects, counts writes, and answers as the API server would."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.version = 100
        self.failure: ApiError | None = None
        self.events: dict[str, list[tuple[str, str]]] = {}
        self.looks: dict[str, Look] = {}
        self.asked: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc)

    async def apply(self, manifest: dict[str, Any]) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        self.writes.append(manifest["kind"])
        return self._store(manifest["kind"], manifest["metadata"]["name"], manifest)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        self.writes.append(f"delete {resource.kind}")
        assert self.objects.pop((resource.kind, name))["metadata"]["uid"] == uid

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        self.reads.append(resource.kind)
        return self.objects.get((resource.kind, name))

    async def ask(self, pods: Sequence[Pod]) -> dict[str, Look]:
        """In the place of the workers' admin ports."""
        self.asked += [pod.name for pod in pods]
        return {pod.uid: self.looks[pod.name] for pod in pods if pod.name in self.looks}

    async def warnings(self, namespace: str, uid: str) -> list[tuple[str, str]]:
        return self.events.get(uid, [])

    async def tell(self, event: dict[str, Any]) -> None:
        self.told.append((event["type"], event["reason"]))

    async def write_status(self, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        self.writes.append("status")
        worker = self.objects["LLMWorker", name]
        merged = {**worker.get("status", {}), **patch}
        status = {field: value for field, value in merged.items() if value is not None}
        return self._store("LLMWorker", name, {**worker, "status": status}, spec_changed=False)

    def _store(self, kind: str, name: str, body: dict[str, Any], spec_changed: bool = True) -> dict[str, Any]:
        self.version += 1
        old = self.objects.get((kind, name), {"metadata": {"generation": 0}})
        body = copy.deepcopy(body)
        body["metadata"] = {
            "uid": f"{kind}-{name}",
            **body["metadata"],
            "resourceVersion": str(self.version),
            "generation": old["metadata"]["generation"] + (1 if spec_changed else 0),
        }
        self.objects[kind, name] = body
        return copy.deepcopy(body)

    def put_worker(self, uid: str = "u1", **spec: Any) -> dict[str, Any]:
        body = {"kind": "LLMWorker", "metadata": {"name": "chat", "namespace": "prod", "uid": uid}}
        status = self.objects.get(("LLMWorker", "chat"), {}).get("status", {})
        return self._store("LLMWorker", "chat", {**body, "spec": {"model": {"name": "m"}, **spec}, "status": status})


def accepted(cluster: FakeCluster) -> tuple[str, str]:
    """Reason and message of the condition Accepted."""
    condition = cluster.objects["LLMWorker", "chat"]["status"]["conditions"][0]
    return condition["reason"], condition["message"]
