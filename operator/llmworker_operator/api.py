"""The `LLMWorker` resource: its spec as types; `statusspec.py` has its status.

The first five groups of the spec are the contract's own classes, `podspec.py` holds the Kubernetes half. `crd.py`
turns all into the resource's schema, so a docstring here is what `kubectl explain` prints.
"""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from llmworker_contract import endpoints, engines
from llmworker_contract.settings import (
    Engine,
    Group,
    Model,
    NonEmpty,
    OpenAI,
    PublicModel,
    PublicServing,
    Serving,
    Settings,
    Streaming,
    Text,
)
from llmworker_operator import names
from llmworker_operator.cachespec import Cache
from llmworker_operator.networkspec import NetworkPolicy
from llmworker_operator.podspec import EnvVar, Gpu, Image, PodMetadata, Resources, Scheduling
from llmworker_operator.rolloutspec import Rollout


class SecretKeyRef(Group):
    """A key of a Secret in the worker's namespace."""

    name: NonEmpty
    """Name of the Secret."""

    key: NonEmpty
    """Key in the Secret."""


class ConfigMapKeyRef(Group):
    """A key of a ConfigMap in the worker's namespace."""

    name: NonEmpty
    """Name of the ConfigMap."""

    key: NonEmpty
    """Key in the ConfigMap."""


class ModelSpec(PublicModel):
    """What to load."""

    name: Text
    """Name on the Hugging Face hub, or path in the container, of the model to serve (MODEL_NAME). Required."""

    hf_token_secret_ref: SecretKeyRef | None = None
    """The Secret's key that holds the Hugging Face token for private and gated models (HF_TOKEN). Unset: only public
    models can be loaded."""

    custom_chat_template_config_map_ref: ConfigMapKeyRef | None = None
    """The ConfigMap's key that holds the Jinja template of chats, of any number of lines; it is mounted as a file
    (CUSTOM_CHAT_TEMPLATE_FILE). Unset: customChatTemplate, else the one that comes with the tokenizer."""


class ServingSpec(PublicServing):
    """How the worker behaves as a server."""

    api_keys_secret_ref: SecretKeyRef | None = None
    """The Secret's key that holds the keys of clients, one a line, one of which they have to send as a bearer token
    for every path but /health and /ping; it is mounted as a file (API_KEYS_FILE), and a change reaches running workers
    without a restart. Unset: everybody is served."""


def _gpu_rules() -> list[dict[str, str]]:
    sizes = " * ".join(
        f"(has(self.engine) && has(self.engine.{size}) ? self.engine.{size} : 1)"
        for size in ("tensorParallelSize", "pipelineParallelSize")
    )
    without = [name for name in engines.names() if engines.profile(name).cuda is None]
    nodes = "(has(self.nodes) ? self.nodes : 1)"
    count = {
        "rule": "!has(self.gpu) || !has(self.gpu.count) || (has(self.image) && has(self.image.profile) && "
        f"self.image.profile in {without}) || self.gpu.count * {nodes} == {sizes}",
        "message": "gpu.count must equal engine.tensorParallelSize times engine.pipelineParallelSize, each 1 where it "
        "is unset, divided by nodes: change one of them, or remove gpu.count",
    }
    split = {
        "rule": f"{sizes} % {nodes} == 0".replace(sizes, f"({sizes})"),
        "message": "every node runs as many GPUs as the others: nodes must divide engine.tensorParallelSize times "
        "engine.pipelineParallelSize; raise engine.pipelineParallelSize, which is for the way between nodes",
    }
    return [count, split]


SHARED_CACHE: Final = {
    "rule": "!has(self.cache) || !has(self.cache.volumeClaimTemplate) || !has(self.replicas) || self.replicas <= 1 || "
    "(has(self.cache.volumeClaimTemplate.accessModes) && "
    "'ReadWriteMany' in self.cache.volumeClaimTemplate.accessModes)",
    "message": "several replicas share one claim, which only ReadWriteMany lets pods on several nodes mount: set "
    "cache.volumeClaimTemplate.accessModes to [ReadWriteMany], with a storage class that offers it, or replicas to 1",
}

SURGING_CACHE: Final = {
    "rule": "!has(self.cache) || !has(self.cache.volumeClaimTemplate) || !has(self.rollout) || "
    "!has(self.rollout.maxSurge) || self.rollout.maxSurge == 0 || self.rollout.maxSurge == '0%' || "
    "(has(self.cache.volumeClaimTemplate.accessModes) && "
    "'ReadWriteMany' in self.cache.volumeClaimTemplate.accessModes)",
    "message": "a pod beside the replicas would wait for the claim of the pod that it is to replace: remove "
    "rollout.maxSurge, or set cache.volumeClaimTemplate.accessModes to [ReadWriteMany]",
}


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

    serving: ServingSpec = ServingSpec()
    """How the worker behaves as a server."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Number of pods behind the Service; what autoscalers set."""

    nodes: Annotated[int, Field(ge=1, le=16)] = 1
    """Nodes that the engine of one replica is split over. More than 1 is refused by this operator, which says so in the
    condition Accepted. Unset: 1."""

    image: Image = Image()
    """Which worker image runs."""

    gpu: Gpu = Gpu()
    """The GPUs of one pod."""

    resources: Resources = Resources()
    """Requests and limits of the container beside its GPUs."""

    scheduling: Scheduling = Scheduling()
    """Where the pods may run."""

    pod_metadata: PodMetadata = PodMetadata()
    """Labels and annotations of the pods beside the operator's own."""

    cache: Cache = Cache()
    """Where models are kept, mounted at /models."""

    rollout: Rollout = Rollout()
    """How pods of a new revision replace the old ones."""

    network_policy: NetworkPolicy | None = None
    """Who may connect to the pods, by a NetworkPolicy of the worker's name. Unset: whoever the cluster lets."""

    paused: bool = False
    """Nothing is applied or deleted while it is true; pods go on as they are, and Ready tells of them. Unset: false."""

    env: list[EnvVar] = Field(
        default_factory=list,
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    """Variables that no field sets, for what the contract does not know."""

    RULES: ClassVar = [*_gpu_rules(), SHARED_CACHE, SURGING_CACHE]

    def settings(self) -> Settings:
        """The contract's part, without secrets: those are referenced where they are used."""
        model = {name: getattr(self.model, name) for name in PublicModel.model_fields}
        serving = {name: getattr(self.serving, name) for name in PublicServing.model_fields}
        if self.model.custom_chat_template_config_map_ref:
            model["custom_chat_template_file"] = endpoints.CHAT_TEMPLATE_FILE
        if self.serving.api_keys_secret_ref:
            serving["api_keys_file"] = endpoints.API_KEYS_FILE
        return Settings(
            model=Model(**model),
            engine=self.engine,
            streaming=self.streaming,
            openai=self.openai,
            serving=Serving(**serving),
        )

    def gpus_needed(self) -> int:
        """GPUs that the engine splits the model over."""
        return (self.engine.tensor_parallel_size or 1) * (self.engine.pipeline_parallel_size or 1)

    def gpus(self) -> int:
        """GPUs that one pod asks for."""
        if self.gpu.count is not None:
            return self.gpu.count
        if self.image.engine_profile().cuda is None:
            return 0
        return self.gpus_needed() // self.nodes

    def gpu_resource(self) -> str:
        """The extended resource that GPUs are counted by."""
        return self.gpu.resource_name or names.DEFAULT_GPU_RESOURCE
