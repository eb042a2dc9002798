"""`llmworker`, also `kubectl llmworker`: what the operator and the worker know and do; only `diff` may ask a cluster.

Exit codes: 0, all is well; 1, problems were found in what was read; 2, the command was not understood.
"""

import click
from click.shell_completion import get_completion_class

from llmworker_operator.cli.diffing import diff
from llmworker_operator.cli.explaining import explain
from llmworker_operator.cli.importing import import_
from llmworker_operator.cli.running import run
from llmworker_operator.cli.showing import env, render, validate

_SHELLS = ("bash", "zsh", "fish")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0, all is well; 1, problems were found in what was read; 2, the command was not understood.",
)
@click.version_option(package_name="llmworker", prog_name="llmworker")
def main() -> None:
    """Look at LLMWorkers and their environment variables, and run them, without a cluster."""


@main.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what completes the command in a shell.

    \b
    Example:
      source <(llmworker completion bash)
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(main, {}, "llmworker", "_LLMWORKER_COMPLETE").source())


for _command in (explain, env, render, validate, diff, import_, run):
    main.add_command(_command)
