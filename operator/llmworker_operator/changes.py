"""What another spec would change of an LLMWorker's objects, and which of its fields restart pods. Pure.

No table says which fields do: a field restarts pods if the pods' template is another one with its change than without.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.differences import Difference, differences, put
from llmworker_operator.owner import Owner
from llmworker_operator.render import children

Manifest = Mapping[str, Any]
Action = Literal["create", "change", "delete", "keep"]

_HASH: Final = ("spec", "template", "metadata", "annotations", names.TEMPLATE_HASH)
_POD: Final = "Pod"


@dataclass(frozen=True)
class FieldChange:
    """A field of the LLMWorker that becomes another, and what that alone does."""

    field: str
    before: Any
    after: Any
    restarts: bool
    """Whether pods have to be replaced for it."""
    kinds: tuple[str, ...]
    """Children that say something else for it."""


@dataclass(frozen=True)
class ChildChange:
    """What becomes of one child. `keep`: it is no longer asked for, and stays."""

    kind: str
    name: str
    action: Action
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Forecast:
    """Everything that a change would do."""

    fields: tuple[FieldChange, ...]
    children: tuple[ChildChange, ...]
    template: str = ""
    """Hash of the pods' template before; empty where there was none."""
    rolls: bool = False
    """Whether another one is asked for."""
    restarts: int = 0
    """Pods that are replaced by pods of it."""
    way: str = ""
    """How they are replaced, in words."""
    paused: bool = False
    """Nothing of it is applied."""

    @property
    def nothing(self) -> bool:
        """Whether nothing would change at all."""
        return not self.fields and not self.children


@dataclass(frozen=True)
class Told:
    """What there is to say of one manifest."""

    owner: Owner
    forecast: Forecast | None = None
    """None where nothing can be foretold, because of what is refused."""
    refused: tuple[str, ...] = ()
    """Why the API server would not take it, or the operator would not apply it."""
    remarks: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether applying it would change anything."""
        return self.forecast is not None and not self.forecast.nothing


def forecast(owner: Owner, before: Manifest | None, after: Manifest, config: Config) -> Forecast:
    """What becomes of an LLMWorker, given as it is and as it would be; `before` is None for one that is to be made.

    Both specs have to be understood already.
    """
    owner = replace(owner, uid=owner.uid or "0")  # where there is no cluster: what has an owner goes with it
    new = _stated(after, before or {})
    asked = LLMWorkerSpec.model_validate(new["spec"])
    wanted = rendered(owner, new["spec"], config)
    if before is None:
        made = () if asked.paused else tuple(ChildChange(kind, owner.name, "create") for kind in wanted)
        return Forecast((), made, paused=asked.paused)
    old = _stated(before, after)
    has = rendered(owner, old["spec"], config)
    fields, template = tuple(_fields(owner, old, new, config)), _template(has)
    if asked.paused:
        return Forecast(fields, (), template, paused=True)
    rolls = template != _template(wanted)
    restarts = min(int(old["spec"]["replicas"]), asked.replicas) if rolls else 0
    way = rolling(asked, restarts) if restarts else ""
    return Forecast(fields, tuple(_children(owner, has, wanted)), template, rolls, restarts, way)


def rolling(spec: LLMWorkerSpec, pods: int) -> str:
    """How that many pods are replaced, in words."""
    if spec.rollout.strategy == "Recreate":
        return "all at once: every pod ends before the new ones come"
    surge = _count(spec.rollout.surge(), pods, up=True)
    missing = _count(spec.rollout.unavailable(), pods, up=False)
    if surge == 0:
        missing = max(missing, 1)  # as the Deployment's controller does, for a roll could not go on
    if missing == 0:
        return f"{_times(surge)}, each new pod serves before an old one leaves"
    spare = f", with up to {surge} more meanwhile" if surge else ", each leaves before its successor comes"
    return f"{_times(missing)}{spare}"


def _times(pods: int) -> str:
    return "one at a time" if pods == 1 else f"{pods} at a time"


def _count(share: int | str, pods: int, *, up: bool) -> int:
    """Pods of a share: Kubernetes rounds a surge up and what may be missing down."""
    if isinstance(share, int):
        return share
    return (int(share.rstrip("%")) * pods + (99 if up else 0)) // 100


def _stated(body: Manifest, other: Manifest) -> dict[str, Any]:
    """The parts that a file states, as the API server would complete them; with a group that the other has, empty, so
    that its fields are told one by one."""
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    groups: dict[str, Any] = {key: {} for key, value in (other.get("spec") or {}).items() if isinstance(value, Mapping)}
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key != names.LAST_APPLIED}
    told = {"labels": metadata.get("labels") or {}, "annotations": annotations}
    return {"metadata": told, "spec": {"replicas": 1, **groups, **spec}}


def _fields(owner: Owner, old: Manifest, new: Manifest, config: Config) -> Iterator[FieldChange]:
    for found in differences(old, new):
        kinds = _touched(owner, found, old, new, config) if found.steps[0] == "spec" else set()
        yield FieldChange(found.path, found.before, found.after, _POD in kinds, tuple(sorted(kinds - {_POD})))


def _touched(owner: Owner, found: Difference, old: Manifest, new: Manifest, config: Config) -> set[str]:
    """Kinds that are others with this change alone, or with all but this one, which another may outdo."""
    kinds: set[str] = set()
    for base, value in ((old, found.after), (new, found.before)):
        with_it = put(base, found.steps, value)["spec"]
        kinds |= _unlike(rendered(owner, base["spec"], config), rendered(owner, with_it, config))
    return kinds


def _unlike(one: Mapping[str, Manifest], other: Mapping[str, Manifest]) -> set[str]:
    kinds = {kind for kind in {*one, *other} if one.get(kind) != other.get(kind)}
    return kinds | ({_POD} if _template(one) != _template(other) else set())


def rendered(owner: Owner, spec: Manifest, config: Config) -> dict[str, Manifest]:
    """The children of a spec by kind."""
    return {child["kind"]: child for child in children(owner, LLMWorkerSpec.model_validate(spec), config)}


def _template(rendered: Mapping[str, Manifest]) -> str:
    found: Any = rendered["Deployment"]
    for step in _HASH:
        found = found[step]
    return str(found)


def _children(owner: Owner, has: Mapping[str, Manifest], wanted: Mapping[str, Manifest]) -> Iterator[ChildChange]:
    for kind in [*has, *(kind for kind in wanted if kind not in has)]:
        if kind not in wanted:
            ours = kind != names.CLAIM or "ownerReferences" in has[kind]["metadata"]
            yield ChildChange(kind, owner.name, "delete" if ours else "keep")
        elif kind not in has:
            yield ChildChange(kind, owner.name, "create")
        elif found := tuple(d for d in differences(has[kind], wanted[kind]) if d.steps != _HASH):
            yield ChildChange(kind, owner.name, "change", found)
