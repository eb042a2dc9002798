"""What can be said of a group of settings, once and for two readers: CEL for the API server, a test in Python.

In CEL `self` is the group; an unset field is absent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from llmworker_contract.catalogue import VARIABLES

Values = dict[str, Any]
"""What a group states, by attribute; None where unset."""

FIELDS: Final = {(v.group, v.attribute): v.field.rpartition(".")[2] for v in VARIABLES}
"""The last part of each setting's field in the resource, by group and attribute."""


@dataclass(frozen=True)
class Expr:
    """Something that is true of a group or not."""

    cel: str
    holds: Callable[[Values], bool]

    def __or__(self, other: "Expr") -> "Expr":
        return Expr(f"{_term(self.cel)} || {_term(other.cel)}", lambda v: self.holds(v) or other.holds(v))

    def __and__(self, other: "Expr") -> "Expr":
        return Expr(f"{_term(self.cel)} && {_term(other.cel)}", lambda v: self.holds(v) and other.holds(v))

    def __invert__(self) -> "Expr":
        return Expr(f"!{_term(self.cel)}", lambda v: not self.holds(v))


def _term(cel: str) -> str:
    return f"({cel})" if " " in cel else cel


def _self(group: str, attribute: str) -> str:
    return f"self.{FIELDS[group, attribute]}"


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)


def stated(group: str, attribute: str) -> Expr:
    """The setting is set."""
    return Expr(f"has({_self(group, attribute)})", lambda v: v[attribute] is not None)


def equals(group: str, attribute: str, *values: Any) -> Expr:
    """The setting is set to one of the values."""
    field = _self(group, attribute)
    test = " || ".join(f"{field} == {_literal(value)}" for value in values)
    return Expr(f"has({field}) && {_term(test) if len(values) > 1 else test}", lambda v: v[attribute] in values)


def differs(group: str, attribute: str, default: Any) -> Expr:
    """The setting is set to something else than the documented default."""
    return stated(group, attribute) & ~equals(group, attribute, default)


def at_most(group: str, low: str, high: str, default: int | None = None) -> Expr:
    """The first number is at most the second, for which the default stands in where there is one."""
    one, other = _self(group, low), _self(group, high)
    if default is None:
        return Expr(
            f"!has({one}) || !has({other}) || {one} <= {other}",
            lambda v: v[low] is None or v[high] is None or v[low] <= v[high],
        )
    return Expr(
        f"!has({one}) || {one} <= (has({other}) ? {other} : {default})",
        lambda v: v[low] is None or v[low] <= (default if v[high] is None else v[high]),
    )


def same(group: str, one: str, other: str) -> Expr:
    """Not both are set, or to the same."""
    a, b = _self(group, one), _self(group, other)
    return Expr(
        f"!has({a}) || !has({b}) || {a} == {b}", lambda v: v[one] is None or v[other] is None or v[one] == v[other]
    )


def one_or_as_many(group: str, one: str, other: str) -> Expr:
    """The first number is 1 or equals the second, which is 1 where it is unset."""
    a, b = _self(group, one), _self(group, other)
    return Expr(
        f"!has({a}) || {a} == 1 || (has({b}) && {a} == {b})", lambda v: v[one] in {None, 1} or v[one] == v[other]
    )
