"""The status of an `LLMWorker` as types: what was observed. A docstring here is what `kubectl explain` prints."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from llmworker_contract.settings import Group


class Condition(Group):
    """One observation about the worker, as in Kubernetes' own conditions."""

    type: str
    """Accepted: the spec is understood and applied. Scheduled: every pod has a node. ModelLoaded: every pod has
    produced a token. Ready: the current revision serves on every replica. Degraded: something is wrong."""
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


class SettingStatus(Group):
    """A variable that is set and that the engine does not simply honour."""

    variable: str
    """The variable."""
    field: str
    """Its field in this resource."""
    verdict: Literal["translated", "no effect", "never had effect"]
    """What becomes of it."""
    detail: str
    """What it becomes, or why it has no effect and what to do instead."""


class WarningStatus(Group):
    """Something in the spec that is accepted and may not be what was meant."""

    reason: str
    """Which kind of thing, in one CamelCase word that programs may rely on."""
    field: str
    """The field in this resource."""
    message: str
    """Why, and what to do."""


class LoadingStatus(Group):
    """How far the pod is that has the longest way to go."""

    phase: str
    """starting, resolving, downloading, loading_weights, warming_up, capturing_graphs or first_token."""
    percent: int | None = None
    """Of the phase, in steps of ten, where the engine counts."""


class FailureStatus(Group):
    """How a worker's container ended last, if it was no success."""

    reason: str
    """The cause, in one CamelCase word that programs may rely on."""
    message: str
    """The cause in a sentence, with the engine's own words."""
    remedy: str
    """What to do."""
    exit_code: int
    """Of the container."""
    time: Annotated[str, WithJsonSchema({"type": "string"})]
    """When it ended."""


class LLMWorkerStatus(Group):
    """What was observed, never what was asked for."""

    observed_generation: int | None = None
    """The generation that this status tells about."""
    conditions: list[Condition] = Field(default_factory=list)
    """Accepted, Scheduled, ModelLoaded, Ready and Degraded."""
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
    settings: list[SettingStatus] = Field(default_factory=list)
    """What is set and not simply honoured by that engine."""
    warnings: list[WarningStatus] = Field(default_factory=list)
    """What is accepted and may not be what was meant."""
    loading: LoadingStatus | None = None
    """While pods load: how far they are."""
    last_failure: FailureStatus | None = None
    """The last end of a container that was no success; it stays when all is well again."""
