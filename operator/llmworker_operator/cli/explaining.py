"""`explain`: what a variable or a field means, what it may be, and what becomes of it."""

import json
from collections.abc import Sequence
from typing import Final

import click

from llmworker_contract import engines
from llmworker_contract.catalogue import BY_NAME, VARIABLES, Variable
from llmworker_contract.reference import allowed, entry, shown
from llmworker_contract.spelling import REFUSED, RETIRED, doubt, nearest
from llmworker_contract.verdicts import HONOURED, TRANSLATED, verdict

_COLOURS: Final = {HONOURED: "green", TRANSLATED: "cyan"}


def _completions(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    known = [*BY_NAME, *(variable.field for variable in VARIABLES)]
    return [name for name in known if name.lower().startswith(incomplete.lower())]


def _variable(_ctx: click.Context, _param: click.Parameter, text: str | None) -> Variable | None:
    """The variable of a name in any of its spellings."""
    if text is None:
        return None
    path = text.lower()
    found = BY_NAME.get(text.upper()) or next(
        (v for v in VARIABLES if f".{v.field.lower()}".endswith(f".{path}")), None
    )
    if found is None:
        raise click.BadParameter(f"no variable or field {text!r}{_hint(text)}")
    return found


def _hint(text: str) -> str:
    name = text.upper()
    if meant := nearest(name):
        return f": did you mean {meant}?"
    if name in REFUSED:
        return f": it is refused: {REFUSED[name]}"
    found = doubt(name)
    if found is None:
        return ": it is a library's own, and spec.env passes it on"
    return f": {found.message}" if found.reason == RETIRED else "; `llmworker explain` lists them all"


@click.command()
@click.argument("name", metavar="[VARIABLE|FIELD]", required=False, callback=_variable, shell_complete=_completions)
@click.option("--profile", type=click.Choice(engines.names()), help="Only this engine profile.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects with variable, field, type, verdicts, …")
def explain(name: Variable | None, profile: str | None, as_json: bool) -> None:
    """Tell what a VARIABLE or a field of the resource means and what becomes of it; without a name, list them all.

    \b
    Examples:
      llmworker explain MAX_MODEL_LEN
      llmworker explain spec.engine.maxModelLen --profile cpu
      llmworker explain --json
    """
    chosen = [name] if name else sorted(VARIABLES, key=lambda variable: variable.name)
    profiles = [profile] if profile else list(engines.names())
    if as_json:
        click.echo(json.dumps([entry(variable, profiles) for variable in chosen], indent=2))
    elif name:
        _page(name, profiles)
    else:
        _list(chosen, profile or engines.DEFAULT)


def _list(variables: Sequence[Variable], profile: str) -> None:
    rows = [(v.name, v.field, shown(entry(v, [profile])["default"])) for v in variables]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    titles = ("VARIABLE", "FIELD", "DEFAULT")
    heads = "  ".join(title.ljust(width) for title, width in zip(titles, widths, strict=True))
    click.secho(f"{heads}  ON {profile}", bold=True)
    for variable, row in zip(variables, rows, strict=True):
        judged = verdict(variable, engines.profile(profile))
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(f"{cells}  {click.style(judged.verdict, fg=_COLOURS.get(judged.verdict, 'yellow'))}")


def _page(variable: Variable, profiles: Sequence[str]) -> None:
    facts = entry(variable, profiles)
    click.secho(variable.name, bold=True)
    click.echo(f"  {variable.meaning}")
    lines = {
        "field": variable.field,
        "type": allowed(variable) + (f", in {variable.unit}" if variable.unit else ""),
        "documented default": shown(facts["default"]) if variable.documented else "not in the document",
        "unset": variable.unset,
        "0": "means unset" if variable.zero_is_unset else "",
        "also read as": ", ".join(variable.aliases),
        "secret": "only referenced, never copied" if variable.secret else "",
    }
    for title, text in lines.items():
        if text:
            click.echo(f"  {title + ':':<20}{text}")
    for name, judged in facts["verdicts"].items():
        word = click.style(judged["verdict"], fg=_COLOURS.get(judged["verdict"], "yellow"))
        click.echo(f"  {name + ':':<20}{word}, {judged['detail']}")
        if judged["default"] is not None and not variable.secret:
            click.echo(f"  {'':<20}unset: {shown(judged['default'])}, by the {judged['defaultSource']}")
