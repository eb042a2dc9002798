"""The environment of a worker on this machine: what the operator renders, with what only a pod has replaced. Pure.

Every replacement is told, and what nothing can take the place of is a problem that says what to do; nothing is left
out in silence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmworker_contract import codec, endpoints, engines
from llmworker_contract.catalogue import BY_NAME
from llmworker_contract.limits import refused
from llmworker_contract.problems import BadEnvironment, Problem
from llmworker_contract.spelling import UNKNOWN, doubt
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.podspec import OWN_PREFIX
from llmworker_operator.render.env import Entry, entries

LOOPBACK: Final = "127.0.0.1"
_EVERY_ADDRESS: Final = "0.0.0.0"  # noqa: S104  (not listened on here: such an address is reached by loopback)

_INHERITED: Final = frozenset(
    "PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TMPDIR PYTHONPATH LD_LIBRARY_PATH LD_PRELOAD CUDA_HOME "
    "CUDA_VISIBLE_DEVICES HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE".split()
)
"""What a machine says about itself: where programs, libraries, GPUs and the way out are. All else would be settings
that a pod does not have."""

_TEMPLATES: Final = frozenset({"CUSTOM_CHAT_TEMPLATE", "CUSTOM_CHAT_TEMPLATE_FILE"})
"""Two ways to say one thing: either takes the place of both."""

_SEEN: Final = "is a secret, and arguments are seen by others"
_REFERENCE: Final = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")
_IN_MOUNT: Final = re.compile(rf'(?:^|"){endpoints.MODEL_MOUNT}/')
"""A path in the pod's model cache, also within JSON."""


@dataclass(frozen=True)
class Place:
    """Where on this machine the worker runs."""

    own: Mapping[str, str]
    """The environment of the process that starts it."""
    termination_log: str
    profile: str | None = None
    """Unset: the manifest's."""
    host: str = LOOPBACK
    openai_port: int = endpoints.OPENAI_PORT
    admin_port: int = endpoints.ADMIN_PORT
    has_model_mount: bool = False
    """Whether there is a folder where pods have the model cache, so that paths in it are good here too."""

    @property
    def url(self) -> str:
        """The OpenAI API."""
        return f"http://{self._reached}:{self.openai_port}/v1"

    @property
    def admin_url(self) -> str:
        """The admin app."""
        return f"http://{self._reached}:{self.admin_port}"

    @property
    def _reached(self) -> str:
        return LOOPBACK if self.host == _EVERY_ADDRESS else self.host


@dataclass(frozen=True)
class Environment:
    """All variables of the worker's process, and what differs from a pod's."""

    variables: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass
class _Found:
    """What has been found out so far."""

    variables: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def environment(spec: LLMWorkerSpec, place: Place, replaced: Mapping[str, str]) -> Environment:
    """What a worker of the spec is started with; `replaced`: what its user sets in the place of the spec.

    Raises `BadEnvironment` with every problem found.
    """
    given = {BY_NAME[name].name if name in BY_NAME else name: value for name, value in replaced.items()}
    rendered = [entry for entry in entries(spec) if not _is_given(entry, given)]
    found = _Found(dict(given), problems=list(_not_for_arguments(spec, given)))
    for entry in rendered:
        _take(entry, spec, place, found)
    profile = place.profile or spec.image.engine_profile().name
    found.variables = {**inherited(place.own), **found.variables, **_places(place, profile)}
    found.notes += [told.message for name in given if (told := doubt(name)) and told.reason != UNKNOWN]
    fields = {entry.variable["name"]: entry.field for entry in rendered}
    found.problems += _contract_problems(found, engines.profile(profile), fields)
    if found.problems:
        raise BadEnvironment(tuple(found.problems))
    return Environment(found.variables, tuple(found.notes))


def inherited(own: Mapping[str, str]) -> dict[str, str]:
    """What a worker takes over of the environment of the process that starts it."""
    return {name: value for name, value in own.items() if name in _INHERITED}


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """A value as the kubelet makes it of a container's: `$(NAME)` is a variable named before, `$$` a dollar sign."""

    def put(reference: re.Match[str]) -> str:
        name = reference["name"]
        return "$" if name is None else variables.get(name, reference[0])

    return _REFERENCE.sub(put, text)


def _is_given(entry: Entry, given: Mapping[str, str]) -> bool:
    name = entry.variable["name"]
    return name in given or (name in _TEMPLATES and bool(_TEMPLATES & given.keys()))


def _not_for_arguments(spec: LLMWorkerSpec, given: Mapping[str, str]) -> Iterator[Problem]:
    referred = [entry.variable for entry in entries(spec) if "secretKeyRef" in entry.variable.get("valueFrom", {})]
    secret = {variable["name"] for variable in referred}
    for name in given:
        if name.startswith(OWN_PREFIX):
            yield Problem(name, "is this command's own: see --profile, --host, --port and --admin-port")
        elif name in secret:
            yield Problem(name, f"{_SEEN}: set {name} in this command's environment")
        elif name in BY_NAME and BY_NAME[name].secret:
            where = f"{BY_NAME[name].field} of the manifest, and its value in this command's environment"
            yield Problem(name, f"{_SEEN}: name a Secret in {where}")


def _take(entry: Entry, spec: LLMWorkerSpec, place: Place, found: _Found) -> None:
    """Find out what this entry of the container's is on this machine."""
    name, source = entry.variable["name"], entry.variable.get("valueFrom")
    value = expanded(entry.variable.get("value", ""), found.variables)
    mounted = _mounted(spec).get(name)
    if source is not None:
        optional = any(isinstance(part, dict) and part.get("optional") for part in source.values())
        _take_own(name, _words(source, entry.field), _remedy(name, source), place, found, optional=optional)
    elif mounted is not None:
        remedy = f"give a file of this machine with --set {name}=FILE"
        found.variables[name] = value
        _take_own(name, f"{mounted} ({entry.field}), mounted as a file", remedy, place, found)
    elif entry.field == "spec.cache":
        home = place.own.get("HF_HOME") or f"{place.own.get('HOME', '~')}/.cache/huggingface"
        found.variables[name] = home
        found.notes.append(f"{name} is {home}, in the place of {value}, which only a pod has")
    else:
        found.variables[name] = value
        if _IN_MOUNT.search(value) and not place.has_model_mount:
            message = (
                f"{value} lies where only a pod has the model cache: give a path of this machine with --set {name}=PATH"
            )
            found.problems.append(Problem(entry.field, message))


def _take_own(name: str, words: str, remedy: str, place: Place, found: _Found, *, optional: bool = False) -> None:
    """Take what only a cluster has from the variable of that name here."""
    if place.own.get(name):
        found.variables[name] = place.own[name]
        found.notes.append(f"{name} is taken from this command's environment, in the place of {words}")
    elif optional:
        found.notes.append(f"{name} is left out: {words} is optional")
    else:
        found.problems.append(Problem(name, f"is {words}, which only a cluster has: {remedy}"))


def _words(source: Mapping[str, Any], path: str) -> str:
    """What the variable refers to."""
    kinds = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
    for kind, part in source.items():
        if kind in kinds and isinstance(part, dict):
            return f"key {part.get('key')} of the {kinds[kind]} {part.get('name')} ({path})"
        if isinstance(part, dict):
            return f"{kind} {part.get('fieldPath') or part.get('resource') or ''} ({path})"
    return f"of no source ({path})"


def _remedy(name: str, source: Mapping[str, Any]) -> str:
    if "secretKeyRef" in source:
        return f"set {name} in this command's environment"
    return f"give it with --set {name}=VALUE"


def _mounted(spec: LLMWorkerSpec) -> dict[str, str]:
    """The variables that name a mounted file, with what is mounted."""
    found = {}
    if template := spec.model.custom_chat_template_config_map_ref:
        found["CUSTOM_CHAT_TEMPLATE_FILE"] = f"key {template.key} of the ConfigMap {template.name}"
    if keys := spec.serving.api_keys_secret_ref:
        found["API_KEYS_FILE"] = f"key {keys.key} of the Secret {keys.name}"
    return found


def _places(place: Place, profile: str) -> dict[str, str]:
    return {
        endpoints.PROFILE_VARIABLE: profile,
        endpoints.HOST_VARIABLE: place.host,
        endpoints.OPENAI_PORT_VARIABLE: str(place.openai_port),
        endpoints.ADMIN_PORT_VARIABLE: str(place.admin_port),
        endpoints.TERMINATION_LOG_VARIABLE: place.termination_log,
    }


def _contract_problems(found: _Found, engine: engines.EngineProfile, fields: Mapping[str, str]) -> Iterator[Problem]:
    """What the worker itself would refuse, by the field where a field says it."""
    told = {problem.variable for problem in found.problems}
    settings, problems = codec.read(found.variables)
    for problem in [*problems, *refused(settings, engine)]:
        place = fields.get(problem.variable, problem.variable)
        if not {problem.variable, place} & told:
            yield Problem(place, problem.message)
