"""The middleware as vLLM loads it: by import path, with no argument but the application.

So it reads the environment, once, when the serving process builds its application.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmworker_contract.codec import parse
from llmworker_contract.endpoints import PROFILE_VARIABLE
from llmworker_contract.engines import profile
from llmworker_contract.settings import Settings
from llmworker_contract.values import documented_default
from llmworker_server import records
from llmworker_server.api_keys import KeysFile
from llmworker_server.middleware.admission import ConcurrencyLimit
from llmworker_server.middleware.asgi import Application, Receive, Scope, Send
from llmworker_server.middleware.batching import EVENTS, TokenBatching
from llmworker_server.middleware.dialect import Dialect
from llmworker_server.middleware.drain import Drain
from llmworker_server.middleware.errors import OneErrorShape
from llmworker_server.middleware.head import HeadLimit
from llmworker_server.middleware.keys import KeyCheck
from llmworker_server.middleware.ndjson import NDJSON
from llmworker_server.middleware.pulse import Pulse
from llmworker_server.middleware.request import RequestBatching
from llmworker_server.middleware.request_log import RequestLog
from llmworker_server.middleware.schedule import schedule
from llmworker_server.middleware.translation import Translation
from llmworker_server.scoreboard import VARIABLE, Scoreboard


class Layers:
    """All of the worker's middleware, in one: the order is ours and no matter of the engine's release."""

    def __init__(self, app: Application) -> None:
        settings = parse(os.environ)
        path = os.environ.get(VARIABLE)
        board = Scoreboard(Path(path) if path else None)
        _records()
        app = _translation(app, os.environ.get(PROFILE_VARIABLE))
        app = _batching(app, settings, board.progressed)  # so far in that all others cost nothing by the token
        app = OneErrorShape(app)
        app = Pulse(app, board)
        app = _admission(app, settings)  # a refusal costs nothing but itself
        app = _keys(app, settings)  # strangers take no place and are not listened to
        app = HeadLimit(app)
        app = Drain(app, board)  # what is refused further in is counted, too
        self._app = _request_log(app, settings)  # every answer has an id, refusals too

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _translation(app: Application, profile_name: str | None) -> Application:
    """Newer clients' requests in the engine's words; inside of batching, which has collected the body by then.

    An engine that was started without a profile is taken to understand everybody.
    """
    dialect = None if profile_name is None else Dialect(profile(profile_name))
    return Translation(app, dialect) if dialect and dialect.newer_clients else app


def _batching(app: Application, settings: Settings, heard: Callable[[], None]) -> Application:
    """Token batching as the request asks for it, or else DEFAULT_BATCH_SIZE and its companions say."""
    raw = _effective(settings.openai.raw_output, "RAW_OPENAI_OUTPUT")
    written_as = EVENTS if raw else NDJSON
    wait = settings.streaming.default_batch_max_wait_ms
    max_wait = None if wait is None else wait / 1000
    return RequestBatching(
        schedule(settings.streaming), lambda asked: TokenBatching(app, asked, written_as, max_wait, heard)
    )


def _admission(app: Application, settings: Settings) -> Application:
    return ConcurrencyLimit(app, _effective(settings.serving.max_concurrency, "MAX_CONCURRENCY"))


def _records() -> None:
    """To the supervisor, which knows how they are to be written; beside none they are words."""
    if mark := os.environ.get(records.MARK_VARIABLE):
        records.relay(mark)


def _request_log(app: Application, settings: Settings) -> Application:
    serving = settings.serving
    return RequestLog(app, silent=bool(serving.disable_log_requests or serving.disable_logging_request))


def _keys(app: Application, settings: Settings) -> Application:
    path = settings.serving.api_keys_file
    return app if path is None else KeyCheck(app, KeysFile(path, records.say).current)


def _effective(stated: Any, name: str) -> Any:
    return documented_default(name) if stated is None else stated
