"""Rules between settings, each written once and held by the resource's schema and by the worker alike.

A value that equals the documented default breaks no rule about what it would need, since environments are often
written out whole. Each rule has a sentence that says what to change; the names in its braces are spelt as
variables or as fields, by who reads it. The rule about GPUs is in `gpus.py`: it is between a setting and the pod.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.expressions import FIELDS, Expr, at_most, differs, equals, one_or_as_many, same, stated
from llmworker_contract.problems import Problem
from llmworker_contract.settings import Settings
from llmworker_contract.values import documented_default

_VARIABLES: Final = {(variable.group, variable.attribute): variable for variable in VARIABLES}


@dataclass(frozen=True)
class Rule:
    """One rule of one group."""

    group: str
    about: tuple[str, ...]
    """The attributes it is about; the first is the one that a problem is reported for."""
    expr: Expr
    sentence: str

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables it is about."""
        return frozenset(_VARIABLES[self.group, attribute].name for attribute in self.about)

    @property
    def message(self) -> str:
        """The sentence in the resource's words."""
        return self.sentence.format_map({attribute: FIELDS[self.group, attribute] for attribute in self.about})

    def in_environment(self) -> Problem:
        """The problem in the environment's words."""
        words = {attribute: _VARIABLES[self.group, attribute].name for attribute in self.about}
        return Problem(words[self.about[0]], self.sentence.format_map(words))

    def in_resource(self) -> Problem:
        """The problem in the resource's words."""
        return Problem(_VARIABLES[self.group, self.about[0]].field, self.message)


def broken(settings: Settings) -> list[Rule]:
    """The rules that the settings break."""
    values = {group: dict(getattr(settings, group)) for group in type(settings).model_fields}
    return [rule for rule in RULES if not rule.expr.holds(values[rule.group])]


def cel(group: str) -> list[dict[str, str]]:
    """The group's rules as `x-kubernetes-validations`."""
    return [{"rule": rule.expr.cel, "message": rule.message} for rule in RULES if rule.group == group]


def _lora() -> Iterator[Rule]:
    on = equals("engine", "enable_lora", True)
    sentence = "{%s} has no effect without {enable_lora}: set {enable_lora} to true, or remove {%s}"
    for name in ("max_loras", "max_lora_rank", "lora_extra_vocab_size", "lora_dtype", "fully_sharded_loras"):
        yield Rule("engine", (name, "enable_lora"), ~_chosen(name) | on, sentence % (name, name))
    for name in ("lora_modules", "long_lora_scaling_factors", "max_cpu_loras"):
        yield Rule("engine", (name, "enable_lora"), ~stated("engine", name) | on, sentence % (name, name))
    yield Rule(
        "engine",
        ("max_cpu_loras", "max_loras"),
        at_most("engine", "max_loras", "max_cpu_loras"),
        "{max_cpu_loras} must be at least {max_loras}: raise {max_cpu_loras}, or remove it",
    )


def _speculative() -> Iterator[Rule]:
    model, ngram = stated("engine", "speculative_model"), stated("engine", "ngram_prompt_lookup_max")
    by_prompt = equals("engine", "speculative_model", "[ngram]")
    whose = ("speculative_model", "ngram_prompt_lookup_max")
    sentence = (
        "{%s} has no effect without {speculative_model} or {ngram_prompt_lookup_max}: set one of them, or remove {%s}"
    )
    for name in (
        "num_speculative_tokens",
        "speculative_draft_tensor_parallel_size",
        "speculative_max_model_len",
        "speculative_disable_by_batch_size",
    ):
        yield Rule("engine", (name, *whose), ~stated("engine", name) | model | ngram, sentence % (name, name))
    name = "spec_decoding_acceptance_method"
    yield Rule("engine", (name, *whose), ~_chosen(name) | model | ngram, sentence % (name, name))
    yield Rule(
        "engine",
        whose,
        ~by_prompt | ngram,
        "{speculative_model} [ngram] needs {ngram_prompt_lookup_max}: set it, to 4 for instance",
    )
    yield Rule(
        "engine",
        ("ngram_prompt_lookup_max", "speculative_model"),
        ~(ngram & model) | by_prompt,
        "{ngram_prompt_lookup_max} is for drafts from the prompt, not from a model: remove it, or set "
        "{speculative_model} to [ngram]",
    )
    yield Rule(
        "engine",
        ("ngram_prompt_lookup_max", "num_speculative_tokens"),
        ~ngram | stated("engine", "num_speculative_tokens"),
        "{ngram_prompt_lookup_max} needs {num_speculative_tokens}: set it, to 5 for instance",
    )
    yield from _speculative_numbers(ngram)


def _speculative_numbers(ngram: Expr) -> Iterator[Rule]:
    yield Rule(
        "engine",
        ("ngram_prompt_lookup_min", "ngram_prompt_lookup_max"),
        (~stated("engine", "ngram_prompt_lookup_min") | ngram)
        & at_most("engine", "ngram_prompt_lookup_min", "ngram_prompt_lookup_max"),
        "{ngram_prompt_lookup_min} needs {ngram_prompt_lookup_max}, and may not be above it: correct one of them",
    )
    yield Rule(
        "engine",
        ("speculative_draft_tensor_parallel_size", "tensor_parallel_size"),
        one_or_as_many("engine", "speculative_draft_tensor_parallel_size", "tensor_parallel_size"),
        "{speculative_draft_tensor_parallel_size} must be 1 or equal {tensor_parallel_size}: change it, or remove it",
    )
    typical = equals("engine", "spec_decoding_acceptance_method", "typical_acceptance_sampler")
    for name in (
        "typical_acceptance_sampler_posterior_threshold",
        "typical_acceptance_sampler_posterior_alpha",
    ):
        yield Rule(
            "engine",
            (name, "spec_decoding_acceptance_method"),
            ~stated("engine", name) | typical,
            f"{{{name}}} needs {{spec_decoding_acceptance_method}} typical_acceptance_sampler: set that, or remove "
            f"{{{name}}}",
        )


def _precision() -> Iterator[Rule]:
    yield Rule(
        "engine",
        ("quantization_param_path", "kv_cache_dtype"),
        ~stated("engine", "quantization_param_path") | equals("engine", "kv_cache_dtype", "fp8"),
        "{quantization_param_path} holds scales of an fp8 KV cache: set {kv_cache_dtype} to fp8, or remove it",
    )
    yield Rule(
        "engine",
        ("quantization", "dtype"),
        ~stated("engine", "quantization") | ~equals("engine", "dtype", "float", "float32"),
        "{quantization} cannot run with {dtype} float32: remove {dtype}, or set it to half",
    )


def _scheduling() -> Iterator[Rule]:
    yield Rule(
        "engine",
        ("max_num_batched_tokens", "max_num_seqs"),
        at_most("engine", "max_num_seqs", "max_num_batched_tokens"),
        "{max_num_batched_tokens} must be at least {max_num_seqs}: raise it, or lower {max_num_seqs}",
    )
    yield Rule(
        "engine",
        ("max_num_batched_tokens", "max_model_len", "enable_chunked_prefill"),
        ~equals("engine", "enable_chunked_prefill", False)
        | at_most("engine", "max_model_len", "max_num_batched_tokens"),
        "{max_num_batched_tokens} must be at least {max_model_len} while {enable_chunked_prefill} is off: raise it, "
        "or set {enable_chunked_prefill} to true",
    )
    yield Rule(
        "engine",
        ("worker_use_ray", "distributed_executor_backend"),
        ~(equals("engine", "worker_use_ray", True) & equals("engine", "distributed_executor_backend", "mp")),
        "{worker_use_ray} means {distributed_executor_backend} ray, but that is mp: remove one of the two",
    )
    yield Rule(
        "engine",
        ("ray_workers_use_nsight", "distributed_executor_backend", "worker_use_ray"),
        ~equals("engine", "ray_workers_use_nsight", True)
        | equals("engine", "distributed_executor_backend", "ray")
        | equals("engine", "worker_use_ray", True),
        "{ray_workers_use_nsight} needs {distributed_executor_backend} ray: set that, or remove "
        "{ray_workers_use_nsight}",
    )


def _twins() -> Iterator[Rule]:
    for group, one, other in (
        ("model", "tokenizer", "tokenizer_name"),
        ("serving", "disable_logging_request", "disable_log_requests"),
    ):
        sentence = f"{{{one}}} and {{{other}}} mean the same, with two values: remove one of the two"
        yield Rule(group, (one, other), same(group, one, other), sentence)


def _serving() -> Iterator[Rule]:
    yield Rule(
        "model",
        ("custom_chat_template_file", "custom_chat_template"),
        ~(stated("model", "custom_chat_template_file") & stated("model", "custom_chat_template")),
        "{custom_chat_template_file} and {custom_chat_template} are two templates: remove one of the two",
    )
    yield Rule(
        "streaming",
        ("default_min_batch_size", "default_batch_size"),
        at_most("streaming", "default_min_batch_size", "default_batch_size", documented_default("DEFAULT_BATCH_SIZE")),
        "{default_min_batch_size} may not be above {default_batch_size}, which is 50 where it is unset: lower it, or "
        "raise {default_batch_size}",
    )
    parser, auto = stated("openai", "tool_call_parser"), equals("openai", "enable_auto_tool_choice", True)
    yield Rule(
        "openai",
        ("enable_auto_tool_choice", "tool_call_parser"),
        ~auto | parser,
        "{enable_auto_tool_choice} needs {tool_call_parser}: set it to the model's way of calling, as hermes",
    )
    yield Rule(
        "openai",
        ("tool_call_parser", "enable_auto_tool_choice"),
        ~parser | auto,
        "{tool_call_parser} has no effect without {enable_auto_tool_choice}: set that to true, or remove it",
    )


def _chosen(attribute: str) -> Expr:
    return differs("engine", attribute, documented_default(_VARIABLES["engine", attribute].name))


RULES: Final = (*_lora(), *_speculative(), *_precision(), *_scheduling(), *_twins(), *_serving())
"""All rules, in the order in which they are reported."""
