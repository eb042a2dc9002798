"""Comparing manifests: whether a live object still says what we applied. Pure."""

from collections.abc import Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from llmworker_operator import names
from llmworker_operator.digest import digest

_AMOUNTS = frozenset({"requests", "limits", "sizeLimit"})


def stamped(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with its own hash as an annotation, so that an unchanged child is known without comparing."""
    annotations = {**manifest["metadata"].get("annotations", {}), names.DESIRED_HASH: digest(manifest)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def desired_hash(manifest: Mapping[str, Any]) -> str | None:
    """The hash that an object carries; None for one that nobody stamped."""
    annotations: Mapping[str, str] = manifest["metadata"].get("annotations") or {}
    return annotations.get(names.DESIRED_HASH)


def covers(live: object, desired: object, *, amounts: bool = False) -> bool:
    """Whether the live value holds everything desired; what others added beside it does not count.

    Lists of named things are compared by name, so that an injected sidecar is no difference; other lists must be
    of one length. With `amounts`, as below requests, limits and sizeLimit, strings are compared as Kubernetes
    quantities: the API server writes 1000m as 1. Elsewhere 1.10 and 1.1 are two texts.
    """
    if isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and covers(live[key], value, amounts=amounts or key in _AMOUNTS)
            for key, value in desired.items()
        )
    if isinstance(desired, list):
        return isinstance(live, list) and _list_covers(live, desired)
    return live == desired or (amounts and _same_quantity(live, desired))


def _list_covers(live: list[Any], desired: list[Any]) -> bool:
    if all(isinstance(item, Mapping) and "name" in item for item in [*live, *desired]):
        by_name = {item["name"]: item for item in live}
        return all(item["name"] in by_name and covers(by_name[item["name"]], item) for item in desired)
    return len(live) == len(desired) and all(covers(a, b) for a, b in zip(live, desired, strict=True))


def _same_quantity(live: object, desired: object) -> bool:
    try:
        return bool(parse_quantity(live) == parse_quantity(desired))
    except ValueError:
        return False
