"""The operator's process: `python -m llmworker_operator`."""

import asyncio
import logging
import os
import sys

from llmworker_operator import logs
from llmworker_operator.cluster import NoCluster
from llmworker_operator.config import BadConfig, config
from llmworker_operator.operating import run

log = logging.getLogger("llmworker_operator")


def main() -> int:
    """Run until stopped. Exit status 0 after SIGTERM, 1 when a part ended by itself, 2 for a bad environment."""
    try:
        chosen = config(os.environ)
    except BadConfig as error:
        sys.stderr.write(f"the operator's environment cannot be understood:\n{error}\n")
        return 2
    logs.configure(chosen.log_level, chosen.log_format)
    try:
        return asyncio.run(run(chosen))
    except NoCluster as error:
        log.error("%s", error)  # noqa: TRY400  (the sentence says it all)
        return 2
    except Exception:
        log.exception("cannot run")
        return 1


if __name__ == "__main__":
    sys.exit(main())
