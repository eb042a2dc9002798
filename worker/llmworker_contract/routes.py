"""How a setting reaches an engine: which argument carries it there, by the profile's own list. Pure.

`argv.py` writes the command line and `verdicts.py` the verdicts from the same routes, so they cannot disagree.
A setting has one or more ways, the first of which the profile has is taken; its own argument comes first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmworker_contract.catalogue import VARIABLES, Variable
from llmworker_contract.engines import EngineProfile, Remark

NGRAM: Final = "[ngram]"
"""What the document's era calls drafts from the prompt itself, in the place of a draft model."""

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Way:
    """One argument that can carry a setting, whole or under a key of its JSON object."""

    argument: str
    key: str | None = None
    convert: Convert = lambda value: value
    """From the setting's value to the argument's; None where nothing has to be passed."""
    says: str | None = None
    """What it becomes, where argument and key do not tell it."""

    def exists(self, profile: EngineProfile) -> bool:
        """Whether this engine has the argument, and the key if its keys are known."""
        if self.argument not in profile.arguments:
            return False
        keys = profile.configs.get(self.argument)
        return self.key is None or keys is None or self.key in keys

    @property
    def becomes(self) -> str:
        """What the setting is turned into, in words."""
        flag = f"--{self.argument.replace('_', '-')}"
        return self.says or (flag if self.key is None else f"the key {self.key} of {flag}")


@dataclass(frozen=True)
class Route:
    """What happens to a setting in one profile."""

    variable: Variable
    way: Way | None
    """None where no argument of this engine carries it."""
    own: bool
    """Whether it is the argument that the setting is named for."""
    remark: Remark | None = None

    @property
    def passed(self) -> bool:
        """Whether the engine is given it."""
        return self.way is not None and (self.remark is None or self.remark.passed)


def route(variable: Variable, profile: EngineProfile) -> Route:
    """The way that the variable takes in the profile."""
    for number, way in enumerate(ways(variable)):
        if way.exists(profile):
            remark = profile.remarks.get(way.argument) if number == 0 else None
            return Route(variable, way, own=number == 0, remark=remark)
    return Route(variable, None, own=False)


def ways(variable: Variable) -> tuple[Way, ...]:
    """All ways, the variable's own argument first; none for what the worker itself honours."""
    if variable.engine_argument is None:
        return ()
    return (_OWN.get(variable.name, Way(variable.engine_argument)), *_TRANSLATIONS.get(variable.name, ()))


def _speculative(key: str, convert: Convert = lambda value: value) -> tuple[Way, ...]:
    return (Way("speculative_config", key, convert),)


def _save_is_swap(value: str) -> str:
    return "swap" if value == "save" else value


def _rope(value: Mapping[str, Any]) -> dict[str, Any]:
    """With the key rope_type, which newer releases want in the place of type, and with factors as floats: vLLM 0.32
    dies of "factor": 2, and 2 is what an API server stores of 2.0."""
    kind = value.get("rope_type", value.get("type"))
    rest = {key: item for key, item in value.items() if key not in {"rope_type", "type"}}
    named = rest if kind is None else {"rope_type": kind, **rest}
    return {key: float(item) if "factor" in key and isinstance(item, int) else item for key, item in named.items()}


ROPE_PARAMETERS: Final = "rope_parameters"
"""The key of --hf-overrides that replaces all that the model says of its rotary embedding."""

_ROPE_BECOMES: Final = (
    "a part of the key rope_parameters of --hf-overrides, which replaces all that the model says of it: state "
    "ROPE_SCALING and ROPE_THETA together"
)


_OWN: Final[Mapping[str, Way]] = {
    "PREEMPTION_MODE": Way("preemption_mode", convert=_save_is_swap),
    "ROPE_SCALING": Way("rope_scaling", convert=_rope),
}

_TRANSLATIONS: Final[Mapping[str, tuple[Way, ...]]] = {
    "GUIDED_DECODING_BACKEND": (Way("structured_outputs_config", "backend"),),
    "WORKER_USE_RAY": (
        Way(
            "distributed_executor_backend",
            convert=lambda value: "ray" if value else None,
            says="--distributed-executor-backend=ray",
        ),
    ),
    "ROPE_SCALING": (Way("hf_overrides", ROPE_PARAMETERS, _rope, _ROPE_BECOMES),),
    "ROPE_THETA": (Way("hf_overrides", ROPE_PARAMETERS, lambda value: {"rope_theta": value}, _ROPE_BECOMES),),
    "SPECULATIVE_MODEL": _speculative("model"),
    "NUM_SPECULATIVE_TOKENS": _speculative("num_speculative_tokens"),
    "SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE": _speculative("draft_tensor_parallel_size"),
    "SPECULATIVE_MAX_MODEL_LEN": _speculative("max_model_len"),
    "SPECULATIVE_DISABLE_BY_BATCH_SIZE": _speculative("disable_by_batch_size"),
    "NGRAM_PROMPT_LOOKUP_MAX": _speculative("prompt_lookup_max"),
    "NGRAM_PROMPT_LOOKUP_MIN": _speculative("prompt_lookup_min"),
    "SPEC_DECODING_ACCEPTANCE_METHOD": _speculative("acceptance_method"),
    "TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_THRESHOLD": _speculative("posterior_threshold"),
    "TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA": _speculative("posterior_alpha"),
    **dict.fromkeys(
        ("DISABLE_LOG_REQUESTS", "DISABLE_LOGGING_REQUEST"),
        (Way("enable_log_requests", convert=lambda value: not value, says="--enable-log-requests, turned round"),),
    ),
}

ROUTED: Final = tuple(variable for variable in VARIABLES if variable.engine_argument is not None)
"""The variables that are an engine's affair."""
