"""`llmworker import`: an existing environment becomes an LLMWorker, and nothing of it is lost in silence."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings

from contract.samples import environments
from llmworker_contract import endpoints
from llmworker_contract.catalogue import BY_NAME
from llmworker_contract.codec import parse, render
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.cli import main
from llmworker_operator.cli.importing import worker


def run(tmp_path: Path, text: str, *more: str) -> Result:
    path = tmp_path / "worker.env"
    path.write_text(text)
    return CliRunner().invoke(main, ["import", "--env-file", str(path), *more])


def test_an_environment_of_the_hosted_worker(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """# the endpoint of last year
MODEL_NAME=meta-llama/Llama-3.1-8B-Instruct
HF_TOKEN=hf_verysecret
export MAX_MODEL_LEN=8192
ENABLE_LORA=False
MIN_BATCH_SIZE=4
QUANTIZATION=
ROPE_SCALING={"rope_type": "dynamic", "factor": 2.0}
CUSTOM_CHAT_TEMPLATE="{{ messages[0]['content'] }}"
BASE_PATH=/runpod-volume
PREEMPTION_CHECK_PERIOD=1.0
VLLM_ATTENTION_BACKEND=FLASH_ATTN
""",
        "--name",
        "llama",
    )
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout) == {
        "apiVersion": "llmworker.dev/v1alpha1",
        "kind": "LLMWorker",
        "metadata": {"name": "llama"},
        "spec": {
            "model": {
                "name": "meta-llama/Llama-3.1-8B-Instruct",
                "customChatTemplate": "{{ messages[0]['content'] }}",
                "hfTokenSecretRef": {"name": "llama-secrets", "key": "HF_TOKEN"},
            },
            "engine": {
                "maxModelLen": 8192,
                "ropeScaling": {"rope_type": "dynamic", "factor": 2.0},
                "enableLora": False,
                "preemptionCheckPeriod": 1.0,
            },
            "streaming": {"defaultMinBatchSize": 4},
            "env": [{"name": "VLLM_ATTENTION_BACKEND", "value": "FLASH_ATTN"}],
        },
    }
    for note in (
        "create the Secret yourself: kubectl create secret generic llama-secrets --from-literal=HF_TOKEN=…",
        "BASE_PATH was left out, no worker of ours reads it: set spec.cache",
        "MIN_BATCH_SIZE became DEFAULT_MIN_BATCH_SIZE",
        "QUANTIZATION is empty, which means unset",
        "VLLM_ATTENTION_BACKEND is no setting of a worker and went to spec.env as it is",
        "PREEMPTION_CHECK_PERIOD on stable-cuda12.1.0: never had effect",
    ):
        assert note in result.stderr
    assert "verysecret" not in result.output


def test_an_environment_with_problems_gives_all_of_them_and_no_manifest(tmp_path: Path) -> None:
    result = run(tmp_path, "BLOCK_SIZE=7\nSEED=x\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == ["MODEL_NAME", "SEED", "BLOCK_SIZE"]


def test_a_misspelt_name_goes_to_the_free_variables_with_a_note(tmp_path: Path) -> None:
    result = run(tmp_path, "MODEL_NAME=m\nMAX_MODEL_LENGTH=1\n")
    assert yaml.safe_load(result.stdout)["spec"]["env"] == [{"name": "MAX_MODEL_LENGTH", "value": "1"}]
    assert "note: MAX_MODEL_LENGTH is not read by a worker: did you mean MAX_MODEL_LEN?" in result.stderr


def test_keys_of_clients_go_to_a_secret(tmp_path: Path) -> None:
    result = run(tmp_path, "MODEL_NAME=m\nAPI_KEYS_FILE=/etc/keys\nHF_TOKEN=hf_a\nVLLM_API_KEY=\n", "--name", "chat")
    reference = {"name": "chat-secrets", "key": "API_KEYS_FILE"}
    spec = yaml.safe_load(result.stdout)["spec"]
    assert (spec["serving"], "env" in spec) == ({"apiKeysSecretRef": reference}, False)
    assert "generic chat-secrets --from-literal=HF_TOKEN=… --from-file=API_KEYS_FILE=/etc/keys\n" in result.stderr


def test_a_key_for_vllm_itself_is_refused_with_what_to_do(tmp_path: Path) -> None:
    result = run(tmp_path, "MODEL_NAME=m\nVLLM_API_KEY=sk-verysecret\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "VLLM_API_KEY: is refused: " in result.stderr
    assert "into a Secret, named in spec.serving.apiKeysSecretRef" in result.stderr
    assert "verysecret" not in result.stderr


def test_what_is_imported_is_valid(tmp_path: Path) -> None:
    imported = run(tmp_path, "MODEL_NAME=org/model\nSWAP_SPACE=8\n", "--profile", "cpu").stdout
    done = CliRunner().invoke(main, ["validate", "-f", "-"], input=imported)
    assert done.exit_code == 0


@settings(max_examples=100)
@given(environments())
def test_importing_and_rendering_again_gives_the_same_settings(environ: dict[str, str]) -> None:
    stated = parse(environ)
    environ = {name: text for name, text in environ.items() if name != "CUSTOM_CHAT_TEMPLATE_FILE"}
    spec = json.loads(json.dumps(worker(parse(environ), environ, "w", None)["spec"]))
    public = {name: text for name, text in environ.items() if not BY_NAME[name].secret}
    if "API_KEYS_FILE" in public:
        public["API_KEYS_FILE"] = endpoints.API_KEYS_FILE
    assert render(LLMWorkerSpec.model_validate(spec).settings()) == render(parse(public))
    assert stated.model.name == spec["model"]["name"]


def test_help_tells_how_to_use_it(tmp_path: Path) -> None:
    output = CliRunner().invoke(main, ["import", "--help"]).output
    assert "Example:" in output
    assert "--env-file" in output


@pytest.mark.parametrize("command", ["explain", "env", "render", "validate", "import", "run"])
def test_every_command_has_an_example_in_its_help(command: str) -> None:
    output = CliRunner().invoke(main, [command, "--help"]).output
    assert f"llmworker {command}" in output
