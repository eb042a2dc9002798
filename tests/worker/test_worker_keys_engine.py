"""The keys of a whole worker around the real vLLM on the CPU: what they guard, and their rotation while it serves."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from openai import AuthenticationError, OpenAI

from assets.worker_process import WorkerProcess, ready_worker

pytestmark = pytest.mark.engine

OLD, OTHER, NEW = "sk-old-verysecret", "sk-other-verysecret", "sk-new-verysecret"
TOKEN = {"model": "tiny", "prompt": "Hello", "max_tokens": 1}


class Keyed(NamedTuple):
    """A ready worker and the folder of its keys, which is laid out as the kubelet mounts a Secret."""

    worker: WorkerProcess
    folder: Path

    def ask(self, method: str, path: str, key: str | None, **more: object) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        url = self.worker.url.removesuffix("/v1") + path
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **more)  # type: ignore[arg-type]

    def token(self, key: str | None) -> int:
        return self.ask("POST", "/v1/completions", key, json=TOKEN).status_code


def exchange(folder: Path, *keys: str) -> None:
    """As the kubelet does: a new folder, and one rename of the link to it."""
    revision = folder / f"..{len(list(folder.iterdir()))}"
    revision.mkdir()
    (revision / "keys").write_text("\n".join(keys))
    (folder / "..data_tmp").symlink_to(revision.name)
    (folder / "..data_tmp").rename(folder / "..data")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "keys").symlink_to("..data/keys")
    exchange(folder, OLD, OTHER)
    with ready_worker(tmp_path_factory.mktemp("keyed"), API_KEYS_FILE=str(folder / "keys")) as started:
        yield Keyed(started, folder)


def test_every_route_of_this_engine_but_the_probes_is_closed(keyed: Keyed) -> None:
    """A new release may bring one; what is open is named here."""
    paths = keyed.ask("GET", "/openapi.json", OLD).json()["paths"]
    routes = {(method, re.sub(r"\{.*?\}", "x", path)) for path, methods in paths.items() for method in methods}
    routes |= {("get", path) for path in ("/metrics", "/docs", "/redoc", "/openapi.json", "/", "/nothing")}
    routes |= {("options", "/metrics"), ("head", "/v1/models")}
    assert len(routes) > 15
    opened = {
        (method, path)
        for method, path in routes
        for key in (None, "sk-wrong")
        if keyed.ask(method.upper(), path, key).status_code != 401
    }
    assert opened == {("get", "/health"), ("get", "/ping"), ("post", "/ping")}


def test_a_key_opens_what_is_closed(keyed: Keyed) -> None:
    for path in ("/v1/models", "/metrics", "/version", "/openapi.json"):
        assert keyed.ask("GET", path, OLD).status_code == 200
    assert keyed.ask("POST", "/tokenize", OTHER, json={"model": "tiny", "prompt": "Hello"}).status_code == 200
    assert keyed.token(OLD) == keyed.token(OTHER) == 200


def test_the_openai_client_knows_the_refusal(keyed: Keyed) -> None:
    openai = OpenAI(base_url=keyed.worker.url, api_key="sk-wrong", max_retries=0)
    with openai, pytest.raises(AuthenticationError) as refused:
        openai.models.list()
    assert refused.value.code == "invalid_api_key"
    assert refused.value.response.headers["www-authenticate"] == "Bearer"


def test_a_browsers_preflight_is_answered_by_the_engine(keyed: Keyed) -> None:
    """Which in this release allows no page by default."""
    headers = {"Origin": "http://page", "Access-Control-Request-Method": "POST"}
    url = f"{keyed.worker.url}/chat/completions"
    answer = httpx.options(url, headers=headers, timeout=10, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Disallowed CORS origin")


def test_a_rotation_needs_no_restart(keyed: Keyed) -> None:
    """The last but one of this module's worker."""
    before = keyed.worker.pids()
    exchange(keyed.folder, NEW, OTHER)
    assert [keyed.token(key) for key in (NEW, OTHER, OLD)] == [200, 200, 401]
    exchange(keyed.folder, "very secret")
    assert [keyed.token(key) for key in (NEW, OTHER, OLD)] == [200, 200, 401]
    exchange(keyed.folder, NEW)
    assert [keyed.token(key) for key in (NEW, OTHER, OLD)] == [200, 401, 401]
    assert keyed.worker.admin("/readyz").status_code == 200
    assert keyed.worker.pids() == before
    log = keyed.worker.log
    assert log.count("API_KEYS_FILE can not be used, the keys of before still hold: line 1 is no key") == 1
    assert "API_KEYS_FILE: 1 key holds from now on" in log


def test_no_key_is_to_be_seen(keyed: Keyed) -> None:
    found = {s["variable"]: s["value"] for s in keyed.worker.admin("/settings").json()["settings"]}
    assert found["API_KEYS_FILE"] == str(keyed.folder / "keys")
    processes = keyed.worker.pids()
    environs = [Path(f"/proc/{pid}/environ").read_text(errors="replace") for pid in processes]
    shown = [keyed.worker.log, keyed.worker.admin("/settings").text, str(processes), *environs]
    assert [text for text in shown if "verysecret" in text] == []
