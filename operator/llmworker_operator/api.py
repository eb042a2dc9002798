"""The `LLMWorker` resource: its spec and status as types.

The first five groups of the spec are the contract's own classes, `podspec.py` holds the Kubernetes half. `crd.py`
turns both into the resource's schema, so a docstring here is what `kubectl explain` prints.
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationError, WithJsonSchema

from llmworker_contract.settings import (
    Engine,
    Group,
    Model,
    NonEmpty,
    OpenAI,
    PublicModel,
    Serving,
    Settings,
    Streaming,
)
from llmworker_operator.podspec import Cache, EnvVar, Gpu, Image, Resources, Scheduling


class SecretKeyRef(Group):
    """A key of a Secret in the worker's namespace."""

    name: NonEmpty
    """Name of the Secret."""

    key: NonEmpty
    """Key in the Secret."""


class ModelSpec(PublicModel):
    """What to load."""

    name: NonEmpty
    """Name on the Hugging Face hub, or path in the container, of the model to serve (MODEL_NAME)."""

    hf_token_secret_ref: SecretKeyRef | None = None
    """The Secret's key that holds the Hugging Face token for private and gated models (HF_TOKEN)."""


class LLMWorkerSpec(Group):
    """The model to serve, the engine's settings, and where it runs."""

    model: ModelSpec
    """What to load."""

    engine: Engine = Engine()
    """Arguments of the vLLM engine. Unset fields keep the engine's own defaults."""

    streaming: Streaming = Streaming()
    """How many tokens go out together when an answer is streamed."""

    openai: OpenAI = OpenAI()
    """The OpenAI API that the worker serves."""

    serving: Serving = Serving()
    """How the worker behaves as a server."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Number of pods behind the Service; what autoscalers set."""

    image: Image = Image()
    """Which worker image runs."""

    gpu: Gpu = Gpu()
    """The GPUs of one pod."""

    resources: Resources = Resources()
    """Requests and limits of the container beside its GPUs."""

    scheduling: Scheduling = Scheduling()
    """Where the pods may run."""

    cache: Cache = Cache()
    """Where models are kept, mounted at /models."""

    env: list[EnvVar] = Field(
        default_factory=list,
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    """Variables that no field sets, for what the contract does not know."""

    def settings(self) -> Settings:
        """The contract's part, without secrets: those are referenced where they are used."""
        public = self.model.model_dump(exclude={"hf_token_secret_ref"}, exclude_none=True)
        return Settings(
            model=Model(**public),
            engine=self.engine,
            streaming=self.streaming,
            openai=self.openai,
            serving=self.serving,
        )

    def gpus(self) -> int:
        """GPUs that one pod asks for."""
        if self.gpu.count is not None:
            return self.gpu.count
        if self.image.engine_profile().cuda is None:
            return 0
        return (self.engine.tensor_parallel_size or 1) * (self.engine.pipeline_parallel_size or 1)


class Condition(Group):
    """One observation about the worker, as in Kubernetes' own conditions."""

    type: str
    """Accepted: the spec is understood and applied. Ready: the current revision serves on every replica."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    observed_generation: int
    """The generation of the resource that was observed."""
    reason: str
    """Why, in one CamelCase word that programs may rely on."""
    message: str
    """Why, and what to do, in a sentence."""
    last_transition_time: Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
    """When the status last changed."""


class EngineStatus(Group):
    """The engine that the image holds."""

    profile: str
    """The engine profile."""
    vllm: str
    """vLLM's version."""


class LLMWorkerStatus(Group):
    """What was observed, never what was asked for."""

    observed_generation: int | None = None
    """The generation that this status tells about."""
    conditions: list[Condition] = Field(default_factory=list)
    """Accepted and Ready."""
    url: str | None = None
    """Base URL for OpenAI clients in the cluster."""
    replicas: int | None = None
    """Pods that exist, of any revision."""
    ready_replicas: int | None = None
    """Pods of the current revision that serve."""
    selector: str | None = None
    """Label selector of the pods, for autoscalers."""
    engine: EngineStatus | None = None
    """The engine that the current revision runs."""


def problems(error: ValidationError) -> str:
    """All that is wrong with a spec, each by its field, in one line."""
    found = []
    for problem in error.errors():
        field = ".".join(str(part) for part in ("spec", *problem["loc"]))
        found.append(f"{field}: {problem['msg']}")
    return "; ".join(found)
