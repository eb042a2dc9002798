"""Where the pods may run: tolerations, spreading, and the driver's affinity beside the user's own."""

from typing import Any

import pytest

from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.owner import Owner
from llmworker_operator.render.scheduling import driver_terms, scheduling

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
RACK = {"key": "rack", "operator": "Exists"}


def placed(**spec: Any) -> dict[str, Any]:
    return scheduling(Owner("w", "n"), LLMWorkerSpec.model_validate({"model": {"name": "m"}, **spec}))


def node_affinity(mode: str | None = None, affinity: Any = None, **spec: Any) -> dict[str, Any]:
    found = placed(scheduling={"cudaDriver": mode, "affinity": affinity}, **spec)
    return dict(found.get("affinity", {}).get("nodeAffinity", {}))


def required(affinity: Any = None, **spec: Any) -> list[dict[str, Any]]:
    return list(node_affinity("Required", affinity, **spec)[REQUIRED]["nodeSelectorTerms"])


def fits(labels: dict[str, str], terms: list[dict[str, Any]]) -> bool:
    """As the scheduler judges: one term, all of its expressions; none where there are no expressions."""

    def holds(expression: dict[str, Any]) -> bool:
        value = labels.get(expression["key"])
        if value is None:
            return False
        if expression["operator"] == "Gt":
            return int(value) > int(expression["values"][0])
        return expression["operator"] == "Exists" or value in expression["values"]

    return any(all(map(holds, term["matchExpressions"])) for term in terms if term.get("matchExpressions"))


def node(release: str, label: str = "runtime", **more: str) -> dict[str, str]:
    major, minor = release.split(".")
    return {f"nvidia.com/cuda.{label}.major": major, f"nvidia.com/cuda.{label}.minor": minor, **more}


@pytest.mark.parametrize(
    ("least", "old", "new"),
    [
        ((12, 1), ["10.2", "11.8", "12.0"], ["12.1", "12.2", "12.10", "13.0"]),
        ((12, 4), ["11.9", "12.3"], ["12.4", "13.0"]),
        ((13, 0), ["12.9"], ["13.0", "13.2", "14.0"]),
    ],
)
@pytest.mark.parametrize("label", ["runtime", "runtime-version"])
def test_a_node_fits_if_its_driver_supports_that_cuda_or_a_newer_one(
    least: tuple[int, int], old: list[str], new: list[str], label: str
) -> None:
    terms = driver_terms(*least)
    assert [release for release in old + new if fits(node(release, label), terms)] == new
    assert not fits({}, terms)


@pytest.mark.parametrize(
    ("image", "release"), [({}, "12.1"), ({"channel": "dev"}, "12.4"), ({"profile": "latest-cuda13.0"}, "13.0")]
)
def test_each_image_asks_for_its_own_release(image: dict[str, str], release: str) -> None:
    major, minor = map(int, release.split("."))
    assert required(image=image) == driver_terms(major, minor)


def test_nodes_with_a_new_driver_are_preferred_unless_said_otherwise() -> None:
    preferred = node_affinity()[PREFERRED]
    assert [preference["preference"] for preference in preferred] == driver_terms(12, 1)
    assert node_affinity() == node_affinity("Preferred")
    assert node_affinity("Ignore") == {}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"image": {"profile": "cpu"}}, id="an engine without GPUs"),
        pytest.param({"gpu": {"resourceName": "amd.com/gpu"}}, id="another vendor's GPUs"),
        pytest.param({"image": {"profile": "cpu"}, "gpu": {"count": 1}}, id="a GPU that the engine does not use"),
    ],
)
def test_who_needs_no_driver_asks_for_none(spec: dict[str, Any]) -> None:
    assert node_affinity("Required", **spec) == {}


def test_each_of_the_users_alternatives_is_tied_to_the_driver_and_stays_one() -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    stated = [{"matchExpressions": [ZONE], "matchFields": [field]}, {"matchExpressions": [RACK]}]
    terms = required({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": stated}}})
    assert fits(node("12.2", zone="a"), terms)
    assert fits(node("12.2", rack="r"), terms)
    assert not fits(node("12.2", zone="b"), terms)
    assert not fits(node("11.8", zone="a"), terms)
    assert not fits({"zone": "a", "rack": "r"}, terms)
    assert [term["matchFields"] for term in terms if "matchFields" in term] == [[field]] * 4


def test_a_term_that_matches_nothing_still_matches_nothing() -> None:
    assert required({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{}]}}}) == [{}]


def test_what_else_the_user_states_is_kept_in_both_modes() -> None:
    own = {"weight": 7, "preference": {"matchExpressions": [ZONE]}}
    anti = {"podAntiAffinity": {PREFERRED: []}}
    stated = {
        "nodeAffinity": {PREFERRED: [own], REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [RACK]}]}},
        **anti,
    }
    soft = placed(scheduling={"affinity": stated})["affinity"]
    assert soft["nodeAffinity"][PREFERRED][0] == own
    assert len(soft["nodeAffinity"][PREFERRED]) == 5
    assert soft["nodeAffinity"][REQUIRED] == stated["nodeAffinity"][REQUIRED]
    hard = placed(scheduling={"affinity": stated, "cudaDriver": "Required"})["affinity"]
    assert hard["nodeAffinity"][PREFERRED] == [own]
    assert {**hard, "nodeAffinity": None} == {**soft, "nodeAffinity": None} == {**anti, "nodeAffinity": None}


@pytest.mark.parametrize("mode", ["Required", "Preferred"])
@pytest.mark.parametrize(
    "stated",
    [
        {"nodeAffinity": 1},
        {"nodeAffinity": {REQUIRED: 1, PREFERRED: 1}},
        {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": 1}, PREFERRED: 1}},
        {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": 1}]}, PREFERRED: 1}},
    ],
)
def test_an_affinity_that_is_none_is_left_for_the_api_server_to_refuse(mode: str, stated: dict[str, Any]) -> None:
    assert placed(scheduling={"affinity": stated, "cudaDriver": mode})["affinity"] == stated


@pytest.mark.parametrize(
    ("resource", "taint"),
    [
        (None, "nvidia.com/gpu"),
        ("nvidia.com/mig-1g.10gb", "nvidia.com/gpu"),
        ("amd.com/gpu", "amd.com/gpu"),
        ("gpu.intel.com/i915", "gpu.intel.com/i915"),
    ],
)
def test_the_taint_that_belongs_to_a_resource_is_tolerated(resource: str | None, taint: str) -> None:
    usual = {"key": taint, "operator": "Exists", "effect": "NoSchedule"}
    assert placed(gpu={"resourceName": resource})["tolerations"] == [usual]
    stated = {"tolerations": [{"key": "spot", "operator": "Exists"}, usual]}
    assert placed(gpu={"resourceName": resource}, scheduling=stated)["tolerations"] == stated["tolerations"]


def test_pods_are_spread_by_the_workers_own_label_unless_another_is_stated() -> None:
    own = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    other = {**own, "labelSelector": {"matchLabels": {"tier": "chat"}}, "matchLabelKeys": ["pod-template-hash"]}
    assert placed(scheduling={"topologySpreadConstraints": [own, other]})["topologySpreadConstraints"] == [
        {**own, "labelSelector": {"matchLabels": {"llmworker.dev/worker": "w"}}},
        other,
    ]


def test_a_cpu_worker_says_nothing_of_where_it_runs() -> None:
    assert placed(image={"profile": "cpu"}) == {}


def test_classes_and_labels_are_passed_on() -> None:
    stated = {"nodeSelector": {"a": "b"}, "runtimeClassName": "nvidia", "priorityClassName": "high"}
    found = placed(scheduling=stated)
    assert {name: found[name] for name in stated} == stated
