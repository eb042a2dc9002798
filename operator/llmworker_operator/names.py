"""Every name that the cluster sees, written once."""

from typing import Final

GROUP: Final = "llmworker.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "LLMWorker"
PLURAL: Final = "llmworkers"

FIELD_MANAGER: Final = "llmworker-operator"
"""Owner of the fields that we apply; it is API: another name would leave the old one's fields behind."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
"""Label on all children; the operator watches only objects that carry it with FIELD_MANAGER as value."""

OPERATOR_LABELS: Final = {"app.kubernetes.io/name": FIELD_MANAGER}
"""Labels of the operator's own pod, as the chart sets them."""

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""Label on every namespace: its name."""

WORKER_LABEL: Final = f"{GROUP}/worker"
"""Label on children and pods, and the selector of both: the LLMWorker's name."""

DESIRED_HASH: Final = f"{GROUP}/desired-hash"
"""Annotation on children: hash of what we applied, so that an unchanged child costs no request."""

TEMPLATE_HASH: Final = f"{GROUP}/template-hash"
"""Annotation on pods: hash of the template that they were made of, which tells those of the current revision."""

DIGEST: Final = "sha256:[a-f0-9]{64}"
"""Pattern of an image's digest, as container runtimes check it."""

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation of kubectl's: what it applied last, by which it knows what is no longer said."""

CLAIM: Final = "PersistentVolumeClaim"

CONTAINER: Final = "worker"
SERVICE_PORT: Final = 80
DEFAULT_GPU_RESOURCE: Final = "nvidia.com/gpu"
NVIDIA: Final = "nvidia.com/"
"""Prefix of all of NVIDIA's resources and of GPU Feature Discovery's labels."""

NVIDIA_TAINT: Final = "nvidia.com/gpu"
"""The taint that clusters put on nodes with NVIDIA's GPUs, whole or cut into MIG slices."""

CUDA_RELEASE: Final = (f"{NVIDIA}cuda.runtime", f"{NVIDIA}cuda.runtime-version")
"""Labels, with .major and .minor, of the newest CUDA that a node's driver supports, as GPU Feature Discovery sets them:
the first in all releases, but deprecated, the second from 0.15 on. Their `cuda.driver` labels are the driver's own
number, as 535."""

WORKER_USER: Final = 10001
"""Numeric user of the worker image, since `runAsNonRoot` can only judge numbers."""

CLUSTER_DOMAIN: Final = "svc.cluster.local"


def labels(worker: str) -> dict[str, str]:
    """Labels of every object that belongs to the worker of that name."""
    return {
        "app.kubernetes.io/name": "llmworker",
        "app.kubernetes.io/instance": worker,
        "app.kubernetes.io/component": "worker",
        MANAGED_BY: FIELD_MANAGER,
        WORKER_LABEL: worker,
    }


def selector(worker: str) -> dict[str, str]:
    """What selects a worker's pods; never changes, since a Deployment's selector cannot."""
    return {WORKER_LABEL: worker}


def url(worker: str, namespace: str) -> str:
    """The base URL that OpenAI clients in the cluster are given."""
    return f"http://{worker}.{namespace}.{CLUSTER_DOMAIN}/v1"
