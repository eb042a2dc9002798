"""What the supervisor asks of the engine's server: is it healthy, and does it really generate?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

_HEALTH_TIMEOUT: Final = 5.0
"""Seconds. A busy server answers late, so this is long beside the interval of the checks."""

_TOKEN_TIMEOUT: Final = 120.0
"""Seconds. The first request may compile kernels."""


class NoToken(Exception):
    """The engine answered a request for one token with something else, or not at all."""


class EngineClient:
    """Speaks to one engine's server."""

    def __init__(self, http: httpx.AsyncClient, model: str) -> None:
        self._http = http
        self._model = model

    async def healthy(self) -> bool:
        """Whether the server answers and its engine lives."""
        try:
            answer = await self._http.get("/health", timeout=_HEALTH_TIMEOUT)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    async def generate_one_token(self) -> None:
        """Have one token generated. Raises `NoToken` with the engine's own words otherwise."""
        request = {"model": self._model, "prompt": "Hello", "max_tokens": 1}
        try:
            answer = await self._http.post("/v1/completions", json=request, timeout=_TOKEN_TIMEOUT)
        except httpx.TransportError as error:
            raise NoToken(f"{type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise NoToken(f"{answer.status_code}: {answer.text[:500]}")
        content: dict[str, Any] = answer.json()
        if content["usage"]["completion_tokens"] < 1:
            raise NoToken(f"an answer without a token: {answer.text[:500]}")


@asynccontextmanager
async def engine_client(url: str, model: str) -> AsyncIterator[EngineClient]:
    """A client of the server at the address. A proxy of the environment is never asked for it."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield EngineClient(http, model)
