"""`python -m llmworker_server`: the worker image's entry point.

Reads the environment, the documented variables and those of `configuration.py`, once. Exit codes: 0 after
SIGTERM or SIGINT; 1 when the engine failed or ended by itself; 2 when the environment is not understood.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

from llmworker_contract.problems import BadEnvironment
from llmworker_contract.spelling import UNKNOWN, doubt
from llmworker_server import records, termination
from llmworker_server.configuration import configuration, log_format, termination_log
from llmworker_server.drift import UnknownEngine, drift
from llmworker_server.worker import work


def main() -> int:
    """Run a worker as the environment says; its exit code."""
    environ = dict(os.environ)
    records.write_as(log_format(environ))
    logging.basicConfig(level=logging.WARNING, handlers=[records.LibraryRecords()])
    _tell_doubtful_names(environ)
    try:
        told = configuration(environ, drift(environ))
    except BadEnvironment as error:
        cause = termination.misconfiguration(error)
        for problem in error.problems:
            records.say(str(problem), "error", reason=cause.reason, variable=problem.variable, remedy=cause.remedy)
        termination.write(termination_log(environ), cause)
        return termination.BAD_ENVIRONMENT
    except UnknownEngine as error:
        termination.tell(termination_log(environ), error.failure)
        return error.failure.exit_code
    return asyncio.run(work(told, environ, termination_log(environ)))


def _tell_doubtful_names(environ: Mapping[str, str]) -> None:
    for name in sorted(environ):
        # What is merely unknown is not told: a container is full of variables of its image and its cluster.
        if (found := doubt(name)) and found.reason != UNKNOWN:
            records.say(found.message, "warning", variable=name, reason=found.reason)


if __name__ == "__main__":
    sys.exit(main())
