"""The operator's process: `python -m llmworker_operator`."""

import asyncio
import logging
import os
import sys
from datetime import datetime, timezone

import kopf
from aiohttp import web

from llmworker_operator import health
from llmworker_operator.asking import Asker
from llmworker_operator.cluster import Cluster, NoCluster
from llmworker_operator.config import BadConfig, Config, config
from llmworker_operator.handlers import registry, settings
from llmworker_operator.names import FIELD_MANAGER
from llmworker_operator.reconcile import Reconciler
from llmworker_operator.resync import keep_in_step, prime
from llmworker_operator.store import Store
from llmworker_operator.work import WorkQueue

_WORKERS = 16

log = logging.getLogger("llmworker_operator")


def main() -> int:
    """Run until stopped. Exit status 0 after SIGTERM, 1 when the watches ended, 2 for a bad environment."""
    try:
        chosen = config(os.environ)
    except BadConfig as error:
        sys.stderr.write(f"the operator's environment cannot be understood:\n{error}\n")
        return 2
    logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kopf").setLevel(logging.WARNING)
    try:
        asyncio.run(run(chosen))
    except NoCluster as error:
        log.error("%s", error)  # noqa: TRY400  (the sentence says it all)
        return 2
    except Exception:
        # The process must end with its watches: alive without them it would look healthy and do nothing.
        log.exception("the watches ended; leaving so that the pod restarts")
        return 1
    return 0


async def run(chosen: Config) -> None:
    """Everything that must exist before kopf starts, then kopf; kopf cancels what was started after it."""
    store, ready = Store(), health.Ready()
    cluster = await Cluster.connect(chosen.namespaces)
    asker = Asker()
    queue = WorkQueue(Reconciler(store, cluster, chosen, lambda: datetime.now(timezone.utc), asker))
    server = web.AppRunner(health.application(store, ready), access_log=None)
    await server.setup()
    await web.TCPSite(server, port=chosen.health_port).start()
    await prime(cluster, store, queue)
    tasks = [asyncio.create_task(queue.work()) for _ in range(_WORKERS)]
    tasks.append(asyncio.create_task(keep_in_step(cluster, store, queue)))
    ready.yes = True
    where = ", ".join(chosen.namespaces) or "the whole cluster"
    log.info("listed %d LLMWorkers; watching %s", len(store.workers), where)
    try:
        await kopf.operator(
            registry=registry(store, queue),
            settings=settings(),
            clusterwide=not chosen.namespaces,
            namespaces=chosen.namespaces,
            standalone=True,
            # kopf would ask for the user's name, and a container's numeric user has none.
            identity=FIELD_MANAGER,  # type: ignore[arg-type]  # a str by another, private name
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.cleanup()
        await asker.close()
        await cluster.close()


if __name__ == "__main__":
    sys.exit(main())
