"""Who may import whom, and what the repository promises about itself."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_handlers_bring_neither_vllm_nor_torch_nor_fastapi() -> None:
    code = "import sys, llmworker_operator.handlers; print(*{'vllm', 'torch', 'fastapi'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_middleware_brings_neither_vllm_nor_torch_nor_fastapi() -> None:
    code = (
        "import sys, llmworker_server.middleware.installed; "
        "print(*{'vllm', 'torch', 'fastapi', 'kopf', 'kubernetes'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_folder_shadows_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "worker" / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|\$ )make (?:-s )?([a-z-]+)", (ROOT / "README.md").read_text())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_modules_stay_under_three_hundred_lines() -> None:
    tops = ("operator", "worker", "tests", "demo")
    long = {
        str(path.relative_to(ROOT)): lines
        for top in tops
        for path in (ROOT / top).rglob("*.py")
        if path.name != "settings.py" and (lines := len(path.read_text().splitlines())) > 300
    }
    assert long == {}
