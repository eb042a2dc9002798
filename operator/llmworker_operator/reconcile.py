"""The one reconcile: from what an LLMWorker asks for to its children and its status.

Level-based: whatever happened, it looks at the store, applies what differs and reports. Doing it twice changes
nothing and costs no request.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from llmworker_operator import asking, events, names
from llmworker_operator import status as reporting
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.claims import as_it_is, impossible
from llmworker_operator.cluster import BY_KIND, CHILDREN, CLAIMS, ApiError, Resource
from llmworker_operator.conditions import Look, Observation, Rollout
from llmworker_operator.config import Config
from llmworker_operator.events import Told
from llmworker_operator.logs import about
from llmworker_operator.manifests import stamped
from llmworker_operator.outcomes import Outcome, Paused, Stalled, Waiting
from llmworker_operator.owner import Owner
from llmworker_operator.pods import Pod
from llmworker_operator.render import children
from llmworker_operator.store import KEPT, Child, Key, Store, Worker, controller
from llmworker_operator.validation import Forbidden, InvalidSpec, Unsupported, understood

log = logging.getLogger(__name__)

_REFUSED = frozenset({400, 403, 422})
"""Answers to a write that will not change by asking again soon: invalid, forbidden by policy or quota."""

_UNTYPED = "failed to create typed patch object"
"""What the API server says, with status 500, of a field that is not of its type in an opaque part of the spec."""

_RETRY_REFUSED = 60.0
"""Seconds: what refused it (a quota, an admission policy) may change without the LLMWorker changing."""

_BETWEEN_STEPS = 2.0
"""Seconds between two writes of a status that only tell of a step on the way."""

_AT_ONCE = 0.001
"""Seconds: what is already known has not been acted on."""

_RETRY_AWAY = 2.0
"""Seconds: the API server is away, busy or was overtaken."""


class Writer(Protocol):
    """What a reconcile needs of the cluster."""

    async def apply(self, manifest: dict[str, Any]) -> dict[str, Any]: ...

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None: ...

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None: ...

    async def write_status(self, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]: ...

    async def warnings(self, namespace: str, uid: str) -> list[tuple[str, str]]: ...

    async def tell(self, event: dict[str, Any]) -> None: ...


class Reconciler:
    """Brings one LLMWorker at a time to what it asks for."""

    def __init__(
        self,
        store: Store,
        cluster: Writer,
        config: Config,
        clock: Callable[[], datetime],
        ask: Callable[[Sequence[Pod]], Awaitable[dict[str, Look]]],
    ) -> None:
        self._ask = ask
        self._told: dict[Key, float] = {}
        """When each status was last written."""
        self._store = store
        self._cluster = cluster
        self._config = config
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """Seconds after which to look again, or None when only a change can bring news."""
        worker = self._store.workers.get(key)
        if worker is None or worker.deleting:
            self._told.pop(key, None)
            return None  # the cluster collects the children by their owner reference
        outcome: Outcome | None = None
        spec: LLMWorkerSpec | None = None
        desired: list[dict[str, Any]] = []
        try:
            spec = _understood(worker, self._config)
            desired = [stamped(manifest) for manifest in children(self._store.owner(key), spec, self._config)]
            if spec.paused:
                raise Paused("Paused", "spec.paused is true: nothing is applied or deleted. Remove it to go on.")
            await self._apply(key, worker, desired)
        except Outcome as ended:
            outcome = ended
            about(log, key).warning("%s", ended)
        pods = list(self._store.pods.get(key, {}).values())
        observed = Observation(
            owner=self._store.owner(key),
            generation=worker.generation,
            spec=spec,
            rollout=self._rollout(key, worker, desired),
            outcome=outcome,
            template=_template(desired),
            pods=pods,
            looks=await self._ask(pods),
            warnings=await self._warnings(key, pods),
        )
        soon = await self._report(key, worker, observed)
        return soon or _again(outcome) or asking.again(pods, self._clock())

    async def _apply(self, key: Key, worker: Worker, desired: list[dict[str, Any]]) -> None:
        for manifest in desired:
            resource = BY_KIND[manifest["kind"]]
            child = self._child(key, worker, resource.kind)
            if child and child.says(manifest):
                continue
            try:
                if child is None:
                    await self._refuse_to_take_over(resource, self._store.owner(key))
                possible = await self._possible(key, manifest) if child and resource is CLAIMS else manifest
                self._store.applied(await self._cluster.apply(possible))
            except ApiError as error:
                raise _outcome(resource, error) from error
            about(log, key).info("applied %s", resource.kind)
        await self._prune(key, worker, {manifest["kind"] for manifest in desired})

    async def _prune(self, key: Key, worker: Worker, wanted: set[str]) -> None:
        """Delete this worker's children of kinds that it no longer has; a claim that is to be kept is not its own."""
        for resource in CHILDREN:
            child = self._store.children.get(key, {}).get(resource.kind)
            if resource.kind in wanted or child is None or child.leaving or child.owner_uid != worker.uid:
                continue
            try:
                await self._cluster.delete(resource, key.namespace, key.name, child.uid)
            except ApiError as error:
                raise _outcome(resource, error) from error
            child.leaving = True
            about(log, key).info("deleted %s", resource.kind)

    def _child(self, key: Key, worker: Worker, kind: str) -> Child | None:
        child = self._store.children.get(key, {}).get(kind)
        return child if child and child.owner_uid in {worker.uid, KEPT} else None

    async def _possible(self, key: Key, manifest: dict[str, Any]) -> dict[str, Any]:
        """The manifest for a claim that exists. Raises `Stalled` where it cannot become so."""
        live = await self._cluster.read(CLAIMS, *key)
        if live is None:
            return manifest
        problems = impossible(live["spec"], manifest["spec"])
        if problems:
            raise Stalled(
                "ClaimUnchangeable",
                f"The {CLAIMS.kind} {key.name!r} exists and cannot become what is asked for. {' '.join(problems)} "
                "Set it back; or delete the claim with what it holds, and then the pods that mount it: it comes anew.",
            )
        return as_it_is(live["spec"], manifest)

    async def _refuse_to_take_over(self, resource: Resource, owner: Owner) -> None:
        """An object of that name that somebody else made is left alone."""
        found = await self._cluster.read(resource, owner.namespace, owner.name)
        if found is None:
            return
        reference = controller(found)
        if reference is None:
            instead = (
                "mount it by spec.cache.persistentVolumeClaim" if resource is CLAIMS else f"delete the {resource.kind}"
            )
            raise Stalled(
                "NameTaken",
                f"A {resource.kind} {owner.name!r} exists that is not this worker's. "
                f"Rename the LLMWorker, or {instead}.",
            )
        if reference["uid"] != owner.uid:
            raise Waiting(
                "PredecessorLeaving", f"The {resource.kind} of a deleted LLMWorker of this name is being collected."
            )

    async def _report(self, key: Key, worker: Worker, observed: Observation) -> float | None:
        """Write the status if it changed; seconds after which to try again where it was not written.

        Steps on the way come in quick succession: what is only one of them waits until the last write is old enough,
        by when most have been overtaken.
        """
        now = self._clock()
        status = reporting.status(observed, worker.status, now)
        patch = reporting.patch(status, worker.status)
        if not patch:
            return None
        early = self._told.get(key, 0.0) + _BETWEEN_STEPS - now.timestamp()
        # A clock that was set back would otherwise keep the status from being written until it has caught up.
        if 0 < early <= _BETWEEN_STEPS and not reporting.urgent(status, worker.status):
            return early
        try:
            self._store.see_worker(await self._cluster.write_status(key.namespace, key.name, patch))
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004  (deleted meanwhile: nobody is left to tell)
                return None
            about(log, key).warning("status not written: %s", error)
            return _RETRY_AWAY
        self._told[key] = now.timestamp()
        await self._tell(key, events.transitions(status, worker.status), observed.owner, now)
        # The answer to a write may tell of an edit before its watch does, whose event is then no news.
        seen = self._store.workers.get(key)
        return _AT_ONCE if seen and seen.edition != worker.edition else None

    async def _tell(self, key: Key, found: Iterable[Told], owner: Owner, now: datetime) -> None:
        """Post events. The status has said it all, so one that cannot be posted is not tried again."""
        for told in found:
            try:
                await self._cluster.tell(events.event(owner, told, now))
            except ApiError as error:
                about(log, key).warning("event %s not posted: %s", told.reason, error)

    async def _warnings(self, key: Key, pods: Sequence[Pod]) -> dict[str, list[tuple[str, str]]]:
        """Events of the pods that nothing else explains. Without them the status only says less."""
        found = {}
        for pod in pods:
            if asking.puzzles(pod, self._clock()):
                try:
                    found[pod.uid] = await self._cluster.warnings(key.namespace, pod.uid)
                except ApiError as error:
                    about(log, key).warning("events of %s: %s", pod.name, error)
        return found

    def _rollout(self, key: Key, worker: Worker, desired: list[dict[str, Any]]) -> Rollout:
        child = self._child(key, worker, "Deployment")
        wanted = next((manifest for manifest in desired if manifest["kind"] == "Deployment"), None)
        if child is None:
            return Rollout()
        return reporting.rollout(child.status, child.generation, wanted is not None and child.says(wanted))


def _template(desired: Sequence[dict[str, Any]]) -> str | None:
    """Hash of the pods' template of the current revision."""
    for manifest in desired:
        if manifest["kind"] == "Deployment":
            found: str = manifest["spec"]["template"]["metadata"]["annotations"][names.TEMPLATE_HASH]
            return found
    return None


def _understood(worker: Worker, config: Config) -> LLMWorkerSpec:
    try:
        return understood(worker.spec, config)
    except Forbidden as error:
        raise Stalled("RemoteCodeForbidden", str(error)) from error
    except Unsupported as error:
        raise Stalled("MultiNodeUnsupported", str(error)) from error
    except InvalidSpec as error:
        raise Stalled("InvalidSpec", str(error)) from error


def _outcome(resource: Resource, error: ApiError) -> Outcome:
    message = f"The API server refused the {resource.kind}: {error.message}"
    if error.status in _REFUSED or error.message.startswith(_UNTYPED):
        return Waiting("Refused", message)
    return Waiting("ApiUnavailable", f"The {resource.kind} could not be applied yet: {error}")


def _again(outcome: Outcome | None) -> float | None:
    if not isinstance(outcome, Waiting):
        return None
    return _RETRY_REFUSED if outcome.reason == "Refused" else _RETRY_AWAY
