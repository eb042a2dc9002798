"""Who may open connections to an LLMWorker's pods."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from llmworker_contract.settings import Group

_NOBODY = "a peer is chosen by podSelector, by namespaceSelector or by both: state one, as {} for all"


class LabelSelector(Group):
    """Labels that are all carried, as a NetworkPolicy's."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    """The labels. Unset: whatever it is asked of."""


class NetworkPeer(Group):
    """Pods that may connect, in a NetworkPolicy's own terms: with both selectors, pods that the one takes in namespaces
    that the other takes."""

    pod_selector: LabelSelector | None = None
    """Labels of the pods. Unset: all pods of the namespaces."""

    namespace_selector: LabelSelector | None = None
    """Labels of the namespaces; each has kubernetes.io/metadata.name, its name. Unset: the worker's own."""

    RULES: ClassVar = [{"rule": "has(self.podSelector) || has(self.namespaceSelector)", "message": _NOBODY}]

    @model_validator(mode="after")
    def _somebody(self) -> "NetworkPeer":
        if self.pod_selector is None and self.namespace_selector is None:
            raise ValueError(_NOBODY)
        return self


Peers = Annotated[list[NetworkPeer], Field(min_length=1, max_length=32)]
"""One of them is enough. Never empty: to Kubernetes an empty list of peers is everybody."""


class NetworkPolicy(Group):
    """Who may connect to the pods; nobody else then can, but for the node that a pod is on. It holds where the network
    plugin of the cluster enforces NetworkPolicies, and says nothing of what the pods connect to."""

    ingress_from: Peers
    """Who may ask the OpenAI API."""

    metrics_from: Peers | None = None
    """Who may read the admin port beside the operator: what scrapes its /metrics. Unset: nobody."""
