"""Valid values of every variable, and strategies for them; the document's own table, as an independent witness."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from llmworker_contract import rules
from llmworker_contract.catalogue import BY_NAME, VARIABLES, Variable
from llmworker_contract.codec import read


class Row(NamedTuple):
    """One variable as the document lists it."""

    name: str
    default: str
    type: str
    choices: tuple[str, ...]


def _rows() -> dict[str, Row]:
    with (Path(__file__).parent / "document.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {
            row["name"]: Row(row["name"], row["default"], row["type"], tuple(filter(None, row["choices"].split(","))))
            for row in rows
        }


DOCUMENT = _rows()
"""Names, defaults, types and choices, copied from the document; rows that it lists twice stand here once."""

_DRAFTS = {"SPECULATIVE_MODEL": "org/draft", "NUM_SPECULATIVE_TOKENS": "4"}
_TYPICAL = {**_DRAFTS, "SPEC_DECODING_ACCEPTANCE_METHOD": "typical_acceptance_sampler"}
_COMPANIONS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("LORA_MODULES MAX_LORAS MAX_LORA_RANK LORA_EXTRA_VOCAB_SIZE LORA_DTYPE", {"ENABLE_LORA": "1"}),
    ("LONG_LORA_SCALING_FACTORS MAX_CPU_LORAS FULLY_SHARDED_LORAS", {"ENABLE_LORA": "1"}),
    ("NUM_SPECULATIVE_TOKENS SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE SPECULATIVE_MAX_MODEL_LEN", _DRAFTS),
    ("SPECULATIVE_DISABLE_BY_BATCH_SIZE SPEC_DECODING_ACCEPTANCE_METHOD", _DRAFTS),
    ("SPECULATIVE_MODEL NGRAM_PROMPT_LOOKUP_MAX", {"NUM_SPECULATIVE_TOKENS": "4"}),
    ("NGRAM_PROMPT_LOOKUP_MIN", {"NUM_SPECULATIVE_TOKENS": "4", "NGRAM_PROMPT_LOOKUP_MAX": "4"}),
    ("TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_THRESHOLD TYPICAL_ACCEPTANCE_SAMPLER_POSTERIOR_ALPHA", _TYPICAL),
    ("RAY_WORKERS_USE_NSIGHT", {"DISTRIBUTED_EXECUTOR_BACKEND": "ray"}),
    ("ROPE_SCALING", {"ROPE_THETA": "10000"}),
    ("QUANTIZATION_PARAM_PATH", {"KV_CACHE_DTYPE": "fp8"}),
    ("ENABLE_AUTO_TOOL_CHOICE", {"TOOL_CALL_PARSER": "hermes"}),
    ("TOOL_CALL_PARSER", {"ENABLE_AUTO_TOOL_CHOICE": "1"}),
    ("DEFAULT_MIN_BATCH_SIZE", {"DEFAULT_BATCH_SIZE": "1000"}),
)
COMPANIONS: Mapping[str, Mapping[str, str]] = {name: more for names, more in _COMPANIONS for name in names.split()}
"""What a variable needs beside it to mean something."""

SAMPLES: Mapping[str, str] = {
    "MODEL_NAME": "org/model",
    "HF_TOKEN": "hf_verysecret",
    "LOAD_FORMAT": "safetensors",
    "SEED": "7",
    "MAX_LORA_RANK": "32",
    "LORA_EXTRA_VOCAB_SIZE": "512",
    "LORA_DTYPE": "bfloat16",
    "NGRAM_PROMPT_LOOKUP_MIN": "2",
    "SPECULATIVE_DRAFT_TENSOR_PARALLEL_SIZE": "1",
    "SPECULATIVE_DISABLE_BY_BATCH_SIZE": "8",
    "GPU_MEMORY_UTILIZATION": "0.85",
    "ROPE_SCALING": '{"factor":2,"rope_type":"dynamic"}',
    "MAX_NUM_BATCHED_TOKENS": "4096",
    "LONG_LORA_SCALING_FACTORS": "1.5,2",
    "CUSTOM_CHAT_TEMPLATE": "{% for m in messages %}{{ m['content'] + '\\n' }} é{% endfor %}",
    "LORA_MODULES": '[{"name":"sql","path":"/models/sql"},{"name":"law","path":"/models/law"}]',
    "LIMIT_MM_PER_PROMPT": '{"image":2,"video":0}',
    "TOOL_CALL_PARSER": "hermes",
    "REASONING_PARSER": "deepseek_r1",
    "PREEMPTION_MODE": "save",
    "TOKENIZER_POOL_TYPE": "ray",
}
"""Values that mean something where any value of the kind would not do."""


def sample(variable: Variable) -> str:
    """A valid value that is not the documented default."""
    if variable.name in SAMPLES:
        return SAMPLES[variable.name]
    if variable.choices:
        return str(variable.choices[-1])
    kinds = {"bool": "1", "int": "8", "float": "0.5", "str": "org/thing", "dict": '{"a":1}'}
    return kinds[variable.kind]


def environment(name: str, text: str | None = None) -> dict[str, str]:
    """An environment in which the variable is set, with what it needs beside it."""
    return {
        "MODEL_NAME": "org/model",
        **COMPANIONS.get(name, {}),
        name: sample(BY_NAME[name]) if text is None else text,
    }


_LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1).filter(
    lambda text: text != "None"
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _LINE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_LINE, inner, max_size=3),
    max_leaves=8,
)


def texts(variable: Variable) -> st.SearchStrategy[str]:
    """Any valid value of the variable, as a text that states it."""
    if variable.choices:
        return st.sampled_from([str(choice) for choice in variable.choices])
    if variable.name in _BY_NAME:
        return _BY_NAME[variable.name]
    return _BY_KIND[variable.kind](dict(variable.bounds))


_TOKEN = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1).filter("None".__ne__)

_BY_KIND: Mapping[str, Callable[[dict[str, float]], st.SearchStrategy[str]]] = {
    "bool": lambda _: st.sampled_from(["0", "1"]),
    "int": lambda bounds: st.integers(int(bounds.get(">=", 0)), int(bounds["<="])).map(str),
    "float": lambda bounds: st.floats(0, bounds.get("<=", 1e300), exclude_min=">" in bounds, allow_subnormal=False).map(
        repr
    ),
    "str": lambda _: _LINE,
    "dict": lambda _: st.dictionaries(_LINE, _JSON, max_size=4).map(json.dumps),
    "tuple": lambda _: st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=5).map(lambda f: ",".join(map(repr, f))),
    "list": lambda _: st.lists(_MODULE, min_size=1, max_size=4, unique_by=lambda m: str(m["name"])).map(json.dumps),
}
_MODULE = st.fixed_dictionaries({"name": _LINE, "path": _LINE}, optional={"base_model_name": _LINE})
_KINDS = st.sampled_from(["image", "video", "audio"])
_BY_NAME = {
    "HF_TOKEN": _TOKEN,
    "LIMIT_MM_PER_PROMPT": st.dictionaries(_KINDS, st.integers(0, 9), min_size=1).map(json.dumps),
    "CUSTOM_CHAT_TEMPLATE": _LINE.map(lambda text: f" {{{{ {text} }}}} "),
}


@st.composite
def environments(draw: st.DrawFn, *, required: bool = True) -> dict[str, str]:
    """Environments of any number of variables with valid values, made sound by dropping what breaks a rule."""
    environ = {"MODEL_NAME": draw(_LINE)} if required else {}
    chosen = draw(st.lists(st.sampled_from(VARIABLES), unique_by=lambda v: v.name))
    for variable in chosen:
        environ[variable.name] = draw(texts(variable))
    return sound(environ)


def sound(environ: dict[str, str]) -> dict[str, str]:
    """The environment without the variables that break a rule, until none does."""
    while True:
        settings, _ = read(environ)
        broken = rules.broken(settings)
        if not broken:
            return environ
        # Of a conflict the variable that is reported goes, or one that it is in conflict with.
        stated = [a for a in broken[0].about if getattr(getattr(settings, broken[0].group), a) is not None]
        gone = next(v for v in VARIABLES if (v.group, v.attribute) == (broken[0].group, stated[0]))
        environ = {name: text for name, text in environ.items() if name not in gone.names}


def jsonable(value: Any) -> Any:
    """A value as JSON would bring it back."""
    return json.loads(json.dumps(value))
