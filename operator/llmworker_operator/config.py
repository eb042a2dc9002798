"""What the operator is told by its own environment, read once at start."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from llmworker_contract import engines
from llmworker_operator import names

_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_PREFIX: Final = "LLMWORKER_"
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class BadConfig(ValueError):
    """The operator's environment cannot be understood; the message holds every problem, one a line."""


@dataclass(frozen=True)
class Config:
    """The operator's own settings. Each is `LLMWORKER_` and its name in capitals."""

    worker_repository: str = "llmworker/worker-vllm"
    """Where worker images are pulled from; the engine profile is the tag."""

    worker_digests: Mapping[str, str] = field(default_factory=dict)
    """Digests of worker images by engine profile, as `cpu=sha256:…`, separated by commas; a profile without one is
    pulled by its tag."""

    health_port: int = 8080
    """Port of /healthz, /readyz and /metrics."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    log_format: str = "text"
    """text, or json: one object a line."""

    resync_seconds: int = 300
    """How often everything is listed and compared with what the watches told; a tenth more or less, at random."""

    namespaces: tuple[str, ...] = ()
    """The namespaces whose LLMWorkers are looked after, separated by commas. Unset: those of the whole cluster."""

    pod_namespace: str = ""
    """The namespace of the operator's own pod, which workers' network policies let in and where the Lease is. Unset: it
    has none."""

    leader_election: bool = False
    """Whether only the holder of a Lease works, so that several may run: true or false. Unset: false, since a process
    on its own needs no right to Leases; the chart says true."""

    lease_name: str = "llmworker-operator"
    """The Lease, one for each group of operators that stand in for one another."""

    lease_seconds: int = 15
    """After how many seconds without a renewal another may take the Lease."""

    allow_trust_remote_code: bool = False
    """Whether an LLMWorker may have code run that comes with its model: true or false."""


def config(environ: Mapping[str, str]) -> Config:
    """The operator's settings. Raises `BadConfig` with all problems, unknown names of ours among them."""
    known = {f"{_PREFIX}{setting.name.upper()}": setting.name for setting in fields(Config)}
    problems = [
        f"{name}: is not a setting of the operator: expected one of {', '.join(known)}"
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name not in known
    ]
    read: dict[str, Any] = {}
    for name, setting_name in known.items():
        text = environ.get(name)
        if text:
            try:
                read[setting_name] = _READERS.get(setting_name, str)(text)
            except ValueError as error:
                problems.append(f"{name}: {error}, got {text!r}")
    if read.get("leader_election") and not environ.get(f"{_PREFIX}POD_NAMESPACE"):
        problems.append(
            f"{_PREFIX}POD_NAMESPACE: expected the namespace of the Lease, since {_PREFIX}LEADER_ELECTION is true, got "
            "nothing"
        )
    if problems:
        raise BadConfig("\n".join(problems))
    return Config(**read)


def _number(what: str, lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not lowest <= int(text) <= highest:
            raise ValueError(f"expected {what} from {lowest} to {highest}")
        return int(text)

    return read


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected {', '.join(allowed[:-1])} or {allowed[-1]}")
        return text

    return read


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("expected the name of a namespace: at most 63 lower-case letters, digits and dashes")
    return text


def _namespaces(text: str) -> tuple[str, ...]:
    listed = tuple(name.strip() for name in text.split(","))
    wrong = [name for name in listed if not _NAMESPACE.fullmatch(name)]
    if wrong:
        raise ValueError(
            f"expected names of namespaces separated by commas, and {', '.join(map(repr, wrong))} cannot be one: at "
            "most 63 lower-case letters, digits and dashes (for the whole cluster, leave it unset)"
        )
    if len(set(listed)) < len(listed):
        raise ValueError("expected each namespace once")
    return listed


def _digests(text: str) -> dict[str, str]:
    pairs = [pair.strip().partition("=") for pair in text.split(",")]
    wrong = [
        f"{profile}{equals}{digest}"
        for profile, equals, digest in pairs
        if profile not in engines.names() or not re.fullmatch(names.DIGEST, digest)
    ]
    if wrong:
        raise ValueError(
            f"expected PROFILE=sha256:… with 64 digits of 0-9 and a-f, separated by commas, and a profile is one of "
            f"{', '.join(engines.names())}; {', '.join(map(repr, wrong))} is none"
        )
    if len({profile for profile, _, _ in pairs}) < len(pairs):
        raise ValueError("expected each profile once")
    return {profile: digest for profile, _, digest in pairs}


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("expected true or false")
    return text == "true"


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "worker_digests": _digests,
    "health_port": _number("a port", 1, 65535),
    "log_level": _choice("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": _choice("text", "json"),
    "resync_seconds": _number("seconds", 5, 86400),
    "namespaces": _namespaces,
    "pod_namespace": _namespace,
    "leader_election": _flag,
    "lease_seconds": _number("seconds", 3, 3600),
    "allow_trust_remote_code": _flag,
}
"""How the text of a setting becomes its value; what has no entry is the text. Each raises ValueError with what was
expected."""
