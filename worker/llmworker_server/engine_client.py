"""What the supervisor asks of the engine's server: is it healthy, and does it really generate?"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from llmworker_server import api_keys

_HEALTH_TIMEOUT: Final = 5.0
"""Seconds. A busy server answers late, so this is long beside the interval of the checks."""

_TOKEN_TIMEOUT: Final = 120.0
"""Seconds. The first request may compile kernels."""

_TOKENS: Final = re.compile(r"^vllm:(?:prompt|generation)_tokens_total(?:\{[^}]*\})? (\S+)", re.MULTILINE)
"""The same names from vLLM 0.6.3 to 0.33."""


class NoToken(Exception):
    """The engine answered a request for one token with something else, or not at all."""


class EngineClient:
    """Speaks to one engine's server."""

    def __init__(self, http: httpx.AsyncClient, model: str, api_keys_file: str | None = None) -> None:
        self._http = http
        self._model = model
        self._api_keys_file = api_keys_file

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
            answer = await self._http.post(
                "/v1/completions", json=request, headers=self._authorization(), timeout=_TOKEN_TIMEOUT
            )
        except api_keys.BadKeys as error:
            raise NoToken(f"API_KEYS_FILE: {error}") from error
        except httpx.TransportError as error:
            raise NoToken(f"{type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise NoToken(f"{answer.status_code}: {answer.text[:500]}")
        content: dict[str, Any] = answer.json()
        if content["usage"]["completion_tokens"] < 1:
            raise NoToken(f"an answer without a token: {answer.text[:500]}")

    async def metrics(self) -> str | None:
        """The engine's own metrics in Prometheus' text format, or None if the server does not answer with any."""
        try:
            answer = await self._http.get("/metrics", headers=self._authorization(), timeout=_HEALTH_TIMEOUT)
        except (httpx.TransportError, api_keys.BadKeys):
            return None
        return answer.text if answer.status_code == httpx.codes.OK else None

    async def tokens(self) -> float | None:
        """How many tokens the engine has read and written in all, or None if it keeps no count."""
        counts = [float(count) for count in _TOKENS.findall(await self.metrics() or "")]
        return sum(counts) if counts else None

    def _authorization(self) -> dict[bytes, bytes]:
        """With a key that holds now. Raises `BadKeys`."""
        if self._api_keys_file is None:
            return {}
        return {b"Authorization": b"Bearer " + api_keys.read(self._api_keys_file)[0]}


@asynccontextmanager
async def engine_client(url: str, model: str, api_keys_file: str | None = None) -> AsyncIterator[EngineClient]:
    """A client of the server at the address. A proxy of the environment is never asked for it."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield EngineClient(http, model, api_keys_file)
