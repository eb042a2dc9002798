"""`env`, `render` and `validate`: what becomes of a manifest."""

import json
from collections.abc import Sequence

import click

from llmworker_contract.verdicts import NEVER, NO_EFFECT, not_honoured
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.cli.documents import Document, documents, file_option, report, sound, tell_remarks
from llmworker_operator.config import Config
from llmworker_operator.render import children
from llmworker_operator.render.env import Entry, entries
from llmworker_operator.yaml_text import yaml_text


@click.command()
@file_option
@click.option("--json", "as_json", is_flag=True, help="A list of objects with name, value or valueFrom, and field.")
@click.option("--name", help="Only the LLMWorker of this name; needed for --json where there are several.")
def env(paths: Sequence[str], as_json: bool, name: str | None) -> None:
    """Print the environment of an LLMWorker's container: each variable, its value or reference, and its field.

    \b
    Example:
      llmworker env -f worker.yaml
    """
    found = [document for document in sound(paths) if name in {None, document.owner.name}]
    if not found:
        raise click.UsageError(f"no LLMWorker is named {name}")
    if as_json and len(found) > 1:
        raise click.UsageError(f"choose one with --name: {', '.join(document.owner.name for document in found)}")
    for document in found:
        listed = entries(_spec(document))
        if as_json:
            click.echo(json.dumps([{**entry.variable, "field": entry.field} for entry in listed], indent=2))
            continue
        if len(found) > 1:
            click.secho(f"# {document.owner.name}", bold=True)
        for entry in listed:
            click.echo(f"{_assignment(entry)}  {click.style(f'# {entry.field}', dim=True)}")


@click.command()
@file_option
@click.option(
    "--worker-repository",
    default=Config.worker_repository,
    show_default=True,
    help="Where worker images are pulled from, as in the chart's worker.repository.",
)
@click.option(
    "--operator-namespace",
    default=Config.pod_namespace,
    help="Where the operator's pod is, which network policies let in. Unset: nowhere.",
)
def render(paths: Sequence[str], worker_repository: str, operator_namespace: str) -> None:
    """Print the objects that the operator makes of an LLMWorker, as YAML, without their owner reference.

    \b
    Example:
      llmworker render -f worker.yaml | kubectl diff -f -
    """
    config = Config(worker_repository=worker_repository, pod_namespace=operator_namespace)
    objects = [child for found in sound(paths) for child in children(found.owner, _spec(found), config)]
    click.echo(yaml_text(*objects), nl=False)


@click.command()
@file_option
def validate(paths: Sequence[str]) -> None:
    """Check LLMWorkers as the API server, the operator and the engine would; print all problems at once.

    Settings that have no effect on the chosen engine, and variables that nobody reads, are told as well, and are no
    problems. Exit code 1 with any
    problem.

    \b
    Example:
      llmworker validate -f worker.yaml
    """
    found = documents(paths)
    problems = report(found)
    tell_remarks(found)
    for document in found:
        if document.spec is not None:
            _tell_effects(document, document.spec)
    if problems:
        click.secho(f"{problems} {'problem' if problems == 1 else 'problems'}", fg="red", err=True)
        raise click.exceptions.Exit(1)
    click.secho(f"{len(found)} sound: {', '.join(document.owner.name for document in found)}", fg="green")


def _tell_effects(document: Document, spec: LLMWorkerSpec) -> None:
    for variable, judged in not_honoured(spec.settings(), spec.image.engine_profile()):
        if judged.verdict in {NO_EFFECT, NEVER}:
            text = f"{document.place}: {variable.field}: {judged.verdict}: {judged.detail}"
            click.secho(text, fg="yellow", err=True)


def _spec(document: Document) -> LLMWorkerSpec:
    if document.spec is None:
        raise TypeError(f"{document.place} was taken for sound")
    return document.spec


def _assignment(entry: Entry) -> str:
    name = click.style(entry.variable["name"], fg="cyan")
    if "valueFrom" in entry.variable:
        return f"{name} from {json.dumps(entry.variable['valueFrom'])}"
    return f"{name}={entry.variable.get('value', '')}"
