"""What `run` says of a worker, from what its admin app and its last words say. Pure."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

READY: Final = "ready"
_DRAINING: Final = "draining"
_SHOWN: Final = 160
"""Characters of a detail."""

Status = Mapping[str, Any]
"""The JSON of `/startupz`."""


def now(status: Status) -> str:
    """Where the worker is at this moment."""
    return f"{_phase(status)}, {status['secondsInPhase']:.0f} s{_detail(status)}"


def change(status: Status) -> str:
    """That the worker has entered a phase."""
    if status["phase"] == _DRAINING:
        return "draining: open requests go on; ask once more to end them at once"
    return f"{_words(status)} after {status['seconds']:.0f} s{_detail(status)}"


def curl(url: str, model: str, *, chat: bool, keys: bool, proxy: bool = False) -> str:
    """A line for a shell that asks the worker.

    `chat`: whether the model has a template of chats, without which it can only continue a text. `keys`: whether
    the worker wants one. `proxy`: whether curl would ask a proxy, which knows no loopback of ours.
    """
    asked = {"messages": [{"role": "user", "content": "Hello"}]} if chat else {"prompt": "Hello"}
    body = json.dumps({"model": model, "stream": True, "max_tokens": 100, **asked}, ensure_ascii=False)
    path = "chat/completions" if chat else "completions"
    words = ["curl -sN", *(["--noproxy '*'"] if proxy else []), f"{url}/{path}", "-H 'Content-Type: application/json'"]
    words += ['-H "Authorization: Bearer $API_KEY"'] if keys else []
    return " ".join([*words, f"-d {shlex.quote(body)}"])


def failed(code: int, message: Mapping[str, Any] | None) -> list[str]:
    """Why a worker ended that nobody had asked to, by its termination message if it left one."""
    if message is None:
        ending = f"by signal {-code}" if code < 0 else f"with exit status {code}"
        return [f"failed: the worker ended {ending} and left no cause: read its log from the end"]
    return [f"failed: {message['reason']}", *str(message["message"]).splitlines(), str(message["remedy"])]


def last_lines(log: str, message: Mapping[str, Any] | None, count: int = 12) -> list[str]:
    """The end of the worker's log, without the cause where that is told by itself."""
    lines = [line for line in log.splitlines() if line.strip()]
    if message is not None and lines and str(message["reason"]) in lines[-1]:
        lines.pop()
    return lines[-count:]


def lacking(python: str, missing: Sequence[str], requirement: str) -> str:
    """That an interpreter cannot run a worker, and what to do; `requirement`: the engine's, as pip takes it."""
    ours = "this project with its worker's packages, `pip install '.[worker]'` in a checkout"
    todo = [*([ours] if set(missing) - {"vllm"} else []), *([requirement] if "vllm" in missing else [])]
    needs = f"{python} cannot import {' and '.join(missing)}"
    return f"{needs}: install {' and '.join(todo)} for it, or choose another interpreter with --python"


def _phase(status: Status) -> str:
    if status.get("percent") is not None:
        return f"{_words(status)} {status['percent']} %"
    if status.get("downloadedBytes") is not None:
        return f"{_words(status)} {status['downloadedBytes'] / 1e6:,.0f} MB"
    return _words(status)


def _words(status: Status) -> str:
    return str(status["phase"]).replace("_", " ")


def _detail(status: Status) -> str:
    first, *_ = str(status.get("detail") or "").splitlines() or [""]
    return f": {first[:_SHOWN]}" if first else ""
