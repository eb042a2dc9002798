"""/healthz and /readyz of the operator's own pod."""

from aiohttp import web

from llmworker_operator.store import Store


def application(store: Store, ready: "Ready") -> web.Application:
    """Healthy while the loop answers; ready once everything was listed and the queue works."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if not ready.yes:
            return web.Response(status=503, text="the first lists are not complete\n")
        return web.Response(text=f"ok: {len(store.workers)} LLMWorkers\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


class Ready:
    """Turns true once and is read by the probe."""

    yes = False
