"""When a watch is dead, and when it only looks so."""

import pytest

from llmworker_operator.store import Key
from llmworker_operator.watches import SILENCE, Watches

A, B = Key("n", "a"), Key("n", "b")


@pytest.fixture
def watches() -> Watches:
    return Watches(("Pod", "Service"), now=0.0, patience=60.0)


def test_a_kind_that_is_silent_for_too_long_is_named(watches: Watches) -> None:
    watches.heard("Service", 100.0)
    assert watches.dead(SILENCE) == []
    assert watches.dead(SILENCE + 1) == [
        "The watch of Pod has said nothing for 151 s, while the API server answers.",
    ]
    watches.heard("Pod", SILENCE + 1)
    assert watches.dead(SILENCE + 2) == []


def test_silence_is_not_counted_while_the_api_server_is_away(watches: Watches) -> None:
    watches.does_not_answer("connection refused")
    assert watches.dead(10_000.0) == []
    assert watches.away == "connection refused"
    watches.answers(10_000.0)
    assert watches.away == ""
    assert watches.dead(10_000.0 + SILENCE) == []
    assert len(watches.dead(10_001.0 + SILENCE)) == 2


def test_that_it_answers_again_and_again_does_not_start_the_count_anew(watches: Watches) -> None:
    for now in range(0, 160, 15):
        watches.answers(float(now))
    assert len(watches.dead(SILENCE + 1)) == 2


def test_what_a_list_showed_must_be_told_in_time(watches: Watches) -> None:
    for kind in ("Pod", "Service"):
        watches.heard(kind, 100.0)
    watches.listed("Pod", A, 7, now=100.0)
    watches.listed("Pod", B, 8, now=110.0)
    assert watches.dead(160.0) == []
    assert watches.dead(161.0) == [
        "The watch of Pod has not told of 1 objects as a list showed them, the first of them 61 s ago: n/a."
    ]
    (told,) = watches.dead(171.0)
    assert "2 objects" in told


def test_what_was_told_meanwhile_is_not_missed(watches: Watches) -> None:
    for now in (100.0, 200.0):
        watches.heard("Pod", now)
        watches.heard("Service", now)
    watches.listed("Pod", A, 7, now=100.0)
    watches.told("Pod", A, 6)
    watches.told("Service", A, 9)
    assert len(watches.dead(200.0)) == 1
    watches.told("Pod", A, 8)
    assert watches.dead(200.0) == []


def test_what_is_gone_is_not_missed(watches: Watches) -> None:
    watches.listed("Pod", A, 7, now=0.0)
    watches.vanished("Pod", A)
    assert watches.dead(100.0) == []


def test_a_second_list_does_not_start_the_count_anew(watches: Watches) -> None:
    watches.listed("Pod", A, 7, now=0.0)
    watches.listed("Pod", A, 8, now=50.0)
    assert len(watches.dead(61.0)) == 1


def test_what_was_missed_is_not_counted_while_the_api_server_is_away(watches: Watches) -> None:
    watches.listed("Pod", A, 7, now=0.0)
    watches.does_not_answer("away")
    assert watches.dead(100.0) == []
    watches.answers(100.0)
    assert watches.dead(160.0) == []
    assert len(watches.dead(161.0)) == 1


def test_the_age_of_each_kind(watches: Watches) -> None:
    watches.heard("Pod", 30.0)
    assert watches.ages(40.0) == {"Pod": 10.0, "Service": 40.0}
