"""Everything that is wrong with a spec, by field: the schema, the rules between fields, the engine's own limits.

The API server holds most of it too, in the CRD's schema; this is what the operator and the command line say, and
it also knows the profile's engine.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from llmworker_contract import rules
from llmworker_contract.catalogue import BY_NAME, VARIABLES
from llmworker_contract.limits import refused
from llmworker_contract.problems import Problem
from llmworker_contract.values import sentence
from llmworker_operator.api import SHARED_CACHE, SURGING_CACHE, LLMWorkerSpec
from llmworker_operator.config import Config


class InvalidSpec(ValueError):
    """A spec that cannot be run; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class Unsupported(InvalidSpec):
    """A spec that is sound, and that this operator cannot run yet."""


class Forbidden(InvalidSpec):
    """A spec that could be run, and that this operator's settings do not allow."""


def understood(spec: Mapping[str, Any], config: Config) -> LLMWorkerSpec:
    """The spec as a type, if its engine runs with it and this operator may have it run.

    Raises `InvalidSpec` with every problem found; `Forbidden` if nothing but this operator's settings is against it.
    """
    found = parsed(spec)
    problems, against = refusals(found), forbidden(found, config)
    if problems and problems == unsupported(found):
        raise Unsupported(problems)
    if problems:
        raise InvalidSpec([*problems, *against])
    if against:
        raise Forbidden(against)
    return found


def parsed(spec: Mapping[str, Any]) -> LLMWorkerSpec:
    """The spec as a type, as far as the API server knows it too. Raises `InvalidSpec` with every problem found."""
    try:
        # As JSON and strictly, as the API server does: "4096" is no number.
        found = LLMWorkerSpec.model_validate_json(json.dumps(spec, default=str), strict=True)
    except ValidationError as error:
        raise InvalidSpec(_schema_problem(detail) for detail in error.errors()) from error
    problems = [rule.in_resource() for rule in rules.broken(found.settings())]
    problems += _node_problems(found) or _gpu_problems(found)
    problems += _cache_problems(found)
    problems += [Problem("spec.rollout", message) for message in found.rollout.broken()]
    if problems:
        raise InvalidSpec(problems)
    return found


def refusals(spec: LLMWorkerSpec) -> list[Problem]:
    """What the engine of the chosen profile refuses, and what no operator of this version runs."""
    found = refused(spec.settings(), spec.image.engine_profile())
    return [Problem(BY_NAME[problem.variable].field, problem.message) for problem in found] + unsupported(spec)


def unsupported(spec: LLMWorkerSpec) -> list[Problem]:
    """What this version cannot run yet: docs/decisions/0009 tells why."""
    if spec.nodes == 1:
        return []
    message = (
        f"an engine that is split over {spec.nodes} nodes is not supported yet. Remove nodes, and choose a node with "
        f"{spec.gpus_needed()} GPUs, a quantized model, or a smaller one"
    )
    return [Problem("spec.nodes", message)]


def forbidden(spec: LLMWorkerSpec, config: Config) -> list[Problem]:
    """What the spec asks for and an operator with these settings does not allow."""
    if config.allow_trust_remote_code or not spec.model.trust_remote_code:
        return []
    message = (
        "is not allowed by this operator: it would run code that comes with the model. Remove it, or have the "
        "operator's administrator review that code and set LLMWORKER_ALLOW_TRUST_REMOTE_CODE=true, which is "
        "worker.allowTrustRemoteCode in the chart"
    )
    return [Problem(BY_NAME["TRUST_REMOTE_CODE"].field, message)]


def _schema_problem(detail: Mapping[str, Any]) -> Problem:
    path = "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        meant = difflib.get_close_matches(path, [variable.field for variable in VARIABLES], n=1, cutoff=0.8)
        return Problem(path, "is not a field" + (f": did you mean {meant[0]}?" if meant else ": remove it"))
    if detail["type"] == "missing":
        return Problem(path, "is required")
    given = detail["input"]
    shown = "" if isinstance(given, dict | list) else f", got {given!r}"
    return Problem(path, sentence(detail) + shown)


def _gpu_problems(spec: LLMWorkerSpec) -> list[Problem]:
    given = spec.gpu.count
    if given is None or spec.image.engine_profile().cuda is None or given * spec.nodes == spec.gpus_needed():
        return []
    return [Problem("spec.gpu.count", f"{spec.RULES[0]['message']}; got {given} for {spec.gpus_needed()}")]


def _node_problems(spec: LLMWorkerSpec) -> list[Problem]:
    if spec.gpus_needed() % spec.nodes == 0:
        return []
    return [Problem("spec.nodes", f"{spec.RULES[1]['message']}; got {spec.nodes} for {spec.gpus_needed()}")]


def _cache_problems(spec: LLMWorkerSpec) -> list[Problem]:
    problems = []
    if spec.cache.kinds() > 1:
        problems.append(Problem("spec.cache", spec.cache.RULES[0]["message"]))
    claim = spec.cache.volume_claim_template
    if claim and spec.replicas > 1 and not claim.shared():
        problems.append(Problem("spec.cache.volumeClaimTemplate.accessModes", SHARED_CACHE["message"]))
    if claim and spec.rollout.surge() and not claim.shared():
        problems.append(Problem("spec.rollout.maxSurge", SURGING_CACHE["message"]))
    return problems
