"""The documentation names what the code can say."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from llmworker_contract.spelling import MISSPELT, RETIRED, UNKNOWN
from llmworker_operator.config import Config
from llmworker_operator.metrics import Metrics
from llmworker_operator.store import Store
from llmworker_operator.watches import Watches
from llmworker_server.middleware import dialect
from llmworker_server.signatures import SIGNATURES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def reasons(*sources: str) -> set[str]:
    """Words in quotes that look like a reason, in modules that hold nothing else of that form."""
    text = "".join((ROOT / source).read_text() for source in sources)
    return set(re.findall(r'"([A-Z][a-z]+(?:[A-Z][A-Za-z]*)*)"', text)) - {
        "True",
        "False",
        "Unknown",
        "Accepted",
        "Ready",
        "Deployment",
        "Progressing",
        "ReplicaFailure",
        "Failed",
        "Secret",
        "ConfigMap",
        "PodFailed",
        "Degraded",
        "ModelLoaded",
        "RuntimeClass",
        "CrashLoopBackOff",
        "PodInitializing",
        "ContainerCreating",
        "FailedMount",
        "FailedAttachVolume",
        "FailedMapVolume",
        "FailedCreatePodSandBox",
    }


WORKER = {signature.reason for signature in SIGNATURES} | reasons(
    "worker/llmworker_server/failure.py",
    "worker/llmworker_server/termination.py",
    "worker/llmworker_server/drift.py",
    "worker/llmworker_server/watchdog.py",
)
OPERATOR = reasons(
    *(f"operator/llmworker_operator/{name}.py" for name in ("conditions", "problems", "reconcile", "unscheduled"))
) | {MISSPELT, RETIRED, UNKNOWN}


@pytest.mark.parametrize("reason", sorted(WORKER))
def test_every_cause_that_a_worker_can_name_is_documented(reason: str) -> None:
    assert f"| {reason} |" in (DOCS / "worker.md").read_text()


@pytest.mark.parametrize("reason", sorted(OPERATOR))
def test_every_reason_of_a_condition_is_documented(reason: str) -> None:
    assert f"| {reason} |" in (DOCS / "conditions.md").read_text()


@pytest.mark.parametrize("reason", re.findall(r"^\| ([A-Z]\w+) \|", (DOCS / "worker.md").read_text(), re.MULTILINE))
def test_no_cause_is_documented_that_a_worker_cannot_name(reason: str) -> None:
    assert reason in WORKER


@pytest.mark.parametrize("page", sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")]), ids=lambda path: path.name)
def test_every_link_to_a_file_of_ours_has_its_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "field", sorted({dialect.NEW_LIMIT, *dialect.WITHOUT_EFFECT, *dialect.WITHOUT_EFFECT_AS, *dialect.MISSED})
)
def test_every_field_that_is_translated_or_left_out_is_documented(field: str) -> None:
    section = (DOCS / "worker.md").read_text().partition("## New clients")[2].partition("\n## ")[0]
    assert f"`{field.rpartition('.')[2]}`" in section


def first_column(page: str, heading: str) -> set[str]:
    """What a table of a section names."""
    section = (DOCS / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_the_operators_metrics_and_their_table_agree() -> None:
    told = Metrics(Store(), Watches((), 0.0, 0.0)).text().decode()
    assert first_column("operator.md", "Metrics") == set(re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE))


def test_the_operators_settings_and_their_table_agree() -> None:
    assert first_column("operator.md", "Settings") == {f"LLMWORKER_{field.name.upper()}" for field in fields(Config)}
