"""Hubs on loopback, with as much of the API as the real client asks for."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

_COMMIT: Final = "a" * 40
_CHUNK: Final = 1_000_000


@contextmanager
def hub(name: str, folder: Path, bytes_per_second: int) -> Iterator[str]:
    """The address of one that has one model, whose files are the folder's, and a slow line."""

    class Hub(_Handler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            if found := re.fullmatch(rf"/{name}/resolve/[^/]+/(\S+)", path):
                self._file(folder / found[1], body)
            elif path.startswith(f"/api/models/{name}/tree/"):
                self._json([_listed(file) for file in _files(folder)])
            elif path.startswith(f"/api/models/{name}"):
                siblings = [{"rfilename": file.name} for file in _files(folder)]
                self._json({"id": name, "modelId": name, "sha": _COMMIT, "siblings": siblings})
            else:
                self._head(404, 0, {"X-Error-Code": "RepoNotFound"})

        def _file(self, file: Path, body: bool) -> None:
            if not file.is_file():
                self._head(404, 0, {"X-Error-Code": "EntryNotFound"})
                return
            first = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
            headers = {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": _COMMIT}
            self._head(206 if first else 200, _size(file) - first, headers)
            if not body:
                return
            with file.open("rb") as content:
                content.seek(first)
                while chunk := content.read(_CHUNK):
                    self.wfile.write(chunk)
                    time.sleep(len(chunk) / bytes_per_second)

        def _json(self, content: object) -> None:
            body = json.dumps(content).encode()
            self._head(200, len(body), {"Content-Type": "application/json"})
            self.wfile.write(body)

    with _served(Hub) as url:
        yield url


@contextmanager
def gated_hub() -> Iterator[str]:
    """The address of one on which every model is gated: 401 to strangers, 403 to an account without access."""

    class Hub(_Handler):
        def do_GET(self) -> None:
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model org/gated is restricted."}
            self._head(403 if "authorization" in self.headers else 401, 0, headers)

        do_HEAD = do_GET

    with _served(Hub) as url:
        yield url


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing: pytest shows what matters."""


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file())


def _listed(file: Path) -> dict[str, object]:
    return {"type": "file", "oid": _etag(file), "size": _size(file), "path": file.name}


def _size(file: Path) -> int:
    return file.stat().st_size


def _etag(file: Path) -> str:
    return hashlib.sha1(f"{file.name} {_size(file)}".encode(), usedforsecurity=False).hexdigest()
