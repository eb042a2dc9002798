"""Clients that stream all the time, each answer over a connection of its own, until they are told to end.

    python -m assets.streaming_client URL MODEL CLIENTS FILE

Standard library only, so that it runs with any Python, in any network namespace. SIGTERM: no further requests; the open
answers are read to their end, and FILE gets one JSON list of all answers.
"""

import http.client
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKENS = 400
_PATIENCE = 120


def ask(url: str, model: str) -> dict[str, Any]:
    """One answer: its status, when it began and ended, how many events it had, whether it came to its end."""
    found: dict[str, Any] = {"began": time.time(), "status": 0, "events": 0, "complete": False, "error": ""}
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=_PATIENCE)
    body = {"model": model, "prompt": "Hello", "max_tokens": TOKENS, "ignore_eos": True, "stream": True}
    headers = {"Content-Type": "application/json", "Connection": "close"}
    try:
        connection.request("POST", f"{place.path}/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        found["status"] = answer.status
        for line in answer:
            found["events"] += line.startswith(b"data: {")
            found["complete"] |= line.startswith(b"data: [DONE]")
            if b'"error"' in line:
                found["error"] = line.decode()[:300]
    except (OSError, http.client.HTTPException) as error:
        found["error"] = repr(error)
    finally:
        connection.close()
    found["ended"] = time.time()
    return found


def main(url: str, model: str, clients: str, file: str) -> None:
    """Stream until SIGTERM."""
    ending = threading.Event()
    answers: list[dict[str, Any]] = []

    def client() -> None:
        while not ending.is_set():
            answers.append(ask(url, model))

    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    threads = [threading.Thread(target=client) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Path(file).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
