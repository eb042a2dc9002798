"""Packages in the place of vLLM and of the worker, for tests of what starts a worker: it does what PRETEND says."""

from pathlib import Path
from typing import Final

_PROGRAM: Final = """
import json, os, signal, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

began, kind = time.monotonic(), os.environ["PRETEND"]
state = {"phase": "loading_weights", "percent": 45, "detail": ""}

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        seconds = time.monotonic() - began
        status = {**state, "ready": state["phase"] == "ready", "secondsInPhase": seconds, "seconds": seconds}
        self.say({"/startupz": status, "/settings": {"servedModelName": "tiny"}}[self.path])

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        allowed = kind != "keys" or self.headers["authorization"] == "Bearer sk-first"
        self.say({"count": 3} if allowed and kind != "no template" else {"error": {}})

    def say(self, content):
        body = json.dumps(content).encode()
        self.send_response(200 if "error" not in content else 400)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def serve(name):
    server = ThreadingHTTPServer((os.environ["LLMWORKER_HOST"], int(os.environ[name])), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()

asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
serve("LLMWORKER_ADMIN_PORT")
serve("LLMWORKER_OPENAI_PORT")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=os.setpgrp)
print("child", child.pid, flush=True)
time.sleep(0.8)
if kind == "fails":
    cause = {"reason": "DiskFull", "message": "The disk is full.", "remedy": "Make room.", "exitCode": 1}
    open(os.environ["LLMWORKER_TERMINATION_LOG"], "w").write(json.dumps(cause))
    print("before the end\\nllmworker: DiskFull: The disk is full.", flush=True)
    sys.exit(1)
if kind == "crashes":
    os.kill(os.getpid(), signal.SIGKILL)
state.update(phase="ready", percent=None)
if kind == "ill":
    time.sleep(1)
    state.update(phase="unhealthy", detail="It gives nothing.")
    time.sleep(1)
    state.update(phase="ready", detail="")
while len(asked) < (2 if kind == "busy" else 1):
    if asked:
        state.update(phase="draining")
    time.sleep(0.05)
child.kill()
"""


def pretended_worker(folder: Path) -> Path:
    """The folder, for PYTHONPATH, with both packages in it."""
    for package in ("vllm", "llmworker_server"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
    (folder / "llmworker_server" / "__main__.py").write_text(_PROGRAM)
    return folder
