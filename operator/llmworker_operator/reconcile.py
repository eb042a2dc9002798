"""The one reconcile: from what an LLMWorker asks for to its children and its status.

Level-based: whatever happened, it looks at the store, applies what differs and reports. Doing it twice changes
nothing and costs no request.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from llmworker_operator import status as reporting
from llmworker_operator.api import LLMWorkerSpec, problems
from llmworker_operator.cluster import CHILDREN, ApiError, Resource
from llmworker_operator.config import Config
from llmworker_operator.manifests import stamped
from llmworker_operator.outcomes import Outcome, Stalled, Waiting
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.store import Child, Key, Store, Worker, controller

log = logging.getLogger(__name__)

_REFUSED = frozenset({400, 403, 422})
"""Answers to a write that will not change by asking again soon: invalid, forbidden by policy or quota."""

_RETRY_REFUSED = 60.0
"""Seconds: what refused it (a quota, an admission policy) may change without the LLMWorker changing."""

_RETRY_AWAY = 2.0
"""Seconds: the API server is away, busy or was overtaken."""


class Writer(Protocol):
    """What a reconcile needs of the cluster."""

    async def apply(self, manifest: dict[str, Any]) -> dict[str, Any]: ...

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None: ...

    async def write_status(self, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]: ...


class Reconciler:
    """Brings one LLMWorker at a time to what it asks for."""

    def __init__(self, store: Store, cluster: Writer, config: Config, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._cluster = cluster
        self._config = config
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """Seconds after which to look again, or None when only a change can bring news."""
        worker = self._store.workers.get(key)
        if worker is None or worker.deleting:
            return None  # the cluster collects the children by their owner reference
        outcome: Outcome | None = None
        spec: LLMWorkerSpec | None = None
        desired: list[dict[str, Any]] = []
        try:
            spec = _understood(worker)
            desired = [stamped(manifest) for manifest in children(self._store.owner(key), spec, self._config)]
            await self._apply(key, worker, desired)
        except Outcome as ended:
            outcome = ended
            log.warning("%s/%s %s", *key, ended)
        if not await self._report(key, worker, spec, desired, outcome):
            return _RETRY_AWAY
        return _again(outcome)

    async def _apply(self, key: Key, worker: Worker, desired: list[dict[str, Any]]) -> None:
        for resource, manifest in zip(CHILDREN, desired, strict=True):
            child = self._child(key, worker, resource.kind)
            if child and child.says(manifest):
                continue
            try:
                if child is None:
                    await self._refuse_to_take_over(resource, self._store.owner(key))
                self._store.applied(await self._cluster.apply(manifest))
            except ApiError as error:
                raise _outcome(resource, error) from error
            log.info("%s/%s applied %s", *key, resource.kind)

    def _child(self, key: Key, worker: Worker, kind: str) -> Child | None:
        child = self._store.children.get(key, {}).get(kind)
        return child if child and child.owner_uid == worker.uid else None

    async def _refuse_to_take_over(self, resource: Resource, owner: Owner) -> None:
        """An object of that name that somebody else made is left alone."""
        found = await self._cluster.read(resource, owner.namespace, owner.name)
        if found is None:
            return
        reference = controller(found)
        if reference is None:
            raise Stalled(
                "NameTaken",
                f"A {resource.kind} {owner.name!r} exists that is not this worker's. Rename the LLMWorker, or delete "
                f"the {resource.kind}.",
            )
        if reference["uid"] != owner.uid:
            raise Waiting(
                "PredecessorLeaving", f"The {resource.kind} of a deleted LLMWorker of this name is being collected."
            )

    async def _report(
        self,
        key: Key,
        worker: Worker,
        spec: LLMWorkerSpec | None,
        desired: list[dict[str, Any]],
        outcome: Outcome | None,
    ) -> bool:
        """Write the status if it changed; False when it could not be written and has to be tried again."""
        observed = reporting.Observation(
            owner=self._store.owner(key),
            generation=worker.generation,
            spec=spec,
            rollout=self._rollout(key, worker, desired),
            outcome=outcome,
        )
        patch = reporting.patch(reporting.status(observed, worker.status, self._clock()), worker.status)
        if not patch:
            return True
        try:
            self._store.see_worker(await self._cluster.write_status(key.namespace, key.name, patch))
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004  (deleted meanwhile: nobody is left to tell)
                return True
            log.warning("%s/%s status not written: %s", *key, error)
            return False
        return True

    def _rollout(self, key: Key, worker: Worker, desired: list[dict[str, Any]]) -> reporting.Rollout:
        child = self._child(key, worker, "Deployment")
        wanted = next((manifest for manifest in desired if manifest["kind"] == "Deployment"), None)
        if child is None:
            return reporting.Rollout()
        return reporting.rollout(child.status, child.generation, wanted is not None and child.says(wanted))


def _understood(worker: Worker) -> LLMWorkerSpec:
    try:
        return LLMWorkerSpec.model_validate(worker.spec)
    except ValidationError as error:
        raise Stalled("InvalidSpec", problems(error)) from error


def _outcome(resource: Resource, error: ApiError) -> Outcome:
    message = f"The API server refused the {resource.kind}: {error.message}"
    if error.status in _REFUSED:
        return Waiting("Refused", message)
    return Waiting("ApiUnavailable", f"The {resource.kind} could not be applied yet: {error}")


def _again(outcome: Outcome | None) -> float | None:
    if not isinstance(outcome, Waiting):
        return None
    return _RETRY_REFUSED if outcome.reason == "Refused" else _RETRY_AWAY
