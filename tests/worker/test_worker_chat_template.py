"""Chat templates that are refused before the engine starts."""

from pathlib import Path

import pytest

from assets.chat_templates import BAD, GOOD
from llmworker_contract.codec import parse
from llmworker_contract.problems import BadEnvironment
from llmworker_server.chat_template import fault, problems
from llmworker_server.configuration import configuration


@pytest.mark.parametrize("template", GOOD)
def test_a_template_that_compiles(template: str) -> None:
    assert fault(template) is None


@pytest.mark.parametrize(("template", "words"), BAD)
def test_a_template_that_does_not_compile(template: str, words: str) -> None:
    assert words in str(fault(template))


def test_an_inline_template_is_refused_together_with_all_else() -> None:
    environ = {
        "MODEL_NAME": "m",
        "LLMWORKER_ENGINE_PROFILE": "cpu",
        "CUSTOM_CHAT_TEMPLATE": "{{ m } }}",
        "DTYPE": "int",
    }
    with pytest.raises(BadEnvironment) as caught:
        configuration(environ)
    found = {problem.variable: problem.message for problem in caught.value.problems}
    assert found.keys() == {"CUSTOM_CHAT_TEMPLATE", "DTYPE"}
    assert found["CUSTOM_CHAT_TEMPLATE"] == (
        "expected a Jinja template, but it does not compile: line 1: unexpected '}'"
    )


def of_file(path: Path | str) -> list[str]:
    return [str(problem) for problem in problems(parse({"MODEL_NAME": "m", "CUSTOM_CHAT_TEMPLATE_FILE": str(path)}))]


def test_a_file_is_refused_where_it_cannot_be_read_or_does_not_compile(tmp_path: Path) -> None:
    good, bad, latin = tmp_path / "good", tmp_path / "bad", tmp_path / "latin"
    good.write_text("é {{ messages }}", encoding="utf-8")
    bad.write_text("{% if %}")
    latin.write_bytes("é!".encode("latin-1"))
    assert of_file(good) == []
    assert of_file(bad)[0].startswith(f"CUSTOM_CHAT_TEMPLATE_FILE: expected a Jinja template in {bad}, but it does not")
    for path, words in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory"), (latin, "invalid")):
        (problem,) = of_file(path)
        assert problem.startswith(f"CUSTOM_CHAT_TEMPLATE_FILE: expected a file that can be read, got {path}: ")
        assert words in problem


def test_a_template_that_the_engine_knows_by_name_is_the_engines_affair() -> None:
    assert of_file("template_chatml.jinja") == []
