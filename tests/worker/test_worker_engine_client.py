"""What the engine's server is asked, and what is told of its answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from llmworker_server.engine_client import EngineClient, NoToken, engine_client

ANSWER = {"usage": {"completion_tokens": 1}}


class Server:
    """Answers everything, and remembers what it was asked with."""

    def __init__(self) -> None:
        self.authorization: dict[str, bytes | None] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers.raw)
        self.authorization[request.url.path] = headers.get(b"Authorization")
        return httpx.Response(200, json=ANSWER)


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """An address that accepts connections and ends them."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_key_that_holds_now_goes_with_the_request_for_a_token_alone(tmp_path: Path) -> None:
    keys, server = tmp_path / "keys", Server()
    async with httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(server)) as http:
        client = EngineClient(http, "m", str(keys))
        for key in ("sk-old", "sk-new"):
            keys.write_text(f"{key}\nsk-other\n")
            assert await client.healthy()
            await client.generate_one_token()
            assert server.authorization == {"/health": None, "/v1/completions": f"Bearer {key}".encode()}


async def test_without_keys_nothing_is_sent() -> None:
    server = Server()
    async with httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(server)) as http:
        await EngineClient(http, "m").generate_one_token()
    assert server.authorization == {"/v1/completions": None}


async def test_a_wrong_key_is_told_in_the_engines_words(tmp_path: Path) -> None:
    def unauthorized(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": "Unauthorized"})

    keys = tmp_path / "keys"
    keys.write_text("verysecret")
    async with httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(unauthorized)) as http:
        with pytest.raises(NoToken, match=r'^401: \{"error":"Unauthorized"\}$'):
            await EngineClient(http, "m", str(keys)).generate_one_token()


async def test_a_file_without_keys_is_no_token(tmp_path: Path) -> None:
    async with engine_client("http://127.0.0.1:9", "m", str(tmp_path / "gone")) as client:
        with pytest.raises(NoToken, match=r"^API_KEYS_FILE: it cannot be read \(No such file or directory\)"):
            await client.generate_one_token()


async def test_a_server_that_hangs_up_is_no_token() -> None:
    async with listening() as url, engine_client(url, "m") as client:
        with pytest.raises(NoToken, match=r"^(Read|RemoteProtocol)Error: "):
            await client.generate_one_token()
