"""The command line, as a person or a script calls it: without a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from contract.samples import DOCUMENT
from llmworker_contract import engines
from llmworker_contract.catalogue import VARIABLES
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.cli import main
from llmworker_operator.config import Config
from llmworker_operator.owner import Owner
from llmworker_operator.render import children
from llmworker_operator.render.env import env

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EVERYTHING = ROOT / "examples" / "everything.yaml"


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin)


def manifest(tmp_path: Path, *bodies: dict[str, object]) -> str:
    path = tmp_path / "workers.yaml"
    path.write_text(yaml.safe_dump_all(bodies))
    return str(path)


def worker(name: str = "chat", **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "llmworker.dev/v1alpha1",
        "kind": "LLMWorker",
        "metadata": {"name": name},
        "spec": {"model": {"name": "org/model"}, **spec},
    }


def test_explain_lists_every_documented_variable_with_all_that_a_program_needs() -> None:
    found = {entry["variable"]: entry for entry in json.loads(run("explain", "--json").output)}
    assert found.keys() >= DOCUMENT.keys()
    for entry in found.values():
        assert entry.keys() >= {"variable", "field", "type", "default", "secret", "verdicts"}
        assert set(entry["verdicts"]) == set(engines.names())
        for judged in entry["verdicts"].values():
            assert judged["verdict"] in {"honoured", "translated", "no effect", "never had effect"}
            assert judged["detail"]
    assert found["GPU_MEMORY_UTILIZATION"]["default"] == 0.95
    assert found["GPU_MEMORY_UTILIZATION"]["verdicts"]["stable-cuda12.1.0"]["default"] == 0.95
    assert found["GPU_MEMORY_UTILIZATION"]["verdicts"]["cpu"]["default"] == 0.92
    assert found["ENABLE_LORA"]["default"] is False
    assert found["HF_TOKEN"]["secret"] is True


@pytest.mark.parametrize(
    "name", ["MAX_MODEL_LEN", "max_model_len", "spec.engine.maxModelLen", "engine.maxModelLen", "maxModelLen"]
)
def test_explain_takes_any_spelling_and_says_meaning_unit_range_and_unset(name: str) -> None:
    output = run("explain", name).output
    for words in ("MAX_MODEL_LEN", "spec.engine.maxModelLen", "in tokens", "int >= 1", "0:", "unset:", "honoured"):
        assert words in output


def test_explain_an_alias_and_one_profile_only() -> None:
    (entry,) = json.loads(run("explain", "MIN_BATCH_SIZE", "--profile", "cpu", "--json").output)
    assert entry["variable"] == "DEFAULT_MIN_BATCH_SIZE"
    assert list(entry["verdicts"]) == ["cpu"]


def test_explain_what_does_not_exist_names_the_nearest() -> None:
    result = run("explain", "MAX_MODEL_LENGTH")
    assert result.exit_code == 2
    assert "did you mean MAX_MODEL_LEN?" in result.output


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_env_prints_what_the_container_gets_with_the_field_of_each(example: Path) -> None:
    spec = LLMWorkerSpec.model_validate(yaml.safe_load(example.read_text())["spec"])
    listed = json.loads(run("env", "-f", str(example), "--json").output)
    assert [{key: value for key, value in entry.items() if key != "field"} for entry in listed] == env(spec)
    fields = {variable.name: variable.field for variable in VARIABLES}
    for index, entry in enumerate(listed):
        assert entry["field"] == fields.get(entry["name"], entry["field"]), index
    assert all(entry["field"].startswith("spec.") for entry in listed)


def test_everything_sets_every_documented_variable() -> None:
    listed = {entry["name"]: entry for entry in json.loads(run("env", "-f", str(EVERYTHING), "--json").output)}
    assert listed.keys() >= DOCUMENT.keys()
    assert listed["HF_TOKEN"] == {
        "name": "HF_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "hugging-face", "key": "token"}},
        "field": "spec.model.hfTokenSecretRef",
    }
    assert listed["ROPE_SCALING"]["value"] == '{"factor":2,"rope_type":"dynamic"}'
    assert listed["LONG_LORA_SCALING_FACTORS"]["value"] == "1.5,2"


def test_env_for_people_has_no_colours_in_a_pipe() -> None:
    output = run("env", "-f", str(ROOT / "examples" / "gated.yaml")).output
    assert "MAX_MODEL_LEN=8192  # spec.engine.maxModelLen" in output
    assert 'HF_TOKEN from {"secretKeyRef": {"name": "hugging-face", "key": "token"}}' in output
    assert "\x1b" not in output


def test_env_of_one_of_several(tmp_path: Path) -> None:
    path = manifest(tmp_path, worker("a"), worker("b", engine={"seed": 3}))
    assert run("env", "-f", path, "--json").exit_code == 2
    listed = json.loads(run("env", "-f", path, "--json", "--name", "b").output)
    assert {"name": "SEED", "value": "3", "field": "spec.engine.seed"} in listed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_render_prints_the_objects_that_the_operator_applies(example: Path) -> None:
    body = yaml.safe_load(example.read_text())
    owner = Owner(body["metadata"]["name"], "default")
    objects = list(yaml.safe_load_all(run("render", "-f", str(example)).output))
    assert objects == children(owner, LLMWorkerSpec.model_validate(body["spec"]), Config())


def test_a_text_that_kubectl_would_take_for_a_boolean_is_quoted(tmp_path: Path) -> None:
    output = run("render", "-f", manifest(tmp_path, worker(openai={"responseRole": "y"}))).output
    assert 'value: "y"' in output.replace("'", '"')


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid(example: Path) -> None:
    result = run("validate", "-f", str(example))
    assert (result.exit_code, "1 sound" in result.output) == (0, True)


def test_validate_reports_all_problems_of_all_workers_at_once(tmp_path: Path) -> None:
    bad = worker(
        "Bad_Name",
        engine={"maxModelLen": 0, "maxModelLength": 5, "dtype": "int4"},
        env=[{"name": name, "value": "1"} for name in ("MAX_NUM_SEQS", "VLLM_API_KEY")],
    )
    rules = worker("rules", engine={"maxLoras": 2, "tensorParallelSize": 2}, gpu={"count": 1})
    refused = worker("refused", engine={"quantization": "squeezellm"})
    result = run("validate", "-f", manifest(tmp_path, bad, rules, refused))
    assert result.exit_code == 1
    for words in (
        "#1: metadata.name: also names a Service",
        "#1: spec.engine.maxModelLen: expected greater than or equal to 1, got 0",
        "#1: spec.engine.maxModelLength: is not a field: did you mean spec.engine.maxModelLen?",
        "#1: spec.engine.dtype: expected 'auto', 'half', 'float16', 'bfloat16', 'float' or 'float32', got 'int4'",
        "#1: spec.env[0].name: MAX_NUM_SEQS is set by a field of the spec, not by spec.env",
        "#1: spec.env[1].name: VLLM_API_KEY is refused: ",
        "#2: spec.engine.maxLoras: maxLoras has no effect without enableLora",
        "#2: spec.gpu.count: gpu.count must equal engine.tensorParallelSize times engine.pipelineParallelSize",
        "#3: spec.engine.quantization: vLLM 0.6.3.post1 of stable-cuda12.1.0 takes one of awq, gptq, got 'squeezellm'",
        "9 problems",
    ):
        assert words in result.output


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        ({"maxModelLen": "4096"}, "spec.engine.maxModelLen: expected a valid integer, got '4096'"),
        ({"enforceEager": "true"}, "spec.engine.enforceEager: expected a valid boolean, got 'true'"),
        ({"seed": True}, "spec.engine.seed: expected a valid integer, got True"),
    ],
)
def test_types_are_taken_as_strictly_as_the_api_server_takes_them(
    tmp_path: Path, engine: dict[str, object], problem: str
) -> None:
    result = run("validate", "-f", manifest(tmp_path, worker(engine=engine)))
    assert (result.exit_code, problem in result.output) == (1, True), result.output


def test_a_text_of_another_form_names_the_form(tmp_path: Path) -> None:
    result = run("validate", "-f", manifest(tmp_path, worker(cache={"hostPath": {"path": "models"}})))
    assert result.exit_code == 1
    assert "spec.cache.hostPath.path: expected a text of the form ^/, got 'models'" in result.output


@pytest.mark.parametrize("name", ["7b", "chat_1", "Chat", "a" * 64, "chat-", ""])
def test_a_name_that_no_service_could_have_is_refused(tmp_path: Path, name: str) -> None:
    result = run("validate", "-f", manifest(tmp_path, worker(name)))
    assert (result.exit_code, "metadata.name: also names a Service" in result.output) == (1, True)


def test_what_only_the_engine_refuses_is_told_beside_the_environment(tmp_path: Path) -> None:
    path = manifest(tmp_path, worker(engine={"quantization": "squeezellm"}))
    result = run("env", "-f", path)
    assert result.exit_code == 0
    assert "QUANTIZATION=squeezellm" in result.stdout
    assert "spec.engine.quantization: vLLM 0.6.3.post1" in result.stderr


@pytest.mark.parametrize("command", ["validate", "render", "env"])
def test_what_an_operator_may_refuse_is_told_in_one_line_and_is_no_problem(tmp_path: Path, command: str) -> None:
    asking = worker(model={"name": "org/model", "trustRemoteCode": True})
    result = run(command, "-f", manifest(tmp_path, asking, worker("plain")))
    assert result.exit_code == 0
    (told,) = result.stderr.splitlines()
    assert "spec.model.trustRemoteCode: a cluster's operator refuses it, unless" in told
    assert command == "validate" or "TRUST_REMOTE_CODE" in result.stdout


def test_a_rendered_network_policy_lets_in_the_operator_where_it_is() -> None:
    result = run("render", "-f", str(ROOT / "examples" / "private.yaml"), "--operator-namespace", "llmworker-system")
    (policy,) = [found for found in yaml.safe_load_all(result.stdout) if found["kind"] == "NetworkPolicy"]
    namespace = policy["spec"]["ingress"][1]["from"][0]["namespaceSelector"]
    assert namespace == {"matchLabels": {"kubernetes.io/metadata.name": "llmworker-system"}}


def test_validate_tells_what_has_no_effect_and_calls_it_no_problem(tmp_path: Path) -> None:
    result = run("validate", "-f", manifest(tmp_path, worker(image={"profile": "cpu"}, engine={"swapSpace": 8})))
    assert result.exit_code == 0
    assert "spec.engine.swapSpace: no effect: vLLM 0.32.0 has no --swap-space since 0.18.0" in result.output


DOUBTFUL = [{"name": name, "value": "1"} for name in ("MAX_MODEL_LENGTH", "NCCL_DEBUG", "OUR_SWITCH", "BASE_PATH")]


@pytest.mark.parametrize("command", ["validate", "env", "render"])
def test_variables_that_nobody_reads_are_told_and_are_no_problem(tmp_path: Path, command: str) -> None:
    result = run(command, "-f", manifest(tmp_path, worker(env=DOUBTFUL)))
    assert result.exit_code == 0
    lines = [line.partition(": ")[2] for line in result.stderr.splitlines() if "spec.env" in line]
    assert [line.partition(", nor")[0].partition("? ")[0] for line in lines] == [
        "spec.env[MAX_MODEL_LENGTH]: MAX_MODEL_LENGTH is not read by a worker: did you mean MAX_MODEL_LEN",
        "spec.env[OUR_SWITCH]: OUR_SWITCH is not read by a worker",
        "spec.env[BASE_PATH]: BASE_PATH is not read by a worker: set spec.cache; HF_HOME follows it",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NCCL_DEBUG", "it is a library's own, and spec.env passes it on"),
        ("VLLM_API_KEY", "it is refused: "),
        ("BASE_PATH", "set spec.cache"),
        ("ZQX", "lists them all"),
    ],
)
def test_explain_what_is_none_of_ours_says_what_it_is(name: str, words: str) -> None:
    result = run("explain", name)
    assert (result.exit_code, words in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a: [", "is not YAML"), ("kind: Deployment", "no LLMWorker in"), ("", "no LLMWorker in")],
)
def test_a_file_that_holds_no_worker_is_refused_with_exit_code_2(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    result = run("validate", "-f", str(path))
    assert (result.exit_code, sentence in result.output) == (2, True)


def test_standard_input_is_read() -> None:
    assert run("validate", "-f", "-", stdin=EVERYTHING.read_text()).exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_every_shell(shell: str) -> None:
    assert "_LLMWORKER_COMPLETE" in run("completion", shell).output


def test_names_are_completed() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "llmworker")],
        env={"_LLMWORKER_COMPLETE": "bash_complete", "COMP_WORDS": "llmworker explain MAX_MOD", "COMP_CWORD": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["plain,MAX_MODEL_LEN"]


def test_kubectl_finds_it_as_a_plugin() -> None:
    plugin = Path(sys.executable).parent / "kubectl-llmworker"
    done = subprocess.run([str(plugin), "explain", "SEED"], capture_output=True, text=True, check=True)
    assert "spec.engine.seed" in done.stdout


def test_it_needs_neither_kopf_nor_a_cluster_s_client() -> None:
    code = "import sys, llmworker_operator.cli; print(*{'kopf', 'kubernetes', 'aiohttp', 'vllm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
