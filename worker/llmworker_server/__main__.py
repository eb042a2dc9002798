"""`python -m llmworker_server`: the worker image's entry point.

Reads the environment, the documented variables and those of `configuration.py`, once. Exit codes: 0 after
SIGTERM or SIGINT; 1 when the engine failed or ended by itself; 2 when the environment is not understood.
"""

import asyncio
import os
import sys

from llmworker_contract.codec import BadEnvironment
from llmworker_server import termination
from llmworker_server.configuration import configuration, termination_log
from llmworker_server.worker import work


def main() -> int:
    """Run a worker as the environment says; its exit code."""
    environ = dict(os.environ)
    try:
        told = configuration(environ)
    except BadEnvironment as error:
        for problem in error.problems:
            print(f"llmworker: {problem}", flush=True)
        termination.write(termination_log(environ), termination.misconfiguration(error))
        return termination.BAD_ENVIRONMENT
    return asyncio.run(work(told, environ, termination_log(environ)))


if __name__ == "__main__":
    sys.exit(main())
