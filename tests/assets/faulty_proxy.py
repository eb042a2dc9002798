"""A proxy between the operator and the API server, which cuts, answers itself, and tells of each request as it passes.

The operator speaks plain HTTP to it by a kubeconfig of its own; to the API server it is the rig's admin.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, cast

import aiohttp
from aiohttp import web
from yarl import URL

from assets.worker_process import free_port
from cluster.rig import Rig

_READS = frozenset({"GET", "HEAD"})


class Asked(NamedTuple):
    """A request of the operator."""

    method: str
    path: str
    """With its query."""

    @property
    def writes(self) -> bool:
        """Whether it may change the cluster."""
        return self.method not in _READS


class Refusal(NamedTuple):
    """An answer that the API server did not give: a Status, which is not what a watch is made of."""

    status: int
    headers: dict[str, str]


class FaultyProxy:
    """Runs in a thread of its own. A test sets its hooks, at any time."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.refuse: Callable[[Asked], Refusal | None] = lambda asked: None
        """What is answered in place of the API server."""
        self.rewrite: Callable[[str], str] = lambda path: path
        """What the API server is asked for in place of a path with its query."""
        self.before: Callable[[Asked], None] = lambda asked: None
        """Called before a request is passed on."""
        self.after: Callable[[Asked], None] = lambda asked: None
        """Called when it has been done, and before the operator hears of it."""
        self.silent: Callable[[Asked], bool] = lambda asked: False
        """Whether the rest of an answer is held back, as where packets are dropped: the connection stays open."""
        self._rig = rig
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.Transport] = set()
        self.kubeconfig = folder / "faulty.kubeconfig"
        self.kubeconfig.write_text(
            "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], "
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{self._port}'}}}}], "
            "users: [{name: u, user: {token: none}}]}"
        )

    def __enter__(self) -> "FaultyProxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> int:
        """Reset every connection of the operator; how many were busy, watches above all."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    async def _cut(self) -> int:
        busy = list(self._open)
        for transport in busy:
            transport.abort()
        return len(busy)

    async def _start(self) -> None:
        pki = self._rig.place.directory / "pki"
        trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        trust.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def _stop(self) -> None:
        await self._cut()
        await self._runner.cleanup()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.method, request.path_qs)
        refusal = self.refuse(asked)
        if refusal:
            return web.json_response(
                {"kind": "Status", "status": "Failure", "code": refusal.status, "message": "said by the test's proxy"},
                status=refusal.status,
                headers=refusal.headers,
            )
        self.before(asked)
        transport = cast(asyncio.Transport, request.transport)
        self._open.add(transport)
        try:
            return await self._forward(request, asked)
        except (aiohttp.ClientError, ConnectionError) as error:
            transport.abort()
            raise asyncio.CancelledError from error
        finally:
            self._open.discard(transport)

    async def _forward(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {"host", "authorization"}
        }
        url = URL(f"{self._rig.server}{self.rewrite(request.raw_path)}", encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=await request.read() or None
        ) as answer:
            if asked.writes:
                self.after(asked)
            passed = web.StreamResponse(
                status=answer.status, headers={"Content-Type": answer.headers.get("Content-Type", "")}
            )
            if encoding := answer.headers.get("Content-Encoding"):
                passed.headers["Content-Encoding"] = encoding
            await passed.prepare(request)
            async for part in answer.content.iter_any():
                while self.silent(asked):  # noqa: ASYNC110  (a hook of another thread)
                    await asyncio.sleep(0.05)
                await passed.write(part)
            await passed.write_eof()
            return passed
