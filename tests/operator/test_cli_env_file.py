"""Files of NAME=value lines."""

import pytest

from llmworker_operator.cli.env_file import variables


@pytest.mark.parametrize(
    ("line", "value"),
    [
        pytest.param("A=b", "b", id="as it stands"),
        pytest.param("export A=b", "b", id="as a shell has it"),
        pytest.param("A= b ", " b ", id="blanks are the value's"),
        pytest.param("A=", "", id="empty"),
        pytest.param('A="b c"', "b c", id="in quotes"),
        pytest.param("A='b'", "b", id="in single quotes"),
        pytest.param("A={% if a %}{# b #}{% endif %} # c", "{% if a %}{# b #}{% endif %} # c", id="a number sign"),
        pytest.param('A={"b": "c"}', '{"b": "c"}', id="JSON"),
        pytest.param("A=b=c", "b=c", id="an equals sign"),
    ],
)
def test_a_value_is_kept_whole(line: str, value: str) -> None:
    assert variables([f"{line}\n"]) == ({"A": value}, [])


def test_comments_and_empty_lines_are_none() -> None:
    assert variables(["# A=1\n", "\n", "  # B=2\n"]) == ({}, [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("A", "line 1: expected NAME=value: correct or remove it"),
        ("A B=c", "line 1: expected NAME=value: correct or remove it"),
        ('A="b', "A: line 1 opens a quote and does not close it: correct it"),
    ],
)
def test_a_line_that_sets_nothing_is_a_problem(line: str, problem: str) -> None:
    assert [str(found) for found in variables([line])[1]] == [problem]


def test_the_last_of_a_name_wins() -> None:
    assert variables(["A=1", "A=2"])[0] == {"A": "2"}
