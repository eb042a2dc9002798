"""What becomes of each variable in each engine profile, told before anything starts. Pure.

Derived from the same routes as the command line, that is from the profile's recorded arguments.
"""

from dataclasses import dataclass
from typing import Final, Literal

from llmworker_contract.catalogue import VARIABLES, Variable
from llmworker_contract.engines import EngineProfile
from llmworker_contract.routes import route
from llmworker_contract.settings import Settings

HONOURED: Final = "honoured"
TRANSLATED: Final = "translated"
NO_EFFECT: Final = "no effect"
NEVER: Final = "never had effect"

Kind = Literal["honoured", "translated", "no effect", "never had effect"]


@dataclass(frozen=True)
class Verdict:
    """What becomes of one variable."""

    verdict: Kind
    detail: str
    """By what it is honoured, what it becomes, or why it has no effect and what to do instead."""


def verdict(variable: Variable, profile: EngineProfile) -> Verdict:
    """The verdict on the variable in the profile."""
    if variable.never:
        return Verdict(NEVER, f"no vLLM ever had it: {variable.never.instead}; remove it")
    if variable.engine_argument is None:
        return Verdict(HONOURED, _WORKER.get(variable.name, "by the worker"))
    each = route(variable, profile)
    if each.remark:
        return Verdict(NO_EFFECT, each.remark.detail)
    if each.way is None:
        return Verdict(NO_EFFECT, _missing(variable, profile))
    note = f"; {profile.notes[each.way.argument]}" if each.way.argument in profile.notes else ""
    if profile.stands_for:
        note += f"; by what vLLM {profile.vllm} itself says of its arguments"
    becomes = _WRITTEN.get(variable.name, each.way.becomes)
    return Verdict(HONOURED if each.own else TRANSLATED, f"{becomes}{note}")


def not_honoured(settings: Settings, profile: EngineProfile) -> list[tuple[Variable, Verdict]]:
    """The variables that were set and that this engine does not simply honour, in the catalogue's order."""
    found = [(variable, verdict(variable, profile)) for variable in VARIABLES if variable.stated(settings) is not None]
    return [(variable, judged) for variable, judged in found if judged.verdict != HONOURED]


_WORKER: Final = {
    "HF_TOKEN": "by the Hugging Face client, from the environment and never on a command line",
    "API_KEYS_FILE": "by the worker, which reads the file again when it changes",
}
_WRITTEN: Final = {"CUSTOM_CHAT_TEMPLATE": "--chat-template, by a file that the worker writes"}


def _missing(variable: Variable, profile: EngineProfile) -> str:
    retired = variable.retired
    gone = f" since {retired.version}" if retired and retired.version else ""
    instead = (retired.instead if retired else None) or "remove it, or choose another engine profile"
    return f"vLLM {profile.vllm} has no --{(variable.engine_argument or '').replace('_', '-')}{gone}: {instead}"
