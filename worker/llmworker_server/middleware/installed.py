"""The middleware as vLLM loads it: by import path, with no argument but the application.

So each class here reads the environment, once, when the serving process builds its application.
"""

import os

from llmworker_contract.codec import parse
from llmworker_server.middleware.asgi import Application
from llmworker_server.middleware.batching import TokenBatching
from llmworker_server.middleware.schedule import schedule


class Batching(TokenBatching):
    """Token batching as DEFAULT_BATCH_SIZE and its two companions ask for it."""

    def __init__(self, app: Application) -> None:
        super().__init__(app, schedule(parse(os.environ).streaming))
