"""Each example as the objects it becomes. `--update-golden` rewrites the files; read the difference in review."""

from pathlib import Path

import pytest
import yaml

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render import children

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"


def rendered(example: Path) -> str:
    worker = yaml.safe_load(example.read_text())
    spec = LLMWorkerSpec.model_validate(worker["spec"])
    owner = Owner(name=worker["metadata"]["name"], namespace="default", uid="00000000-0000-0000-0000-000000000000")
    return yaml.safe_dump_all(children(owner, spec, Config(pod_namespace="llmworker-system")), sort_keys=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_renders_as_its_golden_file_says(example: Path, request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / example.name
    if request.config.getoption("--update-golden"):
        golden.write_text(rendered(example))
    assert rendered(example) == golden.read_text()


def test_there_is_no_golden_file_without_an_example() -> None:
    assert {path.name for path in GOLDEN.glob("*.yaml")} == {path.name for path in EXAMPLES}


DIGEST = f"sha256:{'0a' * 32}"


def container(**spec: object) -> dict[str, object]:
    parsed = LLMWorkerSpec.model_validate({"model": {"name": "m"}, **spec})
    config = Config(worker_repository="registry.example/worker", worker_digests={"latest-cuda13.0": DIGEST})
    _, deployment = children(Owner("w", "n"), parsed, config)
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize(
    ("spec", "gpus"),
    [
        pytest.param({}, {"nvidia.com/gpu": "1"}, id="one by default"),
        pytest.param(
            {"engine": {"tensorParallelSize": 2, "pipelineParallelSize": 2}},
            {"nvidia.com/gpu": "4"},
            id="as many as the engine splits the model over",
        ),
        pytest.param({"gpu": {"count": 1, "resourceName": "nvidia.com/mig-1g.5gb"}}, {"nvidia.com/mig-1g.5gb": "1"}),
        pytest.param({"image": {"profile": "cpu"}}, None, id="none for an engine without CUDA"),
        pytest.param({"image": {"profile": "cpu"}, "gpu": {"count": 1}}, {"nvidia.com/gpu": "1"}, id="as stated"),
    ],
)
def test_gpus_of_a_pod(spec: dict[str, object], gpus: dict[str, str] | None) -> None:
    resources = container(**spec)["resources"]
    assert resources == ({} if gpus is None else {"requests": gpus, "limits": gpus})


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, "registry.example/worker:stable-cuda12.1.0"),
        ({"channel": "dev"}, "registry.example/worker:dev-cuda12.1.0"),
        ({"profile": "cpu"}, "registry.example/worker:cpu"),
        ({"profile": "cpu", "reference": "localhost/own:1"}, "localhost/own:1"),
        ({"profile": "latest-cuda13.0"}, f"registry.example/worker@{DIGEST}"),
        ({"profile": "latest-cuda13.0", "reference": "localhost/own:1"}, "localhost/own:1"),
        ({"reference": f"localhost:5000/own@{DIGEST}"}, f"localhost:5000/own@{DIGEST}"),
        ({"reference": f"localhost:5000/own:1@{DIGEST}"}, f"localhost:5000/own:1@{DIGEST}"),
    ],
)
def test_image_of_a_worker(image: dict[str, str], reference: str) -> None:
    assert container(image=image)["image"] == reference


def test_a_reference_to_a_variable_in_a_value_stays_text() -> None:
    environment = container(model={"name": "m", "downloadDir": "/models/$(HOME)"})["env"]
    assert {"name": "DOWNLOAD_DIR", "value": "/models/$$(HOME)"} in environment  # type: ignore[operator]


def test_a_free_variable_wins_over_the_cache_folder_and_nothing_is_named_twice() -> None:
    environment = container(env=[{"name": "HF_HOME", "value": "/elsewhere"}])["env"]
    assert [entry for entry in environment if entry["name"] == "HF_HOME"] == [  # type: ignore[attr-defined]
        {"name": "HF_HOME", "value": "/elsewhere"}
    ]


def test_a_chat_template_is_mounted_from_its_config_map_and_named_by_its_path() -> None:
    reference = {"name": "templates", "key": "chat.jinja"}
    spec = LLMWorkerSpec.model_validate({"model": {"name": "m", "customChatTemplateConfigMapRef": reference}})
    _, deployment = children(Owner("w", "n"), spec, Config())
    pod = deployment["spec"]["template"]["spec"]
    (volume,) = [found for found in pod["volumes"] if "configMap" in found]
    assert volume["configMap"] == {"name": "templates", "items": [{"key": "chat.jinja", "path": "template.jinja"}]}
    assert {"name": volume["name"], "mountPath": "/etc/llmworker/chat-template", "readOnly": True} in pod["containers"][
        0
    ]["volumeMounts"]
    path = {"name": "CUSTOM_CHAT_TEMPLATE_FILE", "value": "/etc/llmworker/chat-template/template.jinja"}
    assert path in pod["containers"][0]["env"]


def test_secrets_are_referenced_and_never_written() -> None:
    token = {"name": "hugging-face", "key": "token"}
    environment = container(model={"name": "m", "hfTokenSecretRef": token})["env"]
    assert {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": token}} in environment  # type: ignore[operator]


def test_keys_are_mounted_as_a_folder_that_the_kubelet_renews_and_only_the_worker_reads() -> None:
    reference = {"name": "api-keys", "key": "chat"}
    spec = LLMWorkerSpec.model_validate({"model": {"name": "m"}, "serving": {"apiKeysSecretRef": reference}})
    _, deployment = children(Owner("w", "n"), spec, Config())
    pod = deployment["spec"]["template"]["spec"]
    (volume,) = [found for found in pod["volumes"] if "secret" in found]
    items = [{"key": "chat", "path": "keys"}]
    assert volume["secret"] == {"secretName": "api-keys", "items": items, "defaultMode": 0o440}
    mount = {"name": volume["name"], "mountPath": "/etc/llmworker/api-keys", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]
    assert {"name": "API_KEYS_FILE", "value": "/etc/llmworker/api-keys/keys"} in pod["containers"][0]["env"]
