"""LLMWorkers out of YAML files: the edge of the commands that read manifests."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import click
import yaml

from llmworker_contract.problems import Problem
from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.owner import Owner
from llmworker_operator.remarks import conditional, remarks
from llmworker_operator.validation import InvalidSpec, parsed, refusals

_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

file_option = click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="File with LLMWorkers, several times if needed; - is standard input.",
)


@dataclass(frozen=True)
class Document:
    """One LLMWorker of a file, understood or not."""

    place: str
    """File and number, for messages."""
    owner: Owner
    spec: LLMWorkerSpec | None
    problems: tuple[Problem, ...]
    """Because of which it is not understood."""
    refusals: tuple[Problem, ...] = ()
    """Because of which its engine would not run."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """As the file has it."""

    @property
    def namespace(self) -> str | None:
        """The namespace, if the file states one."""
        metadata = self.body.get("metadata")
        found = metadata.get("namespace") if isinstance(metadata, dict) else None
        return None if found is None else str(found)


def documents(paths: Sequence[str]) -> list[Document]:
    """All LLMWorkers of the files. Raises `click.UsageError` if there are none, or if a file is not YAML."""
    found = [document for path in paths for document in _documents(path)]
    if not found:
        raise click.UsageError(f"no {names.KIND} in {', '.join(paths)}")
    return found


def sound(paths: Sequence[str], *, for_engine: bool = True) -> list[Document]:
    """All LLMWorkers of the files. Prints every problem; ends with exit code 1 if one of them is not understood.

    `for_engine`: whether what only the engine refuses is printed, too.
    """
    found = documents(paths)
    report(found, for_engine=for_engine)
    tell_remarks(found)
    if any(document.spec is None or document.problems for document in found):
        raise click.exceptions.Exit(1)
    return found


def report(found: Sequence[Document], *, for_engine: bool = True) -> int:
    """Print every problem to standard error, by place and field; how many there are.

    What an operator allows only where it is told to is said as well, and is no problem here.
    """
    told = [(document, (*document.problems, *(document.refusals if for_engine else ()))) for document in found]
    problems = [(document.place, problem) for document, its in told for problem in its]
    for place, problem in problems:
        click.secho(f"{place}: {problem}", fg="red", err=True)
    for document in found:
        for against in conditional(document.spec) if document.spec else ():
            click.secho(f"{document.place}: {against}", fg="yellow", err=True)
    return len(problems)


def tell_remarks(found: Sequence[Document]) -> None:
    """Print to standard error what is no problem and may not be what was meant."""
    for document in found:
        for remark in remarks(document.spec) if document.spec else ():
            click.secho(f"{document.place}: {remark}", fg="yellow", err=True)


def _documents(path: str) -> Iterator[Document]:
    try:
        with click.open_file(path) as file:
            parts = list(yaml.safe_load_all(file))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is not YAML: {error}") from error
    for number, part in enumerate(_items(parts), 1):
        if isinstance(part, dict) and part.get("kind") == names.KIND:
            yield _document(f"{path}#{number}" if len(parts) > 1 else path, part)
        elif part is not None:
            kind = part.get("kind") if isinstance(part, dict) else type(part).__name__
            sys.stderr.write(f"{path}: left alone: {kind}\n")


def _items(parts: Sequence[Any]) -> Iterator[Any]:
    for part in parts:
        listed = isinstance(part, dict) and part.get("kind") in {"List", f"{names.KIND}List"}
        yield from part.get("items", []) if listed else [part]


def _document(place: str, body: dict[str, Any]) -> Document:
    problems = list(_identity_problems(body))
    given = body.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    spec = None
    try:
        spec = parsed(body.get("spec") or {})
    except InvalidSpec as error:
        problems += error.problems
    owner = Owner(str(metadata.get("name", "")), str(metadata.get("namespace", "default")))
    return Document(place, owner, spec, tuple(problems), tuple(refusals(spec)) if spec else (), body)


def _identity_problems(body: dict[str, Any]) -> Iterator[Problem]:
    if body.get("apiVersion") != names.API_VERSION:
        yield Problem("apiVersion", f"expected {names.API_VERSION}, got {body.get('apiVersion')!r}")
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield Problem(
            "metadata.name",
            "also names a Service: expected at most 63 characters, beginning with a letter, then letters, digits and "
            f"dashes, got {name!r}",
        )
    for key in sorted(body.keys() - {"apiVersion", "kind", "metadata", "spec", "status"}):
        yield Problem(str(key), "is not a field: remove it")
