"""The admin app: how the worker is, for probes and for people, from the first second on.

It has a port of its own, so that it answers while the engine's port is closed and is never mixed with traffic.
Every path but the metrics answers in JSON, or in plain text for `?format=text` and for browsers.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from llmworker_contract import endpoints
from llmworker_server import metrics, provenance
from llmworker_server.configuration import Configuration
from llmworker_server.engine_client import EngineClient
from llmworker_server.scoreboard import Scoreboard
from llmworker_server.state import State

_OK: Final = 200
_UNAVAILABLE: Final = 503


def app(state: State, configuration: Configuration, board: Scoreboard, engine: EngineClient) -> FastAPI:
    """The routes over what the supervisor knows."""
    admin = FastAPI(title="llmworker", docs_url=None, redoc_url=None, openapi_url=None)

    @admin.get(endpoints.LIVEZ)
    async def livez(request: Request) -> Response:
        return _answer(request, {"alive": True}, "alive")

    @admin.get(endpoints.READYZ)
    async def readyz(request: Request) -> Response:
        return _state_answer(request, state, passed=state.ready)

    @admin.get(endpoints.STARTUPZ)
    async def startupz(request: Request) -> Response:
        return _state_answer(request, state, passed=state.was_ready)

    @admin.get(endpoints.SETTINGS)
    async def settings(request: Request) -> Response:
        return _settings_answer(request, configuration)

    @admin.get(endpoints.METRICS)
    async def prometheus() -> Response:
        # The engine has none while it starts; the worker's own are there from the first second.
        return Response((await engine.metrics() or "") + metrics.own(state, board), media_type=metrics.CONTENT_TYPE)

    return admin


def _state_answer(request: Request, state: State, *, passed: bool) -> Response:
    content = {
        "ready": state.ready,
        "phase": state.progress.phase.value,
        "percent": state.progress.percent,
        "downloadedBytes": state.progress.downloaded,
        "secondsInPhase": round(state.seconds_in_phase, 1),
        "seconds": round(state.seconds, 1),
        "detail": state.detail,
    }
    text = f"{state.progress} for {state.seconds_in_phase:.0f} s, worker up for {state.seconds:.0f} s"
    if state.detail:
        text += f"\n{state.detail}"
    return _answer(request, content, text, _OK if passed else _UNAVAILABLE)


def _settings_answer(request: Request, configuration: Configuration) -> Response:
    found = provenance.settings(configuration)
    profile = configuration.profile
    content = {
        "profile": profile.name,
        "vllm": profile.vllm,
        "profileVllm": profile.stands_for or profile.vllm,
        "argumentsFrom": configuration.arguments_from,
        "servedModelName": configuration.served_name,
        "settings": [asdict(setting) for setting in found],
    }
    instead = f" in the place of {profile.stands_for}" if profile.stands_for else ""
    known = f"arguments from {configuration.arguments_from}"
    lines = [f"{profile.name}: vLLM {profile.vllm}{instead} ({known}), serving {configuration.served_name}"]
    lines += [f"{s.variable}={s.value}  ({s.source}; {s.verdict}: {s.detail})" for s in found]
    return _answer(request, content, "\n".join(lines))


def _answer(request: Request, content: Mapping[str, Any], text: str, status: int = _OK) -> Response:
    wanted = request.query_params.get("format")
    if wanted is None:
        accepted = request.headers.get("accept", "")
        wanted = "text" if accepted.startswith("text/") else "json"
    if wanted == "text":
        return PlainTextResponse(f"{text}\n", status)
    if wanted == "json":
        return JSONResponse(content, status)
    return PlainTextResponse(f"format: expected json or text, got {wanted!r}\n", 400)
