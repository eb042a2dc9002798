"""`llmworker run`: the environment on this machine, and what it says, by its pure parts."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmworker_contract.problems import BadEnvironment
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.cli import telling
from llmworker_operator.cli.local import Environment, Place, environment, expanded
from llmworker_operator.render.env import entries

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
OWN = {"PATH": "/bin", "HOME": "/home/me"}


def spec(**groups: Any) -> LLMWorkerSpec:
    return LLMWorkerSpec.model_validate({"model": {"name": "org/model"}, **groups})


def on_this_machine(
    found: LLMWorkerSpec, own: dict[str, str] | None = None, profile: str | None = None, **replaced: str
) -> Environment:
    return environment(found, Place({**OWN, **(own or {})}, "/run/log", profile), replaced)


def problems(found: LLMWorkerSpec, profile: str | None = None, **replaced: str) -> list[str]:
    with pytest.raises(BadEnvironment) as caught:
        on_this_machine(found, None, profile, **replaced)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_environment_is_the_rendered_one_with_what_only_a_pod_has_replaced_in_the_open(example: Path) -> None:
    found = LLMWorkerSpec.model_validate(yaml.safe_load(example.read_text())["spec"])
    own = {"HF_TOKEN": "hf_mine", "API_KEYS_FILE": "/my/keys", "CUSTOM_CHAT_TEMPLATE_FILE": "/my/template"}
    given = environment(found, Place({**OWN, **own}, "/run/log", has_model_mount=True), {})
    rendered = {entry.variable["name"]: entry.variable.get("value") for entry in entries(found)}
    of_ours = {name: value for name, value in given.variables.items() if not name.startswith("LLMWORKER_")}
    assert of_ours.keys() == rendered.keys() | OWN.keys()
    differing = {name for name, value in rendered.items() if of_ours[name] != value}
    assert differing <= {"HF_HOME", *own}
    assert {note.split()[0] for note in given.notes} == differing
    assert given.variables["HF_HOME"] == "/home/me/.cache/huggingface"


def test_the_place_is_told_to_the_worker() -> None:
    place = Place(OWN, "/run/log", "cpu", "0.0.0.0", 9000, 9001)
    given = environment(spec(), place, {}).variables
    assert {name: value for name, value in given.items() if name.startswith("LLMWORKER_")} == {
        "LLMWORKER_ENGINE_PROFILE": "cpu",
        "LLMWORKER_HOST": "0.0.0.0",
        "LLMWORKER_OPENAI_PORT": "9000",
        "LLMWORKER_ADMIN_PORT": "9001",
        "LLMWORKER_TERMINATION_LOG": "/run/log",
    }
    assert (place.url, place.admin_url) == ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9001")


def test_of_this_machine_only_what_a_machine_says_is_taken_over() -> None:
    own = {"CUDA_VISIBLE_DEVICES": "1", "MAX_MODEL_LEN": "5", "HF_TOKEN": "hf_mine", "HF_HOME": "/data/hub"}
    given = on_this_machine(spec(), own).variables
    assert given["CUDA_VISIBLE_DEVICES"] == "1"
    assert given["HF_HOME"] == "/data/hub"
    assert not {"MAX_MODEL_LEN", "HF_TOKEN"} & given.keys()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("$$(A)", "$(A)", id="a doubled dollar sign is one"),
        pytest.param("$(A)/b", "1/b", id="a reference"),
        pytest.param("$(B)", "$(B)", id="a reference to nothing"),
        pytest.param("$A $(A $", "$A $(A $", id="no references"),
        pytest.param("$$$(A)", "$1", id="a dollar sign before a reference"),
    ],
)
def test_references_are_expanded_as_the_kubelet_does(text: str, value: str) -> None:
    assert expanded(text, {"A": "1"}) == value


def test_a_free_variable_may_refer_to_others_and_to_what_took_their_place() -> None:
    found = spec(env=[{"name": "HF_HUB_CACHE", "value": "$(HF_HOME)/hub"}])
    assert on_this_machine(found, HF_HOME="/mine").variables["HF_HUB_CACHE"] == "/mine/hub"


@pytest.mark.parametrize("text", ["$(MODEL_NAME)", "$$", "a$$b", "$$(MODEL_NAME)", "$$$(", "$ $x {{ '$(' }}$"])
def test_what_a_field_states_reaches_the_worker_through_the_kubelet_as_it_was_written(text: str) -> None:
    found = spec(model={"name": "m", "customChatTemplate": text})
    assert on_this_machine(found).variables["CUSTOM_CHAT_TEMPLATE"] == text


def test_all_that_only_a_cluster_has_is_asked_for_at_once() -> None:
    found = spec(
        model={
            "name": "/models/m",
            "hfTokenSecretRef": {"name": "hub", "key": "token"},
            "customChatTemplateConfigMapRef": {"name": "templates", "key": "chat"},
        },
        serving={"apiKeysSecretRef": {"name": "keys", "key": "k"}},
        env=[
            {"name": "ACCESS", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "id"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    )
    only, here = "which only a cluster has", "give a file of this machine with"
    template, token = "spec.model.customChatTemplateConfigMapRef", "spec.model.hfTokenSecretRef"
    assert problems(found) == [
        f"API_KEYS_FILE: is key k of the Secret keys (spec.serving.apiKeysSecretRef), mounted as a file, {only}: "
        f"{here} --set API_KEYS_FILE=FILE",
        f"CUSTOM_CHAT_TEMPLATE_FILE: is key chat of the ConfigMap templates ({template}), mounted as a file, {only}: "
        f"{here} --set CUSTOM_CHAT_TEMPLATE_FILE=FILE",
        f"HF_TOKEN: is key token of the Secret hub ({token}), {only}: set HF_TOKEN in this command's environment",
        "spec.model.name: /models/m lies where only a pod has the model cache: give a path of this machine with --set "
        "MODEL_NAME=PATH",
        f"ACCESS: is key id of the Secret aws (spec.env[0]), {only}: set ACCESS in this command's environment",
        f"POD: is fieldRef metadata.name (spec.env[1]), {only}: give it with --set POD=VALUE",
    ]
    own = {"HF_TOKEN": "hf_mine", "ACCESS": "a"}
    given = on_this_machine(
        found, own, MODEL_NAME="./m", POD="here", API_KEYS_FILE="keys", CUSTOM_CHAT_TEMPLATE="{{ messages }}"
    )
    assert given.variables.items() >= {**own, "MODEL_NAME": "./m", "POD": "here", "API_KEYS_FILE": "keys"}.items()
    assert "CUSTOM_CHAT_TEMPLATE_FILE" not in given.variables
    assert "hf_mine" not in " ".join(given.notes)


def test_what_may_be_missing_is_left_out_and_told() -> None:
    source = {"secretKeyRef": {"name": "aws", "key": "id", "optional": True}}
    given = on_this_machine(spec(env=[{"name": "ACCESS", "valueFrom": source}]))
    assert "ACCESS" not in given.variables
    assert "ACCESS is left out: key id of the Secret aws (spec.env[0]) is optional" in given.notes


def test_what_is_set_takes_the_place_of_the_field_under_any_of_its_names_and_nothing_unsets_it() -> None:
    found = spec(streaming={"defaultMinBatchSize": 4}, engine={"maxModelLen": 8, "seed": 1})
    given = on_this_machine(found, MIN_BATCH_SIZE="2", MAX_MODEL_LEN="").variables
    assert given["DEFAULT_MIN_BATCH_SIZE"] == "2"
    assert "MIN_BATCH_SIZE" not in given
    assert (given["MAX_MODEL_LEN"], given["SEED"]) == ("", "1")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SEED", "x", "SEED: expected a whole number, got 'x'"),
        ("MAX_LORAS", "2", "MAX_LORAS: MAX_LORAS has no effect without ENABLE_LORA"),
        ("HF_TOKEN", "verysecret", "HF_TOKEN: is a secret, and arguments are seen by others: name a Secret in"),
        ("LLMWORKER_OPENAI_PORT", "1", "LLMWORKER_OPENAI_PORT: is this command's own: see --profile, --host, --port"),
        ("VLLM_API_KEY", "verysecret", "VLLM_API_KEY: is refused"),
    ],
)
def test_what_is_set_is_held_to_the_contract(name: str, value: str, words: str) -> None:
    (problem,) = problems(spec(), **{name: value})
    assert problem.startswith(words)
    assert "verysecret" not in problem


def test_a_name_that_is_set_and_that_nobody_reads_is_told() -> None:
    given = on_this_machine(spec(), MAX_MODEL_LENGTH="1")
    assert given.variables["MAX_MODEL_LENGTH"] == "1"
    assert "MAX_MODEL_LENGTH is not read by a worker: did you mean MAX_MODEL_LEN? Correct or remove it" in given.notes


def test_a_secret_of_the_manifest_is_not_taken_from_an_argument() -> None:
    found = spec(env=[{"name": "ACCESS", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "id"}}}])
    assert problems(found, ACCESS="verysecret") == [
        "ACCESS: is a secret, and arguments are seen by others: set ACCESS in this command's environment"
    ]


def test_what_the_engine_refuses_is_a_problem_of_the_engine_that_runs() -> None:
    found = spec(engine={"quantization": "squeezellm"})
    (problem,) = problems(found)
    assert problem.startswith("spec.engine.quantization: vLLM 0.6.3.post1 of stable-cuda12.1.0 takes one of awq")
    assert on_this_machine(found, QUANTIZATION="awq").variables["QUANTIZATION"] == "awq"
    (problem,) = problems(spec(engine={"quantization": "awq"}), "cpu", QUANTIZATION="squeezellm")
    assert problem.startswith("QUANTIZATION: vLLM 0.32.0 of cpu takes one of")


@pytest.mark.parametrize(
    ("status", "now", "change"),
    [
        ({"phase": "loading_weights", "percent": 45}, "loading weights 45 %, 7 s", "loading weights after 20 s"),
        ({"phase": "downloading", "downloadedBytes": 1.5e9}, "downloading 1,500 MB, 7 s", "downloading after 20 s"),
        ({"phase": "starting"}, "starting, 7 s", "starting after 20 s"),
        (
            {"phase": "unhealthy", "detail": "It hangs.\nx"},
            "unhealthy, 7 s: It hangs.",
            "unhealthy after 20 s: It hangs.",
        ),
    ],
    ids=lambda value: value["phase"] if isinstance(value, dict) else "",
)
def test_a_phase_is_one_line(status: dict[str, Any], now: str, change: str) -> None:
    whole = {"percent": None, "downloadedBytes": None, "detail": "", **status, "secondsInPhase": 7.1, "seconds": 20.4}
    assert (telling.now(whole), telling.change(whole)) == (now, change)


def test_the_line_for_a_shell_survives_it_and_holds_no_key() -> None:
    words = shlex.split(telling.curl("http://h:1/v1", "it's a $model", chat=True, keys=True, proxy=True))
    assert words[:4] == ["curl", "-sN", "--noproxy", "*"]
    assert "Authorization: Bearer $API_KEY" in words
    assert "http://h:1/v1/chat/completions" in words
    assert json.loads(words[-1])["model"] == "it's a $model"
    assert "prompt" in telling.curl("u", "m", chat=False, keys=False)


def test_a_cause_is_told_once_and_its_absence_too() -> None:
    message = {"reason": "DiskFull", "message": "a\nb", "remedy": "c"}
    assert telling.failed(1, message) == ["failed: DiskFull", "a", "b", "c"]
    assert telling.failed(-9, None)[0].startswith("failed: the worker ended by signal 9")
    assert telling.last_lines("x\n\ny\nllmworker: DiskFull: a | b c\n", message) == ["x", "y"]
