"""What applying a manifest would do on a cluster: the present is read, the future rehearsed, and nothing written.

The command line's way to a cluster, which it imports only for that: no other command of it needs the client.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.changes import Manifest, Told, forecast, rendered
from llmworker_operator.claims import impossible
from llmworker_operator.cluster import CHILDREN, CLAIMS, WORKERS, ApiError, Cluster, NoCluster
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.remarks import conditional, remarks
from llmworker_operator.store import KEPT, owned_by
from llmworker_operator.validation import InvalidSpec, parsed, refusals

_REFUSALS: Final = frozenset({400, 403, 404, 409, 422})
"""Answers to a rehearsal that are about the manifest, or about what its user may do."""


class Unreachable(Exception):
    """The cluster cannot be asked."""


@dataclass(frozen=True)
class Preview:
    """One LLMWorker as it is, and as it would be."""

    owner: Owner
    live: Manifest | None
    """None: there is none yet."""
    asked: Manifest | None
    """None where the API server would not take it."""
    refusal: str = ""
    """Why not, in its words."""
    children: Mapping[str, Manifest] = field(default_factory=dict)
    """Objects of the worker's name, by kind, whoever made them."""


async def foretold(
    bodies: Sequence[Manifest], context: str | None, namespace: str | None, image_repository: str | None
) -> list[Told]:
    """What `kubectl apply` of each manifest would do. Raises `Unreachable`."""
    try:
        cluster, usual = await Cluster.as_user(context)
    except NoCluster as error:
        raise Unreachable(str(error)) from error
    try:
        looks = [
            await _preview(cluster, body, namespace or body["metadata"].get("namespace") or usual) for body in bodies
        ]
    except ApiError as error:
        raise Unreachable(str(error)) from error
    finally:
        await cluster.close()
    return [told(look, image_repository) for look in looks]


def told(look: Preview, image_repository: str | None = None) -> Told:
    """What there is to say of it. Unset: worker images come from where the cluster's Deployment has them from."""
    if look.asked is None:
        return Told(look.owner, refused=(look.refusal,))
    refused = list(_refusals(look.asked["spec"]))
    try:
        for body in (look.asked, look.live or look.asked):
            parsed(body["spec"])
    except InvalidSpec as error:
        return Told(
            look.owner, refused=(*refused, *(() if refused else (f"the present spec is not understood: {error}",)))
        )
    asked = LLMWorkerSpec.model_validate(look.asked["spec"])
    config = _config(look, image_repository)
    foreseen = forecast(look.owner, look.live, look.asked, config)
    refused += _obstacles(look, rendered(look.owner, look.asked["spec"], config))
    said = (*_remarks(look, foreseen.template), *map(str, [*conditional(asked), *remarks(asked)]))
    return Told(look.owner, foreseen, tuple(refused), said)


async def _preview(cluster: Cluster, body: Manifest, namespace: str) -> Preview:
    name = str(body["metadata"]["name"])
    live = await cluster.read(WORKERS, namespace, name)
    owner = Owner(name, namespace, live["metadata"]["uid"] if live else "")
    children = {kind.kind: found for kind in CHILDREN if (found := await cluster.read(kind, namespace, name))}
    stated = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
    change = stated if live is None else merge_patch(_last_applied(live), live, stated)
    try:
        asked = await cluster.rehearse(namespace, name, change, fresh=live is None)
    except ApiError as error:
        if error.status not in _REFUSALS:
            raise
        return Preview(owner, live, None, f"the API server refuses it: {error.message}", children)
    return Preview(owner, live, asked, "", children)


def merge_patch(last: Mapping[str, Any], live: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """What `kubectl apply` sends: all that is stated otherwise, and None for what was stated last and is no more."""
    patch: dict[str, Any] = {key: None for key in last if key not in stated and key in live}
    for key, value in stated.items():
        has, had = live.get(key), last.get(key)
        if isinstance(value, Mapping) and isinstance(has, Mapping):
            if inner := merge_patch(had if isinstance(had, Mapping) else {}, has, value):
                patch[key] = inner
        elif value != has:
            patch[key] = value
    return patch


def _last_applied(live: Manifest) -> dict[str, Any]:
    text = (live["metadata"].get("annotations") or {}).get(names.LAST_APPLIED)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _refusals(spec: Manifest) -> Iterator[str]:
    try:
        yield from map(str, refusals(parsed(spec)))
    except InvalidSpec as error:
        yield from map(str, error.problems)


def _config(look: Preview, image_repository: str | None) -> Config:
    """The settings of this cluster's operator, as far as the Deployment's image tells them."""
    containers = _template(look).get("spec", {}).get("containers", ())
    image = next((str(found["image"]) for found in containers if found["name"] == names.CONTAINER), "")
    profile = parsed(look.live["spec"]).image.engine_profile().name if look.live else ""
    named, _, digest = image.partition("@")
    repository = image_repository or (named if digest else image.removesuffix(f":{profile}"))
    if not repository or not (image_repository or digest or image.endswith(f":{profile}")):
        return Config()
    return Config(worker_repository=repository, worker_digests={profile: digest} if digest else {})


def _obstacles(look: Preview, wanted: Mapping[str, Manifest]) -> Iterator[str]:
    """Why the operator could not apply the children that are wanted, by the reasons of the condition Accepted."""
    for kind, found in look.children.items():
        owner = owned_by(found)
        if kind not in wanted:
            continue
        if owner is None:
            yield f"NameTaken: a {kind} {look.owner.name!r} exists that is not this worker's"
        elif owner not in {look.owner.uid, KEPT}:
            yield f"PredecessorLeaving: the {kind} of a deleted LLMWorker of this name is still there"
        elif kind == CLAIMS.kind:
            yield from unchangeable(found, wanted[kind])


def unchangeable(has: Manifest, wanted: Manifest) -> list[str]:
    """Why a claim cannot become the wanted one. A storage class that neither states is the cluster's to choose."""
    spec = {**wanted["spec"], **has["spec"]}
    return [f"ClaimUnchangeable: {words}" for words in impossible(spec, wanted["spec"])]


def _remarks(look: Preview, template: str) -> Iterator[str]:
    """What makes the present other than its spec says; `template`: the hash of the pods that this spec asks for."""
    conditions = look.live.get("status", {}).get("conditions", ()) if look.live else ()
    for condition in conditions:
        if (condition["type"], condition["status"]) == ("Accepted", "False"):
            yield f"the present spec is not applied ({condition['reason']}): pods may be those of an earlier one"
            return
    pods = _template(look)
    if look.live and pods and pods["metadata"].get("annotations", {}).get(names.TEMPLATE_HASH) != template:
        yield (
            "the pods are not of the template that this command makes of the present spec: the operator is of another "
            "version, or has not applied it yet; what is told here is the difference between both specs"
        )


def _template(look: Preview) -> Manifest:
    found: Manifest = look.children.get("Deployment", {}).get("spec", {}).get("template", {})
    return found
