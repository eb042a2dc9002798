"""The catalogue read as a table: one `Variable` for each field of `settings.py`.

The codec, the engine mapping, the resource's schema and the documentation go through this table, so that a
new field reaches all of them by being declared once.
"""

import types
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from llmworker_contract.markers import (
    Aliases,
    Documented,
    EngineArgument,
    Env,
    NeverExisted,
    Ours,
    Reference,
    Retired,
    Unit,
    Worker,
    ZeroIsUnset,
)
from llmworker_contract.settings import Group, Settings

Kind = Literal["bool", "int", "float", "str", "dict", "tuple", "list"]
"""As the document writes types; `list` is of objects, `tuple` of numbers."""

_KINDS: Final[dict[object, Kind]] = {bool: "bool", int: "int", float: "float", str: "str", SecretStr: "str"}
_Mark = TypeVar("_Mark")


@dataclass(frozen=True)
class Variable:
    """One setting in all its spellings."""

    name: str
    """In the environment, as `MAX_MODEL_LEN`."""
    aliases: tuple[str, ...]
    """Further names of the same, which workers of the document's era read."""
    documented: bool
    """Whether the document lists it."""
    group: str
    """The group's field in `Settings` and in the resource's spec, as `engine`."""
    attribute: str
    """The field in the group's class, as `max_model_len`."""
    field: str
    """The path in the resource, as `spec.engine.maxModelLen`."""
    kind: Kind
    choices: tuple[str | int, ...]
    """The allowed values; empty where the kind and the field's bounds alone decide."""
    bounds: tuple[tuple[str, float], ...]
    """Such as `(">=", 1)`."""
    unit: str | None
    default: str | None
    """What the document promises for the documented images; None where it promises none."""
    zero_is_unset: bool
    engine_argument: str | None
    """The engine argument that carries it; None where the worker itself honours the variable."""
    retired: Retired | None
    never: NeverExisted | None
    secret: bool
    description: str
    annotation: Any
    """The field's type with its bounds, for a pydantic adapter."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the environment, the first of which is written."""
        return (self.name, *self.aliases)

    @property
    def meaning(self) -> str:
        """The description without what unset does."""
        return self.description.partition("Unset:")[0].strip()

    @property
    def unset(self) -> str:
        """What happens when it is unset."""
        return self.description.partition("Unset:")[2].strip()

    def stated(self, settings: Settings) -> Any:
        """The setting's value; None where it is unset."""
        return getattr(getattr(settings, self.group), self.attribute)


def _types(annotation: object) -> list[object]:
    """The plain types in an annotation, without None and without the wrappers that carry bounds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _types(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [t for part in get_args(annotation) for t in _types(part)]
    return [] if annotation is type(None) else [annotation]


def _bounds(annotation: object) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    if get_origin(annotation) is Annotated:
        for mark in getattr(annotation, "__metadata__", ()):
            for part in getattr(mark, "metadata", [mark]):
                found += [(sign, getattr(part, key)) for kind, key, sign in _SIGNS if isinstance(part, kind)]
    if get_origin(annotation) is not tuple:
        found += [bound for part in get_args(annotation) for bound in _bounds(part)]
    return found


_SIGNS: Final = ((Ge, "ge", ">="), (Gt, "gt", ">"), (Le, "le", "<="))


def _kind(annotation: object) -> tuple[Kind, tuple[str | int, ...]]:
    (plain,) = _types(annotation)
    origin = get_origin(plain)
    if origin is Literal:
        choices = get_args(plain)
        return _KINDS[type(choices[0])], choices
    if origin is tuple:
        return "list" if _is_object(get_args(plain)[0]) else "tuple", ()
    if origin is dict or _is_object(plain):
        return "dict", ()
    return _KINDS[plain], ()


def _is_object(plain: object) -> bool:
    return isinstance(plain, type) and issubclass(plain, BaseModel)


def _variable(group: str, attribute: str, field: FieldInfo) -> Variable:
    def mark(kind: type[_Mark]) -> _Mark | None:
        return next((found for found in field.metadata if isinstance(found, kind)), None)

    env, aliases, default, unit = mark(Env), mark(Aliases), mark(Documented), mark(Unit)
    kind, choices = _kind(field.annotation)
    annotation = field.rebuild_annotation()
    return Variable(
        name=env.name if env else attribute.upper(),
        aliases=aliases.names if aliases else (),
        documented=mark(Ours) is None,
        group=group,
        attribute=attribute,
        field=_path(group, attribute, mark(Reference)),
        kind=kind,
        choices=choices,
        bounds=tuple(dict.fromkeys(_bounds(annotation))),
        unit=unit.name if unit else None,
        default=default.default if default else None,
        zero_is_unset=mark(ZeroIsUnset) is not None,
        engine_argument=_argument(attribute, mark(EngineArgument), apart=bool(mark(Worker) or mark(NeverExisted))),
        retired=mark(Retired),
        never=mark(NeverExisted),
        secret=SecretStr in _types(field.annotation),
        description=" ".join((field.description or "").split()),
        annotation=annotation,
    )


def _path(group: str, attribute: str, reference: Reference | None) -> str:
    leaf = to_camel(attribute)
    if reference:
        leaf = (reference.stem or leaf) + reference.suffix
    return f"spec.{group}.{leaf}"


def _argument(attribute: str, mark: EngineArgument | None, *, apart: bool) -> str | None:
    if apart:
        return None
    return mark.name if mark else attribute


def _variables() -> tuple[Variable, ...]:
    found: list[Variable] = []
    for group, group_field in Settings.model_fields.items():
        declared = group_field.annotation
        if not (isinstance(declared, type) and issubclass(declared, Group)):
            raise TypeError(f"settings group {group!r} is not a Group but {declared!r}")
        found += [_variable(group, name, field) for name, field in declared.model_fields.items()]
    return tuple(found)


VARIABLES: Final = _variables()
BY_NAME: Final = {name: variable for variable in VARIABLES for name in variable.names}
"""By every name, aliases included."""

NAMES: Final = frozenset(BY_NAME)
"""Every name that a worker takes from its environment to be a setting."""
