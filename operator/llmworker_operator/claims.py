"""What a PersistentVolumeClaim can become, and what it cannot: the API server would refuse it for ever. Pure."""

from collections.abc import Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

_FIELD = "spec.cache.volumeClaimTemplate"


def impossible(live: Mapping[str, Any], desired: Mapping[str, Any]) -> list[str]:
    """Sentences about what is asked for and an existing claim of that spec cannot be."""
    found = []
    asked, has = desired.get("storageClassName"), live.get("storageClassName")
    if asked and asked != has:
        found.append(f"{_FIELD}.storageClassName: {asked!r} is asked for, and it has {has!r}.")
    if set(desired["accessModes"]) != set(live["accessModes"]):
        found.append(f"{_FIELD}.accessModes: {desired['accessModes']} is asked for, and it has {live['accessModes']}.")
    size, least = _size(desired), _size(live)
    if parse_quantity(size) < parse_quantity(least):
        found.append(f"{_FIELD}.size: {size} is asked for, and it has {least}; a claim never shrinks.")
    return found


def as_it_is(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest for a claim that exists: a class that is no longer stated stays, since it cannot be taken away."""
    stays = {"storageClassName": live["storageClassName"]} if "storageClassName" in live else {}
    return {**manifest, "spec": {**stays, **manifest["spec"]}}


def _size(spec: Mapping[str, Any]) -> str:
    return str(spec["resources"]["requests"]["storage"])
