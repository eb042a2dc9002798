"""The message that a failed worker leaves for Kubernetes, which copies it into the pod's status."""

import json
from pathlib import Path
from typing import Final

from llmworker_contract.problems import BadEnvironment
from llmworker_server.failure import Failure
from llmworker_server.records import say

LIMIT: Final = 4096
"""Bytes; the kubelet cuts what is longer, which would not be JSON any more."""

BAD_ENVIRONMENT: Final = 2
"""Exit code of a worker that was told something it cannot understand: starting again does not help."""


def misconfiguration(error: BadEnvironment) -> Failure:
    """An environment that was refused, as the failure it is."""
    return Failure("BadEnvironment", str(error), "Correct the named variables.", BAD_ENVIRONMENT)


def termination_message(failure: Failure) -> str:
    """The failure as JSON of at most `LIMIT` bytes; a message too long loses its middle."""
    message, keep = failure.message, len(failure.message)
    while len(text := _json(failure, message)) > LIMIT:
        keep = keep * 3 // 4
        message = f"{failure.message[: keep // 2]} ... {failure.message[-keep // 2 :]}"
    return text


def tell(path: Path, cause: Failure) -> None:
    """The cause as the last record of the log, and for Kubernetes."""
    fields = {"reason": cause.reason, "remedy": cause.remedy, "exitCode": cause.exit_code}
    say(str(cause), "error", message=cause.message, **fields)
    write(path, cause)


def write(path: Path, failure: Failure) -> None:
    """Leave the message. Outside Kubernetes there may be no such file; the log has told the cause by then."""
    try:
        path.write_text(termination_message(failure), encoding="ascii")
    except OSError as error:
        say(f"no termination message: {error}", "warning")


def _json(failure: Failure, message: str) -> str:
    content = {
        "reason": failure.reason,
        "message": message,
        "remedy": failure.remedy,
        "exitCode": failure.exit_code,
    }
    return json.dumps(content)
