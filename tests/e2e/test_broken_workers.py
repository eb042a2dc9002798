"""Workers that are broken for real on a real node: the kubelet's, the runtime's and the engine's own words, and what is
told of them."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.broken import Broken, check_told
from assets.llmworkers import LLMWorkers
from demo.kube import Kube

pytestmark = [pytest.mark.l3, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
MANIFEST = yaml.safe_load((ROOT / "demo" / "worker.yaml").read_text())
NAMESPACE = MANIFEST["metadata"]["namespace"]


BROKEN = {  # what differs from the demo's worker
    "noimage": Broken(
        {"image": {"reference": "localhost/none:1"}}, "ImagePullFailed", "localhost/none:1", "spec.image"
    ),
    "neverpull": Broken(
        {"image": {"reference": "localhost/none:1", "pullPolicy": "Never"}}, "ImagePullFailed", "Never", "spec.image"
    ),
    "badimage": Broken({"image": {"reference": "localhost/Not An Image"}}, "ImagePullFailed", "Invalid", "spec.image"),
    "nosecret": Broken(
        {"model": {"hfTokenSecretRef": {"name": "none", "key": "token"}}}, "SecretMissing", 'secret "none"', "Create it"
    ),
    "nokey": Broken(
        {"model": {"hfTokenSecretRef": {"name": "there", "key": "none"}}}, "SecretMissing", "key none", "Create it"
    ),
    "noapikeys": Broken(
        {"serving": {"apiKeysSecretRef": {"name": "none", "key": "keys"}}},
        "SecretMissing",
        'secret "none"',
        "Create it",
    ),
    "notemplate": Broken(
        {"model": {"customChatTemplateConfigMapRef": {"name": "none", "key": "t"}}},
        "ConfigMapMissing",
        'configmap "none"',
        "Create it",
    ),
    "noconfig": Broken(
        {"env": [{"name": "MINE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}]},
        "ConfigMapMissing",
        'configmap "none"',
        "Create it",
    ),
    "little": Broken(
        {"resources": {"limits": {"memory": "40Mi"}}}, "OutOfHostMemory", "more memory", "spec.resources.limits.memory"
    ),
    "nothere": Broken({"model": {"name": "/models/none"}}, "ModelNotFound", "/models/none", "model"),
    "toolong": Broken({"engine": {"maxModelLen": 99999}}, "ContextTooLong", "99999", "MAX_MODEL_LEN"),
}


def merged(base: dict[str, Any], differs: dict[str, Any]) -> dict[str, Any]:
    """The base with what differs; a list takes the place of the base's."""
    found = copy.deepcopy(base)
    for key, value in differs.items():
        found[key] = merged(found.get(key, {}), value) if isinstance(value, dict) else value
    return found


@pytest.fixture(scope="module")
def broken(kube: Kube) -> Iterator[Kube]:
    """All of them at once, none with a GPU, so that none waits for another."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "there"}, "stringData": {"other": "x"}}
    objects: list[dict[str, Any]] = [secret]
    for name, one in BROKEN.items():
        spec = merged(merged(MANIFEST["spec"], {"gpu": {"count": 0}}), one.spec)
        objects.append({**MANIFEST, "metadata": {"name": name}, "spec": spec})
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=yaml.safe_dump_all(objects))
    yield kube
    kube.kubectl("delete", "-n", NAMESPACE, "llmworkers", *BROKEN)
    kube.kubectl("delete", "-n", NAMESPACE, "secret", "there")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_worker_is_told_with_reason_sentence_and_step(broken: Kube, name: str) -> None:
    check_told(LLMWorkers(broken, NAMESPACE), name, BROKEN[name], scheduled=True)


def test_a_failure_of_the_engine_is_kept_with_its_remedy(broken: Kube) -> None:
    status = broken.get("llmworker", "toolong", "-n", NAMESPACE)["status"]
    assert status["lastFailure"]["reason"] == BROKEN["toolong"].reason
    assert status["lastFailure"]["exitCode"] == 1
    assert status["lastFailure"]["remedy"]
