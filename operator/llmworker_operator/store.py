"""What the operator knows of the cluster, kept slim: no managed fields, and of children only what decisions need."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from llmworker_operator import names
from llmworker_operator.manifests import covers, desired_hash
from llmworker_operator.owner import Owner
from llmworker_operator.pods import Pod, pod

Body: TypeAlias = Mapping[str, Any]

_POD: Final = "Pod"

KEPT: Final = ""
"""Stands for the owner of a claim that has none, so that it stays when its worker goes."""


class Key(NamedTuple):
    """An LLMWorker's place; the work queue's unit."""

    namespace: str
    name: str


@dataclass
class Worker:
    """An LLMWorker as last seen."""

    uid: str
    generation: int
    spec: dict[str, Any]
    status: dict[str, Any]
    deleting: bool

    @property
    def edition(self) -> tuple[str, int, bool]:
        """Differs where a person has changed it."""
        return self.uid, self.generation, self.deleting


@dataclass
class Child:
    """A child as last seen, and what we know of our own last apply."""

    kind: str
    uid: str
    owner_uid: str
    """Its LLMWorker's, or KEPT."""
    generation: int
    """Changes with the spec; of the spec's content where the API server counts none, as for a Service."""
    hash: str | None
    status: dict[str, Any]
    live: dict[str, Any] | None
    """The spec, kept only until it has been compared with what we want."""
    leaving: bool = False
    """Whether it was told to go, and may stay for somebody's finalizer."""

    def says(self, desired: Body) -> bool:
        """Whether it is what we want, so that nothing has to be applied. Remembers a comparison that held."""
        if self.hash != desired_hash(desired):
            return False
        if self.live is not None and covers(self.live, desired["spec"]):
            self.live = None
        return self.live is None


@dataclass
class Store:
    """The operator's picture of the cluster, fed by lists, watches and the answers to its own writes."""

    workers: dict[Key, Worker] = field(default_factory=dict)
    children: dict[Key, dict[str, Child]] = field(default_factory=dict)
    pods: dict[Key, dict[str, Pod]] = field(default_factory=dict)
    """By the worker's place and the pod's name."""
    _versions: dict[tuple[str, Key], tuple[str, int]] = field(default_factory=dict)
    """Newest resourceVersion seen of each object: an older event, overtaken by our own write, is dropped."""

    def see_worker(self, body: Body) -> Key | None:
        """Take in an LLMWorker; the key if it has to be reconciled, None for an echo."""
        key = _place(body)
        if not self._newer(names.KIND, key, body):
            return None
        seen = Worker(
            uid=body["metadata"]["uid"],
            generation=body["metadata"]["generation"],
            spec=dict(body.get("spec") or {}),
            status=dict(body.get("status") or {}),
            deleting="deletionTimestamp" in body["metadata"],
        )
        known, self.workers[key] = self.workers.get(key), seen
        return None if known == seen else key

    def see_child(self, body: Body) -> Key | None:
        """Take in a child; its worker's key if that has to be reconciled, None for an echo or a stranger."""
        owner_uid = owned_by(body)
        if owner_uid is None:
            return None
        key, kind = _place(body), str(body["kind"])
        if not self._newer(kind, key, body):
            return None
        seen = _child(body, owner_uid)
        known = self.children.setdefault(key, {}).get(kind)
        if known and known.live is None and (known.generation, known.hash) == (seen.generation, seen.hash):
            seen.live = None
        self.children[key][kind] = seen
        return None if known == seen else key

    def see_pod(self, body: Body) -> Key | None:
        """Take in a pod; its worker's key if that has to be reconciled, None for an echo or a stranger."""
        name = (body["metadata"].get("labels") or {}).get(names.WORKER_LABEL)
        if name is None or not self._newer(_POD, _place(body), body):
            return None
        seen, key = pod(body), Key(body["metadata"]["namespace"], name)
        known = self.pods.setdefault(key, {}).get(seen.name)
        self.pods[key][seen.name] = seen
        return None if known == seen else key

    def applied(self, body: Body) -> None:
        """Take in the answer to our own apply: what it says is what we want."""
        self.see_child(body)
        child = self.children.get(_place(body), {}).get(body["kind"])
        if child:
            child.live = None

    def forget(self, kind: str, key: Key) -> Key | None:
        """An object is gone; the key of its worker, None for a pod that nobody knew."""
        self._versions.pop((kind, key), None)
        if kind == _POD:
            return self._forget_pod(key)
        if kind == names.KIND:
            self.workers.pop(key, None)
        else:
            self.children.get(key, {}).pop(kind, None)
            if not self.children.get(key):
                self.children.pop(key, None)
        return key

    def _forget_pod(self, place: Key) -> Key | None:
        for key, found in self.pods.items():
            if key.namespace == place.namespace and place.name in found:
                del found[place.name]
                if not found:
                    del self.pods[key]
                return key
        return None

    def known(self, kind: str) -> Iterator[Key]:
        """Places where an object of that kind was seen."""
        if kind == names.KIND:
            yield from list(self.workers)
        elif kind == _POD:
            yield from [Key(key.namespace, name) for key, found in self.pods.items() for name in found]
        else:
            yield from [key for key, found in self.children.items() if kind in found]

    def version(self, kind: str, place: Key) -> int:
        """The newest resourceVersion that was seen of an object; -1 where none was."""
        return self._versions.get((kind, place), ("", -1))[1]

    def owner(self, key: Key) -> Owner:
        """The identity of a known worker."""
        return Owner(name=key.name, namespace=key.namespace, uid=self.workers[key].uid)

    def _newer(self, kind: str, key: Key, body: Body) -> bool:
        uid, version = body["metadata"]["uid"], int(body["metadata"]["resourceVersion"])
        known_uid, known_version = self._versions.get((kind, key), ("", -1))
        if uid == known_uid and version < known_version:
            return False
        self._versions[kind, key] = (uid, version)
        return True


def controller(body: Body) -> Body | None:
    """The owner reference of the LLMWorker that controls the object; None for anybody else's object."""
    for reference in body["metadata"].get("ownerReferences") or ():
        group = reference["apiVersion"].partition("/")[0]
        if reference.get("controller") and (group, reference["kind"]) == (names.GROUP, names.KIND):
            found: Body = reference
            return found
    return None


def owned_by(body: Body) -> str | None:
    """Whose child it is; None for a stranger's object. A claim that outlives its worker is known by its labels."""
    owner = controller(body)
    if owner:
        return str(owner["uid"])
    labels = body["metadata"].get("labels") or {}
    ours = labels.get(names.MANAGED_BY) == names.FIELD_MANAGER
    named = labels.get(names.WORKER_LABEL) == body["metadata"]["name"]
    return KEPT if body.get("kind") == names.CLAIM and ours and named else None


def _place(body: Body) -> Key:
    """Children carry their worker's name and namespace, so one place serves for both."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def _child(body: Body, owner_uid: str) -> Child:
    status = body.get("status") or {}
    kept = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "conditions")
    return Child(
        kind=body["kind"],
        uid=body["metadata"]["uid"],
        owner_uid=owner_uid,
        generation=body["metadata"].get("generation") or _content(body.get("spec")),
        hash=desired_hash(body),
        status={name: _slim(status[name]) for name in kept if name in status},
        live=dict(body.get("spec") or {}),
        leaving="deletionTimestamp" in body["metadata"],
    )


def _content(spec: Any) -> int:
    return int(hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8], 16)


def _slim(value: Any) -> Any:
    """Conditions without their clocks, which tick without news."""
    if isinstance(value, list):
        return [{key: item[key] for key in ("type", "status", "message") if key in item} for item in value]
    return value
