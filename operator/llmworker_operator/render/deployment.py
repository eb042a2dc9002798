"""The Deployment that runs the worker's pods."""

from pathlib import PurePosixPath
from typing import Any

from llmworker_contract import endpoints
from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.digest import digest
from llmworker_operator.owner import Owner
from llmworker_operator.render.env import env
from llmworker_operator.render.scheduling import scheduling
from llmworker_operator.render.storage import cache_volume

_LEAVING = 5
"""Seconds that a pod goes on serving after it is told to go: meanwhile every node stops sending to it. A worker without
open requests ends at once, and who is still sent to it would find nobody. By the image's own sleep: Kubernetes' sleep
action came with 1.30."""

_CACHE, _SCRATCH, _SHM, _TEMPLATE, _KEYS = "models", "scratch", "shm", "chat-template", "api-keys"

_GROUP_READS = 0o440
"""The mode of a mounted Secret: for the pod's fsGroup, which is the worker's, and nobody else."""


def deployment(owner: Owner, spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    """Pods on GPUs."""
    wait = {"minReadySeconds": spec.rollout.min_ready_seconds} if spec.rollout.min_ready_seconds else {}
    template = _template_of(owner, spec, config)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(),
        "spec": {
            "replicas": spec.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": spec.rollout.deadline(),
            **wait,
            "strategy": _strategy(spec),
            "selector": {"matchLabels": names.selector(owner.name)},
            "template": template,
        },
    }


def _template_of(owner: Owner, spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    """What pods are made of, with its own hash: nothing else tells a pod of this revision from an older one."""
    labels, pod = {**spec.pod_metadata.labels, **names.labels(owner.name)}, _pod(owner, spec, config)
    annotations = spec.pod_metadata.annotations
    # Only where there are some, so that a worker without them keeps the hash that its pods carry.
    hashed = {"labels": labels, "spec": pod, **({"annotations": annotations} if annotations else {})}
    return {
        "metadata": {"labels": labels, "annotations": {**annotations, names.TEMPLATE_HASH: digest(hashed)}},
        "spec": pod,
    }


def _strategy(spec: LLMWorkerSpec) -> dict[str, Any]:
    if spec.rollout.strategy == "Recreate":
        return {"type": "Recreate"}
    counts = {"maxSurge": spec.rollout.surge(), "maxUnavailable": spec.rollout.unavailable()}
    return {"type": "RollingUpdate", "rollingUpdate": counts}


def _pod(owner: Owner, spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "containers": [_container(spec, config)],
        "volumes": _volumes(owner, spec),
        # A Service called "vllm" would otherwise give the engine VLLM_PORT=tcp://…, which it takes for its own.
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": _grace(spec),
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
    return pod | scheduling(owner, spec)


def _grace(spec: LLMWorkerSpec) -> int:
    """As long as the worker itself may take: open requests, then the engine's end. The hook's time counts as well."""
    stated = spec.serving.drain_timeout_seconds
    drain = endpoints.DRAIN_TIMEOUT if stated is None else stated
    return _LEAVING + drain + endpoints.STOP_GRACE + endpoints.TERMINATION_MARGIN


def _container(spec: LLMWorkerSpec, config: Config) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": names.CONTAINER,
        "image": _image(spec, config),
        "env": env(spec),
        "ports": [
            {"name": endpoints.OPENAI_PORT_NAME, "containerPort": endpoints.OPENAI_PORT, "protocol": "TCP"},
            {"name": endpoints.ADMIN_PORT_NAME, "containerPort": endpoints.ADMIN_PORT, "protocol": "TCP"},
        ],
        "livenessProbe": _probe(endpoints.LIVEZ, period=10, failures=6),
        "readinessProbe": _probe(endpoints.READYZ, period=2, failures=1),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(_LEAVING)]}}},
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


def _image(spec: LLMWorkerSpec, config: Config) -> str:
    profile = spec.image.engine_profile().name
    digest = config.worker_digests.get(profile)
    named = f"@{digest}" if digest else f":{profile}"
    return spec.image.reference or f"{config.worker_repository}{named}"


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
    gpus = {spec.gpu_resource(): str(spec.gpus())} if spec.gpus() else {}
    both = {"requests": {**spec.resources.requests, **gpus}, "limits": {**spec.resources.limits, **gpus}}
    return {kind: {name: str(amount) for name, amount in given.items()} for kind, given in both.items() if given}


def _volumes(owner: Owner, spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    shm: dict[str, Any] = {"medium": "Memory"}
    if spec.gpu.shared_memory is not None:
        shm["sizeLimit"] = str(spec.gpu.shared_memory)
    return [
        {"name": _CACHE, **cache_volume(owner, spec)},
        {"name": _SCRATCH, "emptyDir": {}},
        {"name": _SHM, "emptyDir": shm},
        *_template(spec),
        *_keys(spec),
    ]


def _template(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    reference = spec.model.custom_chat_template_config_map_ref
    if reference is None:
        return []
    item = {"key": reference.key, "path": PurePosixPath(endpoints.CHAT_TEMPLATE_FILE).name}
    return [{"name": _TEMPLATE, "configMap": {"name": reference.name, "items": [item]}}]


def _keys(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    reference = spec.serving.api_keys_secret_ref
    if reference is None:
        return []
    item = {"key": reference.key, "path": PurePosixPath(endpoints.API_KEYS_FILE).name}
    secret = {"secretName": reference.name, "items": [item], "defaultMode": _GROUP_READS}
    return [{"name": _KEYS, "secret": secret}]


def _mounts(spec: LLMWorkerSpec) -> list[dict[str, Any]]:
    cache: dict[str, Any] = {"name": _CACHE, "mountPath": endpoints.MODEL_MOUNT}
    if spec.cache.read_only():
        cache["readOnly"] = True
    return [
        cache,
        {"name": _SCRATCH, "mountPath": "/tmp"},  # noqa: S108  (the only writable folder beside the cache)
        {"name": _SHM, "mountPath": "/dev/shm"},  # noqa: S108  (NCCL and vLLM share memory here)
        *({"name": v["name"], "mountPath": endpoints.CHAT_TEMPLATE_MOUNT, "readOnly": True} for v in _template(spec)),
        # The whole folder, since the kubelet renews no file that is mounted by a subPath.
        *({"name": v["name"], "mountPath": endpoints.API_KEYS_MOUNT, "readOnly": True} for v in _keys(spec)),
    ]
