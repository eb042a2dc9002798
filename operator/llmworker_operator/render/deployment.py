"""The Deployment that runs the worker's pods."""

from typing import Any

from llmworker_contract import endpoints
from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render.env import env

_PROGRESS_DEADLINE = 3600
"""Seconds until the Deployment calls a roll stuck: a large model downloads and loads for long."""

_CACHE, _SCRATCH, _SHM = "models", "scratch", "shm"


def deployment(owner: Owner, spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    """Pods on GPUs. Surge is 0, since a roll that needs a spare GPU may wait for ever."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(),
        "spec": {
            "replicas": spec.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": _PROGRESS_DEADLINE,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": names.selector(owner.name)},
            "template": {"metadata": {"labels": names.labels(owner.name)}, "spec": _pod(spec, config)},
        },
    }


def _pod(spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "containers": [_container(spec, config)],
        "volumes": _volumes(spec),
        # A Service called "vllm" would otherwise give the engine VLLM_PORT=tcp://…, which it takes for its own.
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": endpoints.TERMINATION_GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": names.WORKER_USER,
            "runAsGroup": names.WORKER_USER,
            "fsGroup": names.WORKER_USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if spec.image.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in spec.image.pull_secrets]
    return pod | _scheduling(spec)


def _scheduling(spec: LLMWorkerSpec) -> dict[str, Any]:
    where = spec.scheduling
    found = where.model_dump(by_alias=True, exclude_none=True, exclude={"tolerations", "node_selector"})
    tolerations = [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in where.tolerations]
    if spec.gpus():
        usual = {"key": names.GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}
        tolerations += [usual] if usual not in tolerations else []
    if tolerations:
        found["tolerations"] = tolerations
    if where.node_selector:
        found["nodeSelector"] = where.node_selector
    return found


def _container(spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    profile = spec.image.engine_profile()
    container: dict[str, Any] = {
        "name": names.CONTAINER,
        "image": spec.image.reference or f"{config.worker_repository}:{profile.name}",
        "env": env(spec),
        "ports": [
            {"name": endpoints.OPENAI_PORT_NAME, "containerPort": endpoints.OPENAI_PORT, "protocol": "TCP"},
            {"name": endpoints.ADMIN_PORT_NAME, "containerPort": endpoints.ADMIN_PORT, "protocol": "TCP"},
        ],
        "livenessProbe": _probe(endpoints.LIVEZ, period=10, failures=6),
        "readinessProbe": _probe(endpoints.READYZ, period=2, failures=1),
        "resources": _resources(spec),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": endpoints.TERMINATION_LOG,
        "volumeMounts": _mounts(spec),
    }
    if spec.image.pull_policy:
        container["imagePullPolicy"] = spec.image.pull_policy
    return container


def _probe(path: str, period: int, failures: int) -> dict[str, Any]:
    """A probe of the admin app. There is no startup probe: the worker itself knows whether loading goes on,
    and a fixed budget would kill large models."""
    return {
        "httpGet": {"path": path, "port": endpoints.ADMIN_PORT_NAME},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _resources(spec: LLMWorkerSpec) -> dict[str, Any]:
    """What was asked for, and the GPUs: extended resources need request and limit to be equal."""
    gpus = {spec.gpu.resource_name or names.DEFAULT_GPU_RESOURCE: str(spec.gpus())} if spec.gpus() else {}
    both = {"requests": {**spec.resources.requests, **gpus}, "limits": {**spec.resources.limits, **gpus}}
    return {kind: {name: str(amount) for name, amount in given.items()} for kind, given in both.items() if given}


def _volumes(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    shm: dict[str, Any] = {"medium": "Memory"}
    if spec.gpu.shared_memory is not None:
        shm["sizeLimit"] = str(spec.gpu.shared_memory)
    return [
        {"name": _CACHE, **_cache(spec)},
        {"name": _SCRATCH, "emptyDir": {}},
        {"name": _SHM, "emptyDir": shm},
    ]


def _cache(spec: LLMWorkerSpec) -> dict[str, Any]:
    claim, folder = spec.cache.persistent_volume_claim, spec.cache.empty_dir
    if claim:
        # readOnly only where it is true: the API server leaves false out, and the live object would look changed.
        read_only = {"readOnly": True} if claim.read_only else {}
        return {"persistentVolumeClaim": {"claimName": claim.claim_name, **read_only}}
    limit = folder.size_limit if folder else None
    return {"emptyDir": {} if limit is None else {"sizeLimit": str(limit)}}


def _mounts(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    claim = spec.cache.persistent_volume_claim
    cache: dict[str, Any] = {"name": _CACHE, "mountPath": endpoints.MODEL_MOUNT}
    if claim and claim.read_only:
        cache["readOnly"] = True
    return [
        cache,
        {"name": _SCRATCH, "mountPath": "/tmp"},  # noqa: S108  (the only writable folder beside the cache)
        {"name": _SHM, "mountPath": "/dev/shm"},  # noqa: S108  (NCCL and vLLM share memory here)
    ]
