"""The catalogue: every setting of a worker, typed, in the group that also names its field in the resource.

This is the single source of the three spellings. A field `max_model_len` of the group `Engine` is
`MAX_MODEL_LEN` in the environment and `spec.engine.maxModelLen` in the resource; where that rule does not
hold, a marker on the field says so. The resource's schema, the renderer, the worker's parser and the
documentation all read these classes (through `catalogue.py`) and nothing else.

A field is None when it is unset, and unset stays unset: no value is written down that nobody chose, so that
an engine's own better default reaches old workers. `Documented` records the default that the documented
worker image promises.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel


@dataclass(frozen=True)
class Env:
    """The variable's name, where it is not the field's name in capitals."""

    name: str


@dataclass(frozen=True)
class EngineArgument:
    """The engine argument's name, where it is not the field's name."""

    name: str


@dataclass(frozen=True)
class Worker:
    """The setting is honoured by the worker itself and never becomes an engine argument."""


@dataclass(frozen=True)
class Documented:
    """The default that the document promises for the documented worker images, as the document writes it."""

    default: str


class Group(BaseModel):
    """What all groups share: unknown names are refused, values do not change, field docstrings are the help."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        alias_generator=to_camel,
        populate_by_name=True,
        protected_namespaces=(),
    )


NonEmpty = Annotated[str, Field(min_length=1)]


class PublicModel(Group):
    """What to load, without its secret: the part that the resource and the environment spell alike."""

    name: Annotated[NonEmpty | None, Env("MODEL_NAME"), EngineArgument("model")] = None
    """Name on the Hugging Face hub, or path in the container, of the model to serve. Required."""

    tokenizer_name: Annotated[NonEmpty | None, EngineArgument("tokenizer")] = None
    """Name or path of the tokenizer. Unset: the model's own."""

    tokenizer_mode: Annotated[Literal["auto", "slow"] | None, Documented("auto")] = None
    """Whether the tokenizer's fast implementation is used where there is one. Unset: it is."""

    tokenizer_revision: NonEmpty | None = None
    """Branch, tag or commit of the tokenizer. Unset: the default branch."""

    trust_remote_code: Annotated[bool | None, Documented("0")] = None
    """Run Python code that comes with the model. Review that code first. Unset: it is not run."""

    load_format: Annotated[NonEmpty | None, Documented("auto")] = None
    """Format of the weights: auto, safetensors, pt, dummy, gguf and others. Unset: found out by the engine."""

    download_dir: NonEmpty | None = None
    """Folder in the container that weights are downloaded to. Unset: the Hugging Face cache folder."""


class Model(PublicModel):
    """What to load."""

    hf_token: Annotated[SecretStr | None, Worker()] = None
    """Hugging Face token for private and gated models. Unset: only public models can be loaded."""


class Engine(Group):
    """Arguments of the vLLM engine."""

    dtype: Annotated[Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None, Documented("auto")] = (
        None
    )
    """Data type of weights and activations. Unset: chosen by the model's configuration."""

    kv_cache_dtype: Annotated[Literal["auto", "fp8"] | None, Documented("auto")] = None
    """Data type of the KV cache. Unset: the model's."""

    max_model_len: Annotated[int | None, Field(ge=1)] = None
    """Longest context, prompt and answer together, in tokens. Unset: the length that the model declares."""

    max_num_seqs: Annotated[int | None, Field(ge=1), Documented("256")] = None
    """Most sequences in one step of the engine. Unset: the engine's default, which differs by version."""

    max_num_batched_tokens: Annotated[int | None, Field(ge=1)] = None
    """Most tokens in one step of the engine. Unset: chosen by the engine."""

    gpu_memory_utilization: Annotated[float | None, Field(gt=0, le=1), Documented("0.95")] = None
    """Share of each GPU's memory that the engine may claim. Unset: 0.95 on the documented images, else 0.9."""

    tensor_parallel_size: Annotated[int | None, Field(ge=1), Documented("1")] = None
    """GPUs that share each layer. Unset: 1."""

    pipeline_parallel_size: Annotated[int | None, Field(ge=1), Documented("1")] = None
    """Groups of GPUs that hold one part of the layers each. Unset: 1."""

    block_size: Annotated[Literal[8, 16, 32] | None, Documented("16")] = None
    """Tokens in one block of the KV cache. Unset: chosen by the engine."""

    enforce_eager: Annotated[bool | None, Documented("0")] = None
    """Run without CUDA graphs: slower, with less memory and a faster start. Unset: graphs are used."""

    seed: Annotated[int | None, Documented("0")] = None
    """Random seed. Unset: 0."""


class Streaming(Group):
    """How many tokens go out together when an answer is streamed."""

    default_batch_size: Annotated[int | None, Field(ge=1), Worker(), Documented("50")] = None
    """Most tokens in one piece of a streamed answer. Unset: 50."""

    default_min_batch_size: Annotated[int | None, Field(ge=1), Worker(), Documented("1")] = None
    """Tokens in the first piece of a streamed answer. Unset: 1."""

    default_batch_size_growth_factor: Annotated[float | None, Field(gt=0), Worker(), Documented("3")] = None
    """How many times larger each next piece is, up to the largest. 1 or less: all are equal. Unset: 3."""


class OpenAI(Group):
    """The OpenAI API that the worker serves."""

    served_model_name_override: Annotated[
        NonEmpty | None, Env("OPENAI_SERVED_MODEL_NAME_OVERRIDE"), EngineArgument("served_model_name")
    ] = None
    """The name by which clients ask for the model. Unset: the model's name or path."""

    response_role: Annotated[NonEmpty | None, Env("OPENAI_RESPONSE_ROLE"), Documented("assistant")] = None
    """Role of the answer's author in chat completions. Unset: assistant."""


class Serving(Group):
    """How the worker behaves as a server."""

    disable_log_stats: Annotated[bool | None, Documented("0")] = None
    """Do not log the engine's statistics. Unset: they are logged every ten seconds."""


class Settings(Group):
    """Everything that one worker was told."""

    model: Model = Model()
    engine: Engine = Engine()
    streaming: Streaming = Streaming()
    openai: OpenAI = OpenAI()
    serving: Serving = Serving()
