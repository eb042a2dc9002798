"""Whether a chat template compiles, found out before the engine starts.

vLLM compiles it at the first request: a worker with a broken one gets ready and then refuses every chat.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jinja2 import ext, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llmworker_contract.problems import Problem
from llmworker_contract.settings import Settings


class _Generation(ext.Extension):
    """The block `{% generation %}`, which transformers adds to Jinja: compiled as there, and never rendered here."""

    tags = {"generation"}  # noqa: RUF012 - as the base class has it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_generation_support"), [], [], body).set_lineno(line)


_AS_TRANSFORMERS: Final = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, ext.loopcontrols]
)
"""Jinja as transformers sets it up in `utils/chat_template_utils.py`; importing that would take seconds."""


def fault(template: str) -> str | None:
    """Why the template does not compile, in Jinja's words with the line; None if it does."""
    try:
        _AS_TRANSFORMERS.from_string(template)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    except (SyntaxError, RecursionError) as error:  # Python's own limits on what is nested
        return str(error)
    return None


def problems(settings: Settings) -> list[Problem]:
    """What is wrong with the template that the settings hold, or with the file that they name."""
    return [*_inline(settings), *_file(settings)]


def _inline(settings: Settings) -> Iterator[Problem]:
    template = settings.model.custom_chat_template
    if template is not None and (found := fault(template)):
        yield Problem("CUSTOM_CHAT_TEMPLATE", f"expected a Jinja template, but it does not compile: {found}")


def _file(settings: Settings) -> Iterator[Problem]:
    name = settings.model.custom_chat_template_file
    if name is None or "/" not in name:  # newer releases know templates of their own by name
        return
    try:
        found = fault(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        yield Problem("CUSTOM_CHAT_TEMPLATE_FILE", f"expected a file that can be read, got {name}: {error}")
        return
    if found:
        yield Problem(
            "CUSTOM_CHAT_TEMPLATE_FILE", f"expected a Jinja template in {name}, but it does not compile: {found}"
        )
