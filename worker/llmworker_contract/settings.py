"""The catalogue: every setting of a worker, typed, in the group that also names its field in the resource.

This is the single source of the three spellings. A field `max_model_len` of the group `Engine` is
`MAX_MODEL_LEN` in the environment and `spec.engine.maxModelLen` in the resource; where that rule does not
hold, a marker of `markers.py` on the field says so. The resource's schema, the renderer, the worker's parser,
the engine mapping and the documentation all read these classes (through `catalogue.py`) and nothing else.

A field is None when it is unset, and unset stays unset: no value is written down that nobody chose, so that
an engine's own better default reaches old workers. `Documented` records the default that the documented
worker image promises. Each docstring says what the setting means, its unit, and after "Unset:" what happens
without it.
"""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, SecretStr, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from llmworker_contract.json_values import encodable
from llmworker_contract.markers import (
    Aliases,
    Documented,
    EngineArgument,
    Env,
    NeverExisted,
    Ours,
    Reference,
    Retired,
    Unit,
    Worker,
    ZeroIsUnset,
)

LARGEST: Final = 2**31 - 1
"""What the engine's counts fit into."""


def _not_none(text: str) -> str:
    if text.strip(" \t\r\n") in {"", "None"}:
        raise ValueError("a blank text and the word None mean unset: remove the field")
    return text


def _for_a_header(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError("expected letters, digits and signs of ASCII without blanks, as it is sent in a header")
    return secret


Token: TypeAlias = Annotated[SecretStr, AfterValidator(_for_a_header)]
"""A secret that is sent as a bearer token."""


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

PRINTABLE: Final = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
"""One line without control characters and without blanks at its ends, which no name has but many a typo."""

Text = Annotated[str, Field(pattern=PRINTABLE), AfterValidator(_not_none)]
"""A name, a path or a word."""

_INK = r"[^\x00-\x20\x7f]"
_INLINE = r"[^\x00-\x08\x0a-\x1f\x7f]"
ONE_LINE: Final = f"^{_INLINE}*{_INK}{_INLINE}*$"
Template = Annotated[str, Field(pattern=ONE_LINE), AfterValidator(_not_none)]
"""One line of text, every blank of which counts."""

Count = Annotated[int, Field(ge=1, le=LARGEST)]
Amount = Annotated[int, Field(ge=0, le=LARGEST)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

JsonObject = Annotated[
    dict[str, JsonValue],
    AfterValidator(encodable),
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A dictionary whose keys are the engine's affair."""


class LoraModule(Group):
    """A LoRA adapter that is served beside the model."""

    name: Text
    """The name by which requests ask for it."""

    path: Text
    """Path in the container, or name on the Hugging Face hub."""

    base_model_name: Text | None = None
    """The model that it adapts, as model listings show it. Unset: not shown."""


def _named_apart(modules: tuple[LoraModule, ...]) -> tuple[LoraModule, ...]:
    names = [module.name for module in modules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two adapters are named {', '.join(twice)}: rename one")
    return modules


LoraModules = Annotated[
    tuple[LoraModule, ...],
    Field(
        min_length=1,
        max_length=256,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    ),
    AfterValidator(_named_apart),
]
"""Adapters, each with a name of its own."""


class MultimodalLimits(Group):
    """Most items of each kind in one prompt; of one kind at least."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    image: Amount | None = None
    """Images. Unset: the engine's own."""

    video: Amount | None = None
    """Videos. Unset: the engine's own."""

    audio: Amount | None = None
    """Pieces of sound. Unset: the engine's own."""

    @model_validator(mode="after")
    def _of_something(self) -> "MultimodalLimits":
        if not self.model_dump(exclude_none=True):
            raise ValueError("expected a limit for image, video or audio")
        return self


class PublicModel(Group):
    """What to load, without what is only referenced: the part that resource and environment spell alike."""

    name: Annotated[Text | None, Env("MODEL_NAME"), EngineArgument("model"), Documented("facebook/opt-125m")] = None
    """Name on the Hugging Face hub, or path in the container, of the model to serve. Unset: not allowed; the
    document's placeholder model is never served in its place."""

    revision: Annotated[Text | None, Env("MODEL_REVISION"), Ours(), Aliases("REVISION")] = None
    """Branch, tag or commit of the model. Unset: the default branch."""

    code_revision: Annotated[Text | None, Ours()] = None
    """Branch, tag or commit of the model's own Python code. Unset: the default branch."""

    tokenizer: Text | None = None
    """Name or path of the tokenizer. The same as TOKENIZER_NAME: only one of them is needed. Unset: the model's."""

    tokenizer_name: Annotated[Text | None, EngineArgument("tokenizer")] = None
    """Name or path of a tokenizer other than the model's. The same as TOKENIZER. Unset: the model's."""

    tokenizer_mode: Annotated[Literal["auto", "slow"] | None, Documented("auto")] = None
    """Whether the tokenizer's fast implementation is used where there is one. Unset: it is."""

    tokenizer_revision: Text | None = None
    """Branch, tag or commit of the tokenizer. Unset: the default branch."""

    skip_tokenizer_init: Annotated[bool | None, Documented("False")] = None
    """Do not load the tokenizer: requests bring token numbers and get token numbers. Unset: it is loaded."""

    trust_remote_code: Annotated[bool | None, Documented("False")] = None
    """Run Python code that comes with the model. Review that code first. Unset: it is not run."""

    load_format: Annotated[Text | None, Documented("auto")] = None
    """Format of the weights: auto, safetensors, pt, dummy and others, by engine. Unset: found out by the engine."""

    model_loader_extra_config: JsonObject | None = None
    """Further settings of the loader for the load format, as a JSON object. Unset: none."""

    download_dir: Text | None = None
    """Folder in the container that weights are downloaded to. Unset: the Hugging Face cache folder."""

    custom_chat_template: Annotated[Template | None, EngineArgument("chat_template")] = None
    """Jinja template of chats, in a single line. Unset: the one that comes with the tokenizer."""


class Model(PublicModel):
    """What to load."""

    hf_token: Annotated[Token | None, Worker(), Reference("SecretRef")] = None
    """Hugging Face token for private and gated models. Unset: only public models can be loaded."""

    custom_chat_template_file: Annotated[
        Text | None, EngineArgument("chat_template"), Ours(), Reference("ConfigMapRef", "customChatTemplate")
    ] = None
    """Path in the container of a file with the Jinja template of chats, of any number of lines; the resource
    takes it from a ConfigMap. Unset: CUSTOM_CHAT_TEMPLATE, else the one that comes with the tokenizer."""


class Engine(Group):
    """Arguments of the vLLM engine."""

    dtype: Annotated[Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None, Documented("auto")] = (
        None
    )
    """Data type of weights and activations. Unset: chosen by the model's configuration."""

    kv_cache_dtype: Annotated[Literal["auto", "fp8"] | None, Documented("auto")] = None
    """Data type of the KV cache. Unset: the model's."""

    quantization_param_path: Annotated[Text | None, Retired("0.7.0", "scales come from the checkpoint; remove it")] = (
        None
    )
    """Path of the JSON file with the scaling factors of an fp8 KV cache. Unset: a scaling factor of 1."""

    max_model_len: Annotated[Count | None, Unit("tokens"), ZeroIsUnset()] = None
    """Longest context, prompt and answer together, in tokens. Unset: the length that the model declares."""

    guided_decoding_backend: Annotated[Literal["outlines", "lm-format-enforcer"] | None, Documented("outlines")] = None
    """What keeps answers to a schema, a pattern or a choice, where a request asks for one. Unset: the engine's
    default, outlines on the documented stable image."""

    distributed_executor_backend: Literal["ray", "mp"] | None = None
    """How the processes of several GPUs are run: mp within a pod, ray also across nodes. Unset: chosen by the
    engine."""

    worker_use_ray: Annotated[bool | None, Documented("False"), Retired("0.7.0", None)] = None
    """Deprecated by the document itself: the same as DISTRIBUTED_EXECUTOR_BACKEND=ray. Unset: not ray."""

    pipeline_parallel_size: Annotated[Count | None, Unit("GPU groups"), Documented("1")] = None
    """Number of GPU groups that hold one part of the layers each. Unset: 1."""

    tensor_parallel_size: Annotated[Count | None, Unit("GPUs"), Documented("1")] = None
    """Number of GPUs that share each layer. Unset: 1."""

    max_parallel_loading_workers: Annotated[Count | None, Unit("processes"), ZeroIsUnset()] = None
    """Number of processes that load the model at a time, against running out of host memory with several GPUs.
    Unset: all at once."""

    ray_workers_use_nsight: Annotated[bool | None, Documented("False")] = None
    """Profile Ray's processes with nsight. Unset: they are not profiled."""

    enable_prefix_caching: Annotated[bool | None, Documented("False")] = None
    """Keep the KV cache of prompts for later prompts that begin alike. Unset: off on the documented images, on
    with newer engines."""

    disable_sliding_window: Annotated[bool | None, Documented("False")] = None
    """Do without the model's sliding window and cap the context to its size. Unset: the window is used."""

    use_v2_block_manager: Annotated[
        bool | None, Documented("False"), Retired("0.10.0", "there is one block manager; remove it")
    ] = None
    """Use the second version of the block manager. Unset: the engine's only one."""

    num_lookahead_slots: Annotated[
        Amount | None,
        Unit("slots"),
        Documented("0"),
        Retired("0.12.0", "the engine takes the number from NUM_SPECULATIVE_TOKENS; remove it"),
    ] = None
    """KV cache slots that are set aside ahead of each sequence, experimental, for speculative decoding. Unset: 0."""

    seed: Annotated[int | None, Field(ge=0, le=2**32 - 1), Documented("0")] = None
    """Random seed of the engine. Unset: 0 on the documented images, else the engine's."""

    num_gpu_blocks_override: Annotated[Count | None, Unit("blocks"), ZeroIsUnset()] = None
    """Number of blocks of the KV cache, instead of what profiling the GPU finds. Unset: what profiling finds."""

    max_num_batched_tokens: Annotated[Count | None, Unit("tokens"), ZeroIsUnset()] = None
    """Most tokens in one step of the engine. Unset: chosen by the engine."""

    max_num_seqs: Annotated[Count | None, Unit("sequences"), Documented("256")] = None
    """Most sequences in one step of the engine. Unset: 256 on the documented images, else the engine's default."""

    max_logprobs: Annotated[Amount | None, Unit("log probabilities"), Documented("20")] = None
    """Most log probabilities that a request may ask for at each position. Unset: 20."""

    quantization: Literal["awq", "squeezellm", "gptq"] | None = None
    """Method by which the weights were quantized. Unset: what the model's configuration says."""

    rope_scaling: Annotated[JsonObject | None, Retired("0.11.1", None)] = None
    """Scaling of the rotary position embedding, as a JSON object. Unset: the model's."""

    rope_theta: Annotated[Positive | None, ZeroIsUnset(), Retired("0.11.1", None)] = None
    """Base of the rotary position embedding. Unset: the model's."""

    tokenizer_pool_size: Annotated[
        Amount | None,
        Unit("tokenizers"),
        Documented("0"),
        Retired("0.10.0", "tokenizing is asynchronous by itself; remove it"),
    ] = None
    """Number of tokenizers that work side by side. Unset: 0, tokenizing in the server's own process."""

    tokenizer_pool_type: Annotated[
        Text | None, Documented("ray"), Retired("0.10.0", "there is no tokenizer pool; remove it")
    ] = None
    """What runs the pool of tokenizers. Unset: ray."""

    tokenizer_pool_extra_config: Annotated[
        JsonObject | None, Retired("0.10.0", "there is no tokenizer pool; remove it")
    ] = None
    """Further settings of the pool of tokenizers, as a JSON object. Unset: none."""

    enable_lora: Annotated[bool | None, Documented("False")] = None
    """Serve LoRA adapters beside the model. Unset: they are not served."""

    lora_modules: Annotated[LoraModules | None, Ours()] = None
    """The LoRA adapters to serve, by name and path; a JSON list of objects in the environment. Unset: none."""

    max_loras: Annotated[Count | None, Unit("adapters"), Documented("1")] = None
    """Most LoRA adapters in one batch. Unset: 1."""

    max_lora_rank: Annotated[Count | None, Documented("16")] = None
    """Highest rank of an adapter; engines take certain ranks only, 16, 32, 64 among them. Unset: 16."""

    lora_extra_vocab_size: Annotated[
        Amount | None,
        Unit("tokens"),
        Documented("256"),
        Retired("0.12.0", "adapters cannot add tokens any more; remove it"),
    ] = None
    """Most tokens that an adapter may add to the vocabulary. Unset: 256."""

    lora_dtype: Annotated[Literal["auto", "float16", "bfloat16", "float32"] | None, Documented("auto")] = None
    """Data type of the adapters. Unset: the model's."""

    long_lora_scaling_factors: Annotated[
        Annotated[tuple[Positive, ...], Field(min_length=1, max_length=64)] | None,
        Retired("0.10.0", "adapters for long contexts are not supported any more; remove it"),
    ] = None
    """Scaling factors of adapters for long contexts; in the environment a comma list or a JSON list. Unset: none."""

    max_cpu_loras: Annotated[Count | None, Unit("adapters"), ZeroIsUnset()] = None
    """Most LoRA adapters that are kept in host memory, at least MAX_LORAS. Unset: MAX_LORAS."""

    fully_sharded_loras: Annotated[bool | None, Documented("False")] = None
    """Split adapters over the GPUs as a whole, and not one half of each. Unset: one half of each."""

    scheduler_delay_factor: Annotated[
        NotNegative | None, Documented("0.0"), Retired("0.11.0", "the scheduler does not wait; remove it")
    ] = None
    """How long the next prompt waits, as a multiple of the time that the previous one took. Unset: 0, no wait."""

    enable_chunked_prefill: Annotated[bool | None, Documented("False")] = None
    """Process long prompts in pieces between the steps of other requests. Unset: off on the documented images,
    else chosen by the engine."""

    speculative_model: Annotated[Text | None, Retired("0.8.3", None)] = None
    """Draft model of speculative decoding, or [ngram] for drafts from the prompt itself. Unset: no draft model."""

    num_speculative_tokens: Annotated[Count | None, Unit("tokens"), ZeroIsUnset(), Retired("0.8.3", None)] = None
    """Number of tokens that are drafted at a time. Unset: what the draft model's configuration says."""

    speculative_draft_tensor_parallel_size: Annotated[
        Count | None, Unit("GPUs"), ZeroIsUnset(), Retired("0.8.3", None)
    ] = None
    """Number of GPUs that share each layer of the draft model: 1, or as many as the model's. Unset: as the model's."""

    speculative_max_model_len: Annotated[Count | None, Unit("tokens"), ZeroIsUnset(), Retired("0.8.3", None)] = None
    """Longest context of the draft model, in tokens; longer sequences are not drafted for. Unset: what it declares."""

    speculative_disable_by_batch_size: Annotated[
        int | None,
        Field(ge=2, le=LARGEST),
        Unit("requests"),
        ZeroIsUnset(),
        Retired("0.17.0", "there is no such switch; remove it"),
    ] = None
    """Number of waiting requests above which nothing is drafted. Unset: drafting goes on."""

    ngram_prompt_lookup_max: Annotated[Count | None, Unit("tokens"), ZeroIsUnset(), Retired("0.8.3", None)] = None
    """Longest run of tokens that is looked up in the prompt for drafts. Unset: no drafts from the prompt."""

    ngram_prompt_lookup_min: Annotated[Count | None, Unit("tokens"), ZeroIsUnset(), Retired("0.8.3", None)] = None
    """Shortest run of tokens that is looked up in the prompt for drafts. Unset: chosen by the engine."""

    spec_decoding_acceptance_method: Annotated[
        Literal["rejection_sampler", "typical_acceptance_sampler"] | None,
        Documented("rejection_sampler"),
        Retired("0.10.0", "drafts are accepted by rejection sampling; remove it"),
    ] = None
    """How drafted tokens are accepted. Unset: rejection_sampler."""

    typical_acceptance_sampler_posterior_threshold: Annotated[
        float | None,
        Field(gt=0, le=1),
        ZeroIsUnset(),
        Retired("0.10.0", "drafts are accepted by rejection sampling; remove it"),
    ] = None
    """Lowest posterior probability at which a drafted token is accepted. Unset: 0.09, by the engine."""

    typical_acceptance_sampler_posterior_alpha: Annotated[
        Positive | None,
        ZeroIsUnset(),
        Retired("0.10.0", "drafts are accepted by rejection sampling; remove it"),
    ] = None
    """Scaling of the entropy on which the acceptance of a drafted token depends. Unset: 0.3, by the engine."""

    preemption_mode: Annotated[
        Literal["recompute", "save", "swap"] | None, Retired("0.11.0", "preempted requests are recomputed; remove it")
    ] = None
    """What happens to requests that have to leave the GPU: recompute computes them anew, save (swap is the engine's
    word for it) keeps their state in host memory. Unset: chosen by the engine."""

    preemption_check_period: Annotated[
        Positive | None, Unit("seconds"), Documented("1.0"), NeverExisted("preemption is decided in every step")
    ] = None
    """How often the engine looks for preemption, in seconds. Unset: nothing, as no engine ever had it."""

    preemption_cpu_capacity: Annotated[
        float | None,
        Field(ge=0, le=100),
        Unit("percent"),
        Documented("2"),
        NeverExisted("SWAP_SPACE sets the host memory for preempted requests, on engines that have it"),
    ] = None
    """Share of host memory for the state of preempted requests, in percent. Unset: nothing, as no engine ever
    had it."""

    gpu_memory_utilization: Annotated[float | None, Field(gt=0, le=1), Unit("share"), Documented("0.95")] = None
    """Share of each GPU's memory that the engine may claim. Unset: 0.95 on the documented images, else the engine's
    own."""

    block_size: Annotated[Literal[8, 16, 32] | None, Unit("tokens"), Documented("16")] = None
    """Number of tokens in one block of the KV cache. Unset: 16 on the documented images, else the engine's choice."""

    swap_space: Annotated[
        Amount | None,
        Unit("GiB"),
        Documented("4"),
        Retired("0.18.0", "preempted requests are recomputed; remove it"),
    ] = None
    """Host memory for the state of preempted requests, in GiB for each GPU. Unset: 4."""

    cpu_offload_gb: Annotated[NotNegative | None, Unit("GiB"), Ours()] = None
    """Part of the weights that is kept in host memory, in GiB for each GPU. Unset: 0, all are on the GPU."""

    enforce_eager: Annotated[bool | None, Documented("False")] = None
    """Run without CUDA graphs: slower, with less memory and a faster start. Unset: graphs are used."""

    max_seq_len_to_capture: Annotated[
        Count | None,
        Unit("tokens"),
        Documented("8192"),
        Retired("0.11.0", "graphs are captured by batch size, whatever the length; remove it"),
    ] = None
    """Longest context that runs in CUDA graphs, in tokens; longer ones run without. Unset: 8192."""

    disable_custom_all_reduce: Annotated[bool | None, Documented("0")] = None
    """Leave the sums over several GPUs to NCCL instead of vLLM's own kernel. Unset: vLLM's kernel where it can run."""

    limit_mm_per_prompt: Annotated[MultimodalLimits | None, Unit("items"), Ours()] = None
    """Most items of each kind in one prompt of a multimodal model; a JSON object in the environment. Unset: the
    engine's own, which is 1 of each with old engines."""


class Streaming(Group):
    """How many tokens go out together when an answer is streamed."""

    default_batch_size: Annotated[Count | None, Unit("tokens"), Worker(), Documented("50")] = None
    """Most tokens in one piece of a streamed answer. Unset: 50."""

    default_min_batch_size: Annotated[
        Count | None, Unit("tokens"), Worker(), Documented("1"), Aliases("MIN_BATCH_SIZE")
    ] = None
    """Number of tokens in the first piece of a streamed answer. Unset: 1."""

    default_batch_size_growth_factor: Annotated[
        NotNegative | None, Worker(), Documented("3"), Aliases("BATCH_SIZE_GROWTH_FACTOR")
    ] = None
    """How many times larger each next piece is, up to the largest. 1 or less: all are equal. Unset: 3."""

    default_batch_max_wait_ms: Annotated[Count | None, Unit("milliseconds"), Worker(), Ours()] = None
    """Most milliseconds that a token waits for its piece to fill, for people who watch. Unset: until it is full."""

    stream_interval: Annotated[Count | None, Unit("tokens"), Ours()] = None
    """Number of tokens that the engine writes as one event of a streamed answer, the first token and the last few
    apart: more of them spare the server work. The sizes of pieces count events. Unset: 1."""


class OpenAI(Group):
    """The OpenAI API that the worker serves."""

    raw_output: Annotated[bool | None, Env("RAW_OPENAI_OUTPUT"), Worker(), Documented("1")] = None
    """Stream server-sent events as OpenAI does; off, each piece is a line with a JSON list of chunks. Unset: on."""

    served_model_name_override: Annotated[
        Text | None,
        Env("OPENAI_SERVED_MODEL_NAME_OVERRIDE"),
        EngineArgument("served_model_name"),
        Aliases("SERVED_MODEL_NAME"),
    ] = None
    """The name by which clients ask for the model. Unset: the model's name or path."""

    response_role: Annotated[Text | None, Env("OPENAI_RESPONSE_ROLE"), Documented("assistant")] = None
    """Role of the answer's author in chat completions. Unset: assistant."""

    enable_auto_tool_choice: Annotated[bool | None, Ours()] = None
    """Let the model decide by itself to call a tool; needs TOOL_CALL_PARSER. Unset: only where a request says so."""

    tool_call_parser: Annotated[Text | None, Ours()] = None
    """How tool calls are read from the model's text: hermes, mistral, llama3_json and others, by engine. Unset: they
    are not read."""

    reasoning_parser: Annotated[Text | None, Ours()] = None
    """How reasoning is told apart in the model's text: deepseek_r1 and others, by engine. Unset: it is not."""


class PublicServing(Group):
    """How the worker behaves as a server, without what is only referenced."""

    max_concurrency: Annotated[Count | None, Unit("requests"), Worker(), Documented("300")] = None
    """Most requests that are worked on at a time; further ones are refused at once with 429. Unset: 300."""

    drain_timeout_seconds: Annotated[Seconds | None, Unit("seconds"), Worker(), Ours()] = None
    """Most seconds that open requests may go on when the worker is asked to end; further ones are refused meanwhile,
    and what is open after it gets an error. Unset: 300."""

    hang_timeout_seconds: Annotated[Seconds | None, Unit("seconds"), Worker(), Ours()] = None
    """Seconds with requests at work and no token after which the worker is not ready; after twice as many it starts
    anew. 0: never. Unset: 300."""

    log_format: Annotated[Literal["plain", "json"] | None, Ours(), Worker()] = None
    """How the log is written: plain, or json with each record as an object in a line of its own. Unset: plain."""

    disable_log_stats: Annotated[bool | None, Documented("False")] = None
    """Do not log the engine's statistics. Unset: they are logged every ten seconds."""

    disable_log_requests: Annotated[bool | None, Documented("False"), Retired("0.10.1", None)] = None
    """Do not log requests. Unset: the worker writes a record of each, and engines up to 0.10.0 a line of their own with
    its parameters; a prompt is in neither unless MAX_LOG_LEN asks for it."""

    disable_logging_request: Annotated[
        bool | None, EngineArgument("disable_log_requests"), Documented("False"), Retired("0.10.1", None)
    ] = None
    """The same as DISABLE_LOG_REQUESTS: only one of them is needed. Unset: as that says."""

    max_log_len: Annotated[Amount | None, Unit("characters or token numbers")] = None
    """Most characters, or token numbers, of a prompt that an engine's line about a request shows. Unset: none, where
    the document has no limit: what people write stands in no log that nobody asked for."""


class Serving(PublicServing):
    """How the worker behaves as a server."""

    api_keys_file: Annotated[Text | None, Ours(), Worker(), Reference("SecretRef", "apiKeys")] = None
    """Path in the container of a file of keys, one a line, one of which clients have to send as a bearer token for
    every path but /health and /ping; the resource takes it from a Secret. Unset: everybody is served."""


class Settings(Group):
    """Everything that one worker was told."""

    model: Model = Model()
    engine: Engine = Engine()
    streaming: Streaming = Streaming()
    openai: OpenAI = OpenAI()
    serving: Serving = Serving()


REFERENCED: Final = {
    "model": Model.model_fields.keys() - PublicModel.model_fields.keys(),
    "serving": Serving.model_fields.keys() - PublicServing.model_fields.keys(),
}
"""What the resource holds a reference in the place of."""


def public_values(settings: Settings) -> dict[str, Any]:
    """What was stated, by group and field of the resource, without what is only referenced."""
    whole = settings.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=REFERENCED)
    return {group: values for group, values in whole.items() if values}
