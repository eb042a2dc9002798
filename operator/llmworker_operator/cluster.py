"""The only way to the API server, and the only importer of its client. Plain dictionaries in and out.

The client's typed models are left aside: they cost memory and a round of validation for objects that we render
as dictionaries anyway. Authentication, TLS and token renewal are the client's.
"""

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
from kubernetes.aio import client, config

from llmworker_operator import names
from llmworker_operator.events import again

log = logging.getLogger(__name__)

_TIMEOUT = 10.0
"""Seconds for one request: a connection that went silent must not hold up its worker."""

_PAGE = 200
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Resource(NamedTuple):
    """A kind as the API server's paths spell it."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of a collection, an object or its subresource."""
        prefix = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(part for part in (f"{prefix}{scope}/{self.plural}", name, subresource) if part)


WORKERS = Resource(names.API_VERSION, names.KIND, names.PLURAL)
DEPLOYMENTS = Resource("apps/v1", "Deployment", "deployments")
SERVICES = Resource("v1", "Service", "services")
PODS = Resource("v1", "Pod", "pods")
EVENTS = Resource("v1", "Event", "events")
CLAIMS = Resource("v1", names.CLAIM, "persistentvolumeclaims")
BUDGETS = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
POLICIES = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases")
CHILDREN = (SERVICES, CLAIMS, POLICIES, DEPLOYMENTS, BUDGETS)
"""In the order in which they are applied, the policy before there are pods; not every worker has one of each."""

WATCHED = (*CHILDREN, PODS)
"""Kinds that are watched beside LLMWorkers: of each only objects with our label."""

BY_KIND = {resource.kind: resource for resource in (WORKERS, *WATCHED)}


class ApiError(Exception):
    """The API server said no, or nothing. `status` is the HTTP status, 0 where none came."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class NoCluster(Exception):
    """Nothing says where the API server is."""


class Cluster:
    """One connection pool to the API server. Every method raises `ApiError`.

    `namespaces`: those that are listed, one by one; with none, the whole cluster in one request.
    `answered` is told of every request: its method, and the answer's status or 0 where none came.
    """

    def __init__(
        self, chosen: client.Configuration, answered: Callable[[str, int], None], namespaces: Sequence[str] = ()
    ) -> None:
        last_look = aiohttp.TraceConfig()
        last_look.on_request_chunk_sent.append(self._last_look)
        chosen.trace_configs = [last_look]
        self._api = client.ApiClient(chosen)
        self._answered = answered
        self._scopes = tuple(namespaces) or ("",)
        self.may_write_for: Callable[[], float] = lambda: math.inf
        """Seconds in which a write has to have ended. None begins where there are none, and none goes on after them:
        so a process that was frozen while another took over sends nothing when it goes on."""

    @classmethod
    async def connect(cls, answered: Callable[[str, int], None], namespaces: Sequence[str] = ()) -> "Cluster":
        """In a pod by its service account, else by KUBECONFIG. Raises `NoCluster` where neither is there."""
        try:
            config.load_incluster_config()
        except config.ConfigException:
            try:
                await config.load_kube_config()
            except config.ConfigException as error:
                raise NoCluster(f"neither a pod's service account nor a KUBECONFIG: {error}") from error
        return cls(client.Configuration.get_default_copy(), answered, namespaces)

    @classmethod
    async def as_user(cls, context: str | None) -> tuple["Cluster", str]:
        """As kubectl finds it, by KUBECONFIG and its context, else in a pod; and the namespace that it means there.

        Raises `NoCluster`.
        """
        try:
            await config.load_kube_config(context=context)
            contexts, active = config.list_kube_config_contexts()
        except config.ConfigException as error:
            if context is not None:
                raise NoCluster(f"the context {context}: {error}") from error
            return await cls.connect(_untold), "default"
        chosen = next((found for found in contexts if found["name"] == context), active)
        return cls(client.Configuration.get_default_copy(), _untold), chosen["context"].get("namespace") or "default"

    async def close(self) -> None:
        """Give the connections back."""
        await self._api.close()

    async def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply; fields that others took from us are taken back. Returns the object."""
        resource, metadata = BY_KIND[manifest["kind"]], manifest["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        return await self._request("PATCH", path, query, manifest, _APPLY)

    async def write_status(self, namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Merge into an LLMWorker's status; None removes a field. Returns the object."""
        path = WORKERS.path(namespace, name, "status")
        return await self._request(
            "PATCH", path, {"fieldManager": names.FIELD_MANAGER}, {"status": dict(patch)}, _MERGE
        )

    async def rehearse(self, namespace: str, name: str, body: Mapping[str, Any], *, fresh: bool) -> dict[str, Any]:
        """What an LLMWorker would be after a creation, or after a merge patch; nothing is kept of it."""
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        if fresh:
            return await self._request("POST", WORKERS.path(namespace), query, body)
        return await self._request("PATCH", WORKERS.path(namespace, name), query, body, _MERGE)

    async def read(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """An object, or None if there is none."""
        try:
            return await self._request("GET", resource.path(namespace, name), {})
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004  (HTTP's own number)
                return None
            raise

    async def create(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new object that decides who may write: its own writes are fenced by the API server alone."""
        path = resource.path(body["metadata"]["namespace"])
        return await self._request("POST", path, {}, body, fenced=False)

    async def replace(self, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same for one that exists: refused with 409 unless it still has the resourceVersion of `body`."""
        path = resource.path(body["metadata"]["namespace"], body["metadata"]["name"])
        return await self._request("PUT", path, {}, body, fenced=False)

    async def answers(self) -> None:
        """Return if the API server and its store are there. A right to ask that is missing is an answer too."""
        try:
            await self._text("GET", "/readyz", {})
        except ApiError as error:
            if error.status not in {401, 403, 404}:
                raise

    async def tell(self, event: Mapping[str, Any]) -> None:
        """Post an event, or count it again where there is one of its name."""
        metadata = event["metadata"]
        try:
            await self._request("POST", EVENTS.path(metadata["namespace"]), {}, event)
        except ApiError as error:
            if error.status != 409:  # noqa: PLR2004  (there is one)
                raise
            path = EVENTS.path(metadata["namespace"], metadata["name"])
            known = await self._request("GET", path, {})
            await self._request("PATCH", path, {}, again(known, event), _MERGE)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete that very object; that it is gone, or another of its name, is no error."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._request("DELETE", resource.path(namespace, name), {}, body)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise

    async def warnings(self, namespace: str, uid: str) -> list[tuple[str, str]]:
        """Reason and message of the warnings about an object, the newest first."""
        query = {"fieldSelector": f"involvedObject.uid={uid},type=Warning", "limit": str(_PAGE)}
        found = (await self._request("GET", EVENTS.path(namespace), query))["items"]
        found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "", reverse=True)
        return [(event.get("reason") or "", event.get("message") or "") for event in found]

    async def list(self, resource: Resource) -> AsyncIterator[dict[str, Any]]:
        """All objects of a kind in the namespaces, page by page; of children only ours.

        A namespace that may not be listed, as after its end, is told in the log and must not hold up the others.
        Raises `ApiError` where none may be.
        """
        refused: list[tuple[str, ApiError]] = []
        for namespace in self._scopes:
            try:
                async for item in self._list(resource, namespace):
                    yield item
            except ApiError as error:
                if error.status != 403:  # noqa: PLR2004  (HTTP's own number)
                    raise
                refused.append((namespace, error))
        if len(refused) == len(self._scopes):
            raise refused[0][1]
        for left_out in refused:
            log.error("namespace %s is left out: %s", *left_out)

    async def _list(self, resource: Resource, namespace: str) -> AsyncIterator[dict[str, Any]]:
        query = {"limit": str(_PAGE)}
        if resource is not WORKERS:
            query["labelSelector"] = f"{names.MANAGED_BY}={names.FIELD_MANAGER}"
        while True:
            page = await self._request("GET", resource.path(namespace), query)
            for item in page["items"]:
                # A list leaves out what all of its items share.
                yield {"apiVersion": resource.api_version, "kind": resource.kind, **item}
            if not page["metadata"].get("continue"):
                return
            query["continue"] = page["metadata"]["continue"]

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        content_type: str = "application/json",
        *,
        fenced: bool = True,
    ) -> dict[str, Any]:
        left = math.inf if method == "GET" or not fenced else self.may_write_for()
        if left <= 0:
            raise ApiError(0, "another operator may hold the Lease by now: nothing is written")
        text = await self._text(method, path, query, body, content_type, timeout=min(_TIMEOUT, left))
        answer: dict[str, Any] = json.loads(text)
        return answer

    async def _last_look(self, _: Any, __: Any, sent: aiohttp.TraceRequestChunkSentParams) -> None:
        """Just before a body goes out. Between the first look and this lie turns of the loop, in which a process can be
        frozen as well: it was seen to send one write when it went on."""
        if LEASES.api_version not in sent.url.path and self.may_write_for() <= 0:
            raise ConnectionAbortedError("another operator may hold the Lease by now")

    async def _text(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        content_type: str = "application/json",
        *,
        timeout: float = _TIMEOUT,
    ) -> str:
        serialized = self._api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        status = 0
        try:
            response = await self._api.call_api(*await serialized, _request_timeout=timeout)
            status = response.status
            text: str = (await response.read()).decode()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise ApiError(0, f"the API server cannot be reached: {error!r}") from error
        finally:
            self._answered(method, status)
        if not 200 <= response.status < 300:  # noqa: PLR2004  (HTTP's own numbers)
            raise ApiError(response.status, _sentence(text))
        return text


def _untold(method: str, status: int) -> None:
    """Nobody counts a user's requests."""


def _sentence(text: str) -> str:
    """The message of a Status object, or the answer as it is: a proxy's page, say."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
