"""`diff`: what applying a manifest would change, before it happens."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import click

from llmworker_operator import names
from llmworker_operator.changes import Told, forecast, rendered
from llmworker_operator.cli.documents import Document, documents, file_option
from llmworker_operator.cli.forecasts import entry, lines
from llmworker_operator.config import Config
from llmworker_operator.remarks import conditional, remarks

_DIFFERENT: Final = 1
_FAILED: Final = 2


class _Failed(click.ClickException):
    """Nothing can be told."""

    exit_code = _FAILED


@click.command()
@file_option
@click.option(
    "--against",
    "old_path",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with the LLMWorkers as they are, in the place of a cluster.",
)
@click.option("--context", help="The kubeconfig's context. Unset: the current one.")
@click.option("-n", "--namespace", help="The namespace. Unset: the file's, else the context's.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--worker-repository", help="Where worker images are pulled from. Unset: where the cluster has them from."
)
def diff(
    *,
    paths: Sequence[str],
    old_path: str | None,
    context: str | None,
    namespace: str | None,
    output: str,
    worker_repository: str | None,
) -> None:
    """Tell what applying LLMWorkers would change: by field, with which of them restart pods, and by object.

    Nothing is written: the cluster is asked for what it has, and rehearses the change. Exit code 0, no difference; 1,
    differences; 2, something would be refused, or nothing can be told.

    \b
    Examples:
      llmworker diff -f worker.yaml -n prod
      llmworker diff -f new.yaml --against old.yaml
    """
    found = documents(paths)
    if old_path is None:
        told = _on_cluster(found, context, namespace, worker_repository)
    elif context or namespace:
        raise click.UsageError("--against looks at no cluster: leave --context and --namespace out")
    else:
        olds, config = documents([old_path]), Config(worker_repository=worker_repository or Config.worker_repository)
        told = [_beside(document, olds, config) for document in found]
    _print(told, output)
    if any(each.refused for each in told):
        raise click.exceptions.Exit(_FAILED)
    raise click.exceptions.Exit(_DIFFERENT if any(each.differs for each in told) else 0)


def _print(told: Sequence[Told], output: str) -> None:
    if output == "json":
        click.echo(json.dumps([entry(each) for each in told], indent=2, ensure_ascii=False))
        return
    for each in told:
        for line in lines(each):
            click.echo(line)


def _beside(document: Document, olds: Sequence[Document], config: Config) -> Told:
    """What becomes of the LLMWorker of that name in another file."""
    refused = [str(problem) for problem in (*document.problems, *document.refusals)]
    old = next((old for old in olds if old.owner == document.owner), None)
    if old:
        refused += [f"{old.place}: {problem}" for problem in old.problems]
    if document.problems or (old and old.problems):
        return Told(document.owner, refused=tuple(refused))
    foreseen = forecast(document.owner, old.body if old else None, document.body, config)
    said = tuple(map(str, [*conditional(document.spec), *remarks(document.spec)])) if document.spec else ()
    told = Told(document.owner, foreseen, tuple(refused), said)
    if old is None or not any(child.kind == names.CLAIM and child.action == "change" for child in foreseen.children):
        return told
    try:
        from llmworker_operator.preview import unchangeable  # noqa: PLC0415  (only here, as below)
    except ImportError as error:
        return replace(
            told,
            remarks=(
                *said,
                f"whether the claim can become so is not known: {error}; install '.[operator]'",
            ),
        )
    has, wanted = (rendered(each.owner, each.body["spec"], config)[names.CLAIM] for each in (old, document))
    return replace(told, refused=(*refused, *unchangeable(has, wanted)))


def _on_cluster(
    found: Sequence[Document], context: str | None, namespace: str | None, image_repository: str | None
) -> list[Told]:
    for document in found:
        if namespace and document.namespace not in {None, namespace}:
            raise click.UsageError(f"{document.place}: its namespace is {document.namespace}, not {namespace}")
    try:
        from llmworker_operator import preview  # noqa: PLC0415  (only here, for it takes the cluster's client)
    except ImportError as error:
        raise _Failed(f"{error}: to look at a cluster, install '.[operator]'; --against needs none") from error
    asked = [document for document in found if not document.problems]
    try:
        bodies = [document.body for document in asked]
        told = iter(asyncio.run(preview.foretold(bodies, context, namespace, image_repository)))
    except preview.Unreachable as error:
        raise _Failed(str(error)) from error
    # What is known to be wrong here has the better words: the cluster is not asked for its own.
    return [Told(each.owner, refused=tuple(map(str, each.problems))) if each.problems else next(told) for each in found]
