"""Whose children are rendered: the identity of one LLMWorker, apart from what it asks for."""

from dataclasses import dataclass
from typing import Any

from llmworker_operator import names


@dataclass(frozen=True)
class Owner:
    """One LLMWorker; `uid` is empty where there is no cluster, and then nothing refers to it."""

    name: str
    namespace: str
    uid: str = ""

    def metadata(self) -> dict[str, Any]:
        """Metadata of a child. The owner reference lets the cluster delete it, with or without the operator.

        `blockOwnerDeletion` stays out: it would need the right to edit finalizers and would let a child that
        cannot be deleted hold up its owner.
        """
        metadata: dict[str, Any] = {
            "name": self.name,
            "namespace": self.namespace,
            "labels": names.labels(self.name),
        }
        if self.uid:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.KIND,
                    "name": self.name,
                    "uid": self.uid,
                    "controller": True,
                }
            ]
        return metadata
