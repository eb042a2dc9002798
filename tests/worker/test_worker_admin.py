"""The admin app's answers, and what the worker knows behind them."""

import pytest
from httpx import ASGITransport, AsyncClient, ConnectError, MockTransport, Request, Response
from prometheus_client.parser import text_string_to_metric_families

from llmworker_contract.engines import Recorded, profile
from llmworker_server.admin import app
from llmworker_server.configuration import Configuration, configuration
from llmworker_server.drift import Drift
from llmworker_server.engine_client import EngineClient
from llmworker_server.progress import Phase
from llmworker_server.scoreboard import Scoreboard, Slot
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
    def engine(request: Request) -> Response:
        if not state.was_ready:
            raise ConnectError("not yet")
        return Response(200, text="vllm:num_requests_running 2.0\n")

    http = AsyncClient(base_url="http://engine", transport=MockTransport(engine))
    board = Scoreboard()
    board[Slot.RUNNING] = 2
    board.answered(200)
    board.answered(429)
    board.answered(429)
    transport = ASGITransport(app(state, told or configuration(ENVIRON), board, EngineClient(http, "m")))
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
        pytest.param([Phase.READY, Phase.DRAINING], 200, 503, id="draining"),
        pytest.param([Phase.READY, Phase.DRAINING, Phase.READY], 200, 503, id="a late check while draining"),
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
        "downloadedBytes": None,
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


async def test_settings_with_value_source_and_verdict_but_never_a_secret() -> None:
    answer = await get("/settings", State())
    found = {setting["variable"]: setting for setting in answer.json()["settings"]}
    assert found["MAX_MODEL_LEN"] == {
        "variable": "MAX_MODEL_LEN",
        "value": "2048",
        "source": "environment",
        "verdict": "honoured",
        "detail": "--max-model-len",
    }
    assert found["HF_TOKEN"]["value"] == "set"
    assert found["GPU_MEMORY_UTILIZATION"] == {
        "variable": "GPU_MEMORY_UTILIZATION",
        "value": "0.95",
        "source": "documented default",
        "verdict": "honoured",
        "detail": "--gpu-memory-utilization",
    }
    assert found["DEFAULT_BATCH_SIZE"]["value"] == "50"
    assert found["DEFAULT_BATCH_SIZE"]["detail"] == "by the worker"
    assert "SEED" not in found
    assert "verysecret" not in answer.text


async def test_a_documented_default_is_not_claimed_where_the_engines_own_holds() -> None:
    told = configuration(ENVIRON | {"LLMWORKER_ENGINE_PROFILE": "cpu"})
    assert "GPU_MEMORY_UTILIZATION" not in (await get("/settings", State(), told)).text


async def test_settings_name_the_vllm_that_is_there_and_the_one_that_should_be() -> None:
    found = profile("dev-cuda12.1.0")
    record = Recorded(vllm=found.vllm, arguments=found.arguments, configs=found.configs, requests={})
    own, drifted = configuration(ENVIRON), configuration(ENVIRON, Drift(record, "image"))
    names = ("vllm", "profileVllm", "argumentsFrom")
    shown = [(await get("/settings", State(), told)).json() for told in (own, drifted)]
    assert [tuple(each[name] for name in names) for each in shown] == [
        ("0.6.3.post1", "0.6.3.post1", "profile"),
        ("0.8.5.post1", "0.6.3.post1", "image"),
    ]
    text = (await get("/settings?format=text", State(), drifted)).text
    assert "stable-cuda12.1.0: vLLM 0.8.5.post1 in the place of 0.6.3.post1 (arguments from image)" in text
    assert "honoured: --max-model-len; by what vLLM 0.8.5.post1 itself says of its arguments" in text
    assert "GPU_MEMORY_UTILIZATION" not in text


async def test_settings_for_people() -> None:
    text = (await get("/settings?format=text", State())).text
    assert "MAX_MODEL_LEN=2048  (environment; honoured: --max-model-len)" in text
    assert "verysecret" not in text


async def test_an_unknown_format_is_refused() -> None:
    answer = await get("/settings?format=xml", State())
    assert (answer.status_code, answer.text) == (400, "format: expected json or text, got 'xml'\n")


async def metrics(state: State) -> dict[tuple[str, ...], float]:
    text = (await get("/metrics", state)).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


async def test_own_metrics_are_there_before_the_engine() -> None:
    clock = Clock()
    state = State(clock)
    clock.now += 7
    found = await metrics(state)
    assert found["llmworker_ready",] == 0
    assert found["llmworker_phase", "starting"] == 1
    assert found["llmworker_phase_seconds",] == 7
    assert ("llmworker_start_seconds",) not in found
    assert ("vllm:num_requests_running",) not in found


async def test_the_engines_metrics_and_ours() -> None:
    clock = Clock()
    state = State(clock)
    clock.now += 20
    state.enter(Phase.READY)
    clock.now += 5
    found = await metrics(state)
    assert found["vllm:num_requests_running",] == 2
    assert found["llmworker_ready",] == found["llmworker_phase", "ready"] == 1
    assert found["llmworker_phase", "starting"] == 0
    assert found["llmworker_start_seconds",] == 20
    assert found["llmworker_requests_running",] == 2
    assert (found["llmworker_answers_total", "200"], found["llmworker_answers_total", "429"]) == (1, 2)
