"""Many LLMWorkers on a real API server, and when what became of them was seen: through watches of the bench's own."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from cluster.rig import Rig

NAMESPACE: Final = "crowd"
_WORKERS: Final = f"/apis/llmworker.dev/v1alpha1/namespaces/{NAMESPACE}/llmworkers"
_DEPLOYMENTS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_AT_ONCE: Final = 32


class Crowd:
    """The workers of one namespace. Times are seconds of the monotonic clock."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server
        self.deployed: dict[str, tuple[float, str]] = {}
        """By name: when the Deployment's present revision was first seen, and its MAX_MODEL_LEN."""
        self.accepted: set[str] = set()
        self.ready: set[str] = set()
        self._news = asyncio.Event()

    async def create(self, name: str, length: int = 1024) -> float:
        """Make one; when it was sent."""
        body = {
            "apiVersion": "llmworker.dev/v1alpha1",
            "kind": "LLMWorker",
            "metadata": {"name": name},
            "spec": {"model": {"name": "m"}, "engine": {"maxModelLen": length}},
        }
        return await self._write("POST", _WORKERS, body, "application/json")

    async def edit(self, name: str, length: int) -> float:
        """Another length for one; when it was sent."""
        patch = {"spec": {"engine": {"maxModelLen": length}}}
        return await self._write("PATCH", f"{_WORKERS}/{name}", patch, "application/merge-patch+json")

    async def create_all(self, names: Sequence[str]) -> float:
        """Make many, some at a time; when the first was sent."""
        began = time.monotonic()
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            async with places:
                await self.create(name)

        await asyncio.gather(*(one(name) for name in names))
        return began

    async def delete_all(self) -> float:
        """Delete all; when it was sent."""
        return await self._write("DELETE", _WORKERS, None, "application/json")

    async def until(self, happened: Callable[[], bool], seconds: float = 600) -> float:
        """When it has happened. Raises asyncio.TimeoutError."""

        async def wait() -> float:
            while not happened():
                self._news.clear()
                await self._news.wait()
            return time.monotonic()

        return await asyncio.wait_for(wait(), seconds)

    async def revision(self, name: str, length: int) -> float:
        """When a Deployment of that length was seen."""
        await self.until(lambda: self.deployed.get(name, (0.0, ""))[1] == str(length), 60)
        return self.deployed[name][0]

    async def _write(self, method: str, path: str, body: Any, content_type: str) -> float:
        began = time.monotonic()
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self._server + path, data=json.dumps(body), headers=headers) as answer:
            if not answer.ok:
                raise RuntimeError(f"{method} {path}: {answer.status} {(await answer.text())[:300]}")
        return began

    async def watch(self, path: str, take_in: Callable[[str, dict[str, Any]], None]) -> None:
        """Follow a kind for ever."""
        async with self._session.get(f"{self._server}{path}?watch=true", timeout=aiohttp.ClientTimeout()) as answer:
            rest = b""
            async for part in answer.content.iter_any():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    take_in(event["type"], event["object"])
                self._news.set()

    def take_in_deployment(self, change: str, body: dict[str, Any]) -> None:
        """One event of a Deployment."""
        name = body["metadata"]["name"]
        if change == "DELETED":
            self.deployed.pop(name, None)
            return
        environment = body["spec"]["template"]["spec"]["containers"][0]["env"]
        length = next(entry["value"] for entry in environment if entry["name"] == "MAX_MODEL_LEN")
        if self.deployed.get(name, (0.0, ""))[1] != length:
            self.deployed[name] = (time.monotonic(), length)

    def take_in_worker(self, change: str, body: dict[str, Any]) -> None:
        """One event of an LLMWorker."""
        name, status = body["metadata"]["name"], body.get("status", {})
        true = {
            one["type"]
            for one in status.get("conditions", [])
            if one["status"] == "True" and one["observedGeneration"] == body["metadata"]["generation"]
        }
        for kind, names in (("Accepted", self.accepted), ("Ready", self.ready)):
            if kind in true and change != "DELETED":
                names.add(name)
            else:
                names.discard(name)


@asynccontextmanager
async def crowd(rig: Rig) -> AsyncIterator[Crowd]:
    """An empty one, as the rig's admin."""
    pki = rig.place.directory / "pki"
    trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    trust.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=0)) as session:
        found = Crowd(session, rig.server)
        watches = [
            asyncio.create_task(found.watch(_DEPLOYMENTS, found.take_in_deployment)),
            asyncio.create_task(found.watch(_WORKERS, found.take_in_worker)),
        ]
        try:
            yield found
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
