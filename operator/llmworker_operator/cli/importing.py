"""`import`: an existing environment becomes an LLMWorker, with notes on what does not simply carry over."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from llmworker_contract import engines
from llmworker_contract.catalogue import BY_NAME, VARIABLES, Variable
from llmworker_contract.codec import read
from llmworker_contract.settings import Settings, public_values
from llmworker_contract.spelling import ERA, REFUSED, doubt
from llmworker_contract.values import unset
from llmworker_contract.verdicts import not_honoured
from llmworker_operator import names
from llmworker_operator.cli.env_file import variables
from llmworker_operator.yaml_text import yaml_text


@click.command("import")
@click.option(
    "--env-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Lines of NAME=value, as `docker run --env-file` takes them; - is standard input.",
)
@click.option("--name", default="imported", show_default=True, help="The LLMWorker's name.")
@click.option("--profile", type=click.Choice(engines.names()), help="The engine profile. Unset: the default image.")
def import_(env_file: str, name: str, profile: str | None) -> None:
    """Print the LLMWorker that an existing environment asks for; notes go to standard error.

    Variables that no field sets go to spec.env. A secret's value is never copied: the notes tell which Secret to
    create. Exit code 1, and nothing on standard output, if the environment has problems.

    \b
    Example:
      llmworker import --env-file worker.env --name chat > chat.yaml
    """
    with click.open_file(env_file) as file:
        given, unread = variables(file)
    settings, problems = read({key: value for key, value in given.items() if key not in ERA})
    problems = [*unread, *problems]
    for problem in problems:
        click.secho(f"{env_file}: {problem}", fg="red", err=True)
    if problems:
        raise click.exceptions.Exit(1)
    for note in _notes(settings, given, name, engines.profile(profile or engines.DEFAULT)):
        click.secho(note, fg="yellow", err=True)
    click.echo(yaml_text(worker(settings, given, name, profile)), nl=False)


def worker(settings: Settings, given: Mapping[str, str], name: str, profile: str | None) -> dict[str, Any]:
    """The manifest of an LLMWorker for these settings and the other variables that were given beside them."""
    spec: dict[str, Any] = public_values(settings)
    for variable in VARIABLES:
        if _in_a_secret(variable) and variable.stated(settings) is not None:
            reference = {"name": _secret_name(name), "key": variable.name}
            spec.setdefault(variable.group, {})[variable.field.rpartition(".")[2]] = reference
    known = {*BY_NAME, *ERA, *REFUSED}
    free = [{"name": key, "value": value} for key, value in given.items() if key not in known]
    if profile:
        spec["image"] = {"profile": profile}
    if free:
        spec["env"] = free
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": spec}


def _notes(settings: Settings, given: Mapping[str, str], name: str, profile: engines.EngineProfile) -> Iterator[str]:
    secrets = [variable for variable in VARIABLES if _in_a_secret(variable) and variable.stated(settings) is not None]
    if secrets:
        sources = " ".join(
            f"--from-literal={v.name}=…" if v.secret else f"--from-file={v.name}={v.stated(settings)}" for v in secrets
        )
        yield f"note: create the Secret yourself: kubectl create secret generic {_secret_name(name)} {sources}"
    if settings.model.custom_chat_template_file is not None:
        yield (
            "note: CUSTOM_CHAT_TEMPLATE_FILE was left out: put the file into a ConfigMap and name its key in "
            "spec.model.customChatTemplateConfigMapRef"
        )
    for key in sorted(given):
        if key in ERA:
            yield f"note: {key} was left out, no worker of ours reads it: {ERA[key]}"
        elif key not in BY_NAME and key not in REFUSED:
            found = doubt(key)
            yield f"note: {key} is no setting of a worker and went to spec.env as it is"
            if found:
                yield f"note: {found.message}"
        elif unset(given[key]):
            yield f"note: {key} is empty, which means unset"
        elif key != BY_NAME[key].name:
            yield f"note: {key} became {BY_NAME[key].name}"
    for variable, judged in not_honoured(settings, profile):
        yield f"note: {variable.name} on {profile.name}: {judged.verdict}: {judged.detail}"


def _in_a_secret(variable: Variable) -> bool:
    """Whether the resource takes it from a Secret: a secret's value, or a file of secrets."""
    return variable.secret or variable.name == "API_KEYS_FILE"


def _secret_name(name: str) -> str:
    return f"{name}-secrets"
