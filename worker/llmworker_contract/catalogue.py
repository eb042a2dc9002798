"""The catalogue read as a table: one `Variable` for each field of `settings.py`.

The codec, the engine mapping, the resource's schema and the documentation go through this table, so that a
new field reaches all of them by being declared once.
"""

import types
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from llmworker_contract.settings import Documented, EngineArgument, Env, Group, Settings, Worker

Kind = Literal["bool", "int", "float", "str"]
_KINDS: Final[dict[object, Kind]] = {bool: "bool", int: "int", float: "float", str: "str", SecretStr: "str"}


@dataclass(frozen=True)
class Variable:
    """One setting in all its spellings."""

    name: str
    """In the environment, as `MAX_MODEL_LEN`."""
    group: str
    """The group's field in `Settings` and in the resource's spec, as `engine`."""
    attribute: str
    """The field in the group's class, as `max_model_len`."""
    kind: Kind
    choices: tuple[str | int, ...]
    """The allowed values; empty where the kind and the field's bounds alone decide."""
    default: str | None
    """What the document promises for the documented images; None where it promises none."""
    engine_argument: str | None
    """The engine argument that carries it; None where the worker itself honours the variable."""
    secret: bool
    description: str
    annotation: Any
    """The field's type with its bounds, for a pydantic adapter."""

    @property
    def field(self) -> str:
        """The path in the resource, as `spec.engine.maxModelLen`."""
        leaf = to_camel(self.attribute) + ("SecretRef" if self.secret else "")
        return f"spec.{self.group}.{leaf}"


def _types(annotation: object) -> list[object]:
    """The plain types in an annotation, without None and without the wrappers that carry bounds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _types(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [t for part in get_args(annotation) for t in _types(part)]
    return [] if annotation is type(None) else [annotation]


def _kind(annotation: object) -> tuple[Kind, tuple[str | int, ...]]:
    (plain,) = _types(annotation)
    if get_origin(plain) is Literal:
        choices = get_args(plain)
        return _KINDS[type(choices[0])], choices
    return _KINDS[plain], ()


def _variable(group: str, attribute: str, field: FieldInfo) -> Variable:
    marks = {type(mark): mark for mark in field.metadata}
    kind, choices = _kind(field.annotation)
    return Variable(
        name=marks[Env].name if Env in marks else attribute.upper(),
        group=group,
        attribute=attribute,
        kind=kind,
        choices=choices,
        default=marks[Documented].default if Documented in marks else None,
        engine_argument=None
        if Worker in marks
        else (marks[EngineArgument].name if EngineArgument in marks else attribute),
        secret=SecretStr in _types(field.annotation),
        description=field.description or "",
        annotation=field.rebuild_annotation(),
    )


def _variables() -> tuple[Variable, ...]:
    found: list[Variable] = []
    for group, group_field in Settings.model_fields.items():
        declared = group_field.annotation
        if not (isinstance(declared, type) and issubclass(declared, Group)):
            raise TypeError(f"settings group {group!r} is not a Group but {declared!r}")
        found += [_variable(group, name, field) for name, field in declared.model_fields.items()]
    return tuple(found)


VARIABLES: Final = _variables()
BY_NAME: Final = {variable.name: variable for variable in VARIABLES}
