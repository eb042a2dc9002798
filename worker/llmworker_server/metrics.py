"""The worker's own metrics beside the engine's, in Prometheus' text format."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from llmworker_server.progress import Phase
from llmworker_server.scoreboard import Scoreboard, Slot
from llmworker_server.state import State

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
"""Of the format that the engine writes and that ours is appended to."""


def own(state: State, board: Scoreboard) -> str:
    """What the supervisor and the middleware know at this moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Own(state, board))
    return generate_latest(registry).decode()


class _Own(Collector):
    def __init__(self, state: State, board: Scoreboard) -> None:
        self._state = state
        self._board = board

    def collect(self) -> Iterator[Metric]:
        state, board = self._state, self._board
        yield GaugeMetricFamily("llmworker_ready", "1 when requests may come.", value=state.ready)
        phases = GaugeMetricFamily("llmworker_phase", "1 for the phase that the worker is in.", labels=["phase"])
        for phase in Phase:
            phases.add_metric([phase.value], phase is state.progress.phase)
        yield phases
        yield GaugeMetricFamily(
            "llmworker_phase_seconds", "Time in this phase, in seconds.", value=state.seconds_in_phase
        )
        if state.seconds_to_ready is not None:
            yield GaugeMetricFamily(
                "llmworker_start_seconds",
                "From the worker's start to its first token, in seconds.",
                value=state.seconds_to_ready,
            )
        yield GaugeMetricFamily(
            "llmworker_requests_running", "Requests that the engine works on.", value=board[Slot.RUNNING]
        )
        answers = CounterMetricFamily("llmworker_answers", "Answers of the OpenAI port, by status.", labels=["code"])
        for status, count in board.answers().items():
            answers.add_metric([str(status)], count)
        yield answers
