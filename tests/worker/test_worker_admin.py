"""The admin app's answers, and what the worker knows behind them."""

import pytest
from httpx import ASGITransport, AsyncClient, Response

from llmworker_server.admin import app
from llmworker_server.configuration import Configuration, configuration
from llmworker_server.progress import Phase
from llmworker_server.state import State

ENVIRON = {
    "MODEL_NAME": "org/model",
    "MAX_MODEL_LEN": "2048",
    "HF_TOKEN": "hf_verysecret",
    "LLMWORKER_ENGINE_PROFILE": "stable-cuda12.1.0",
}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def get(path: str, state: State, told: Configuration | None = None, accept: str = "*/*") -> Response:
    transport = ASGITransport(app(state, told or configuration(ENVIRON)))
    async with AsyncClient(transport=transport, base_url="http://worker") as client:
        return await client.get(path, headers={"accept": accept})


async def test_alive_from_the_first_second_on() -> None:
    assert (await get("/livez", State())).status_code == 200


@pytest.mark.parametrize(
    ("phases", "startup", "ready"),
    [
        pytest.param([], 503, 503, id="just started"),
        pytest.param([Phase.FIRST_TOKEN], 503, 503, id="listening but not proven"),
        pytest.param([Phase.READY], 200, 200, id="ready"),
        pytest.param([Phase.READY, Phase.UNHEALTHY], 200, 503, id="not healthy any more"),
        pytest.param([Phase.READY, Phase.UNHEALTHY, Phase.READY], 200, 200, id="healthy again"),
        pytest.param([Phase.READY, Phase.STOPPING], 200, 503, id="stopping"),
        pytest.param([Phase.READY, Phase.STOPPING, Phase.READY], 200, 503, id="a late check while stopping"),
        pytest.param([Phase.FAILED, Phase.READY], 503, 503, id="a late check after a failure"),
    ],
)
async def test_startup_and_readiness(phases: list[Phase], startup: int, ready: int) -> None:
    state = State()
    for phase in phases:
        state.enter(phase)
    assert (await get("/startupz", state)).status_code == startup
    assert (await get("/readyz", state)).status_code == ready


async def test_progress_for_machines_and_for_people() -> None:
    clock = Clock()
    state = State(clock)
    clock.now += 10
    state.read("Loading safetensors checkpoint shards:  25% Completed | 1/4 [00:01<00:03,  1.00s/it]")
    clock.now += 5
    assert (await get("/startupz", state)).json() == {
        "ready": False,
        "phase": "loading_weights",
        "percent": 25,
        "secondsInPhase": 5.0,
        "seconds": 15.0,
        "detail": "",
    }
    text = "loading_weights 25 % for 5 s, worker up for 15 s\n"
    assert (await get("/startupz?format=text", state)).text == text
    assert (await get("/startupz", state, accept="text/html,*/*")).text == text


async def test_a_percentage_does_not_begin_a_phase_anew() -> None:
    clock = Clock()
    state = State(clock)
    for percent in (25, 50):
        state.read(f"Loading safetensors checkpoint shards:  {percent}% Completed")
        clock.now += 5
    assert (await get("/startupz", state)).json()["secondsInPhase"] == 10


async def test_why_it_failed_is_told() -> None:
    state = State()
    state.enter(Phase.FAILED, "KvCacheTooSmall: too small")
    assert (await get("/readyz", state)).json()["detail"] == "KvCacheTooSmall: too small"
    assert "KvCacheTooSmall" in (await get("/readyz?format=text", state)).text


async def test_settings_with_value_source_and_effect_but_never_a_secret() -> None:
    answer = await get("/settings", State())
    found = {setting["variable"]: setting for setting in answer.json()["settings"]}
    assert found["MAX_MODEL_LEN"] == {
        "variable": "MAX_MODEL_LEN",
        "value": "2048",
        "source": "environment",
        "effect": "engine",
    }
    assert found["HF_TOKEN"]["value"] == "set"
    assert found["GPU_MEMORY_UTILIZATION"] == {
        "variable": "GPU_MEMORY_UTILIZATION",
        "value": "0.95",
        "source": "documented default",
        "effect": "engine",
    }
    assert found["DEFAULT_BATCH_SIZE"]["value"] == "50"
    assert found["DEFAULT_BATCH_SIZE"]["effect"] == "worker"
    assert "SEED" not in found
    assert "verysecret" not in answer.text


async def test_a_documented_default_is_not_claimed_where_the_engines_own_holds() -> None:
    told = configuration(ENVIRON | {"LLMWORKER_ENGINE_PROFILE": "cpu"})
    assert "GPU_MEMORY_UTILIZATION" not in (await get("/settings", State(), told)).text


async def test_settings_for_people() -> None:
    text = (await get("/settings?format=text", State())).text
    assert "MAX_MODEL_LEN=2048  (environment; effect: engine)" in text
    assert "verysecret" not in text


async def test_an_unknown_format_is_refused() -> None:
    answer = await get("/settings?format=xml", State())
    assert (answer.status_code, answer.text) == (400, "format: expected json or text, got 'xml'\n")
