"""The phase of a start, from the engine's log."""

from functools import reduce

import pytest

from llmworker_server.progress import Phase, Progress, advanced

NEW = [
    "(APIServer pid=1) INFO 11-23 23:45:56 [api_utils.py:286] non-default args: {'model': 'm'}",
    "(APIServer pid=1) WARNING [vllm.py:1712] TORCH_COMPILE_DISABLE is set, disabling torch.compile.",
    "(Worker pid=3) INFO 11-23 23:46:50 [cpu_model_runner.py:68] Starting to load model m...",
    "model-00001-of-00002.safetensors:  40%|████      | 2.0G/5.0G [00:10<00:15, 200MB/s]",
    "Loading safetensors checkpoint shards:   0% Completed | 0/2 [00:00<?, ?it/s]",
    "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01,  1.96s/it]",
    "(Worker pid=3) INFO 11-23 23:46:53 [default_loader.py:501] Loading weights took 1.97 seconds",
    "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  45%|████▌     | 30/67 [00:02<00:02]",
]
OLD = [
    "INFO 11-10 10:00:00 api_server.py:528] vLLM API server version 0.6.3.post1",
    "INFO 11-10 10:00:05 model_runner.py:1056] Starting to load model m...",
    "Loading safetensors checkpoint shards: 100% Completed | 1/1 [00:00<00:00, 10.59it/s]",
    "INFO 11-10 10:00:09 model_runner.py:1067] Loading model weights took 14.9595 GB",
    "INFO 11-10 10:00:15 model_runner.py:1395] Capturing the model for CUDA graphs. This may lead to",
]


def phases(lines: list[str]) -> list[Progress]:
    seen = [Progress()]
    for line in lines:
        seen.append(advanced(seen[-1], line))
    return seen[1:]


def test_a_start_of_a_new_engine() -> None:
    assert phases(NEW) == [
        Progress(Phase.RESOLVING),
        Progress(Phase.RESOLVING),
        Progress(Phase.LOADING_WEIGHTS),
        Progress(Phase.DOWNLOADING, 40),
        Progress(Phase.LOADING_WEIGHTS, 0),
        Progress(Phase.LOADING_WEIGHTS, 50),
        Progress(Phase.WARMING_UP),
        Progress(Phase.CAPTURING_GRAPHS, 45),
    ]


def test_a_start_of_the_documented_engine() -> None:
    assert phases(OLD) == [
        Progress(Phase.RESOLVING),
        Progress(Phase.LOADING_WEIGHTS),
        Progress(Phase.LOADING_WEIGHTS, 100),
        Progress(Phase.WARMING_UP),
        Progress(Phase.CAPTURING_GRAPHS),
    ]


def test_never_backwards_when_a_second_process_is_slower() -> None:
    assert phases([*NEW, NEW[5], NEW[3]])[-1] == Progress(Phase.CAPTURING_GRAPHS, 45)


@pytest.mark.parametrize("phase", [Phase.FIRST_TOKEN, Phase.READY, Phase.STOPPING, Phase.FAILED])
def test_a_line_changes_nothing_once_the_supervisor_knows_better(phase: Phase) -> None:
    assert reduce(advanced, NEW, Progress(phase)) == Progress(phase)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        pytest.param(Progress(Phase.LOADING_WEIGHTS, 40), "loading_weights 40 %", id="counted"),
        pytest.param(Progress(), "starting", id="not counted"),
    ],
)
def test_as_text(progress: Progress, text: str) -> None:
    assert str(progress) == text
