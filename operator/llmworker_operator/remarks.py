"""What is accepted and may yet not be what was meant: told in the status, by events and on the command line. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmworker_contract.problems import Problem
from llmworker_contract.spelling import doubt
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.validation import forbidden


@dataclass(frozen=True)
class Remark:
    """One thing that somebody should look at."""

    reason: str
    """In one CamelCase word that programs may rely on."""
    field: str
    message: str
    """Why, and what to do."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def remarks(spec: LLMWorkerSpec) -> Iterator[Remark]:
    """All of them, in the order of the spec."""
    for variable in spec.env:
        found = doubt(variable.name)
        if found:
            yield Remark(found.reason, f"spec.env[{variable.name}]", found.message)


def conditional(spec: LLMWorkerSpec) -> list[Problem]:
    """What an operator allows only where its own settings say so, which nobody without a cluster can know."""
    note = "a cluster's operator refuses it, unless its chart has worker.allowTrustRemoteCode=true"
    return [Problem(against.variable, note) for against in forbidden(spec, Config())]
