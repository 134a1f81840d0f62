"""Servers for the tests of files elsewhere: http with ranges, S3 (moto's), the Hugging Face Hub, and one that breaks off."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class _Files(BaseHTTPRequestHandler):
    """Files of a folder, with ranges, ETags, indexes of links, and a token if the server wants one."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def _answer(self, head: bool) -> None:
        server: FileServer = self.server  # type: ignore[assignment]
        server.asked[self.command] += 1
        path = server.folder / unquote(self.path.partition("?")[0]).lstrip("/")
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            self._send(401, b"", {}, head)
        elif server.failures > 0 and not head:
            server.failures -= 1
            self._send(503, b"busy", {}, head)
        elif path.is_dir():
            names = [name + "/" * (path / name).is_dir() for name in sorted(os.listdir(path))]
            links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
            self._send(200, links.encode(), {"Content-Type": "text/html"}, head)
        elif path.is_file():
            self._file(path.read_bytes(), head, server.ranges)
        else:
            self._send(404, b"", {}, head)

    def _file(self, body: bytes, head: bool, ranges: bool) -> None:
        headers = {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if ranges else None
        if wanted:
            start, stop = int(wanted[1]), min(int(wanted[2] or len(body)) + 1, len(body))
            self.server.ranged += 1  # type: ignore[attr-defined]
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
            self._send(206, body[start:stop], headers, head)
        else:
            self._send(200, body, headers, head)

    def _send(self, status: int, body: bytes, headers: dict[str, str], head: bool) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if not head:
            with suppress(OSError):
                self.wfile.write(body)


class FileServer(ThreadingHTTPServer):
    """A folder over http.

    Attributes:
        ranges: whether it knows them. token: what it asks for. failures: answers of 503 still to give.
        asked: questions by method. ranged: answers that were ranges.
    """

    daemon_threads = True

    def __init__(self, folder: Path, handler: type[BaseHTTPRequestHandler] = _Files) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.folder, self.ranges, self.token, self.failures = folder, True, "", 0
        self.asked: Counter[str] = Counter()
        self.ranged = 0


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """The address of a server that runs inside the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Hub(_Files):
    """As much of the Hub's interface as reading a data set takes: ``/api/datasets/…`` and ``/datasets/…/resolve/…``."""

    def _answer(self, head: bool) -> None:
        server: FileServer = self.server  # type: ignore[assignment]
        path = unquote(self.path.partition("?")[0])
        api = re.fullmatch(
            r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?", path
        )
        resolve = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.*)", path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else ""
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            self._send(401, b"", {"X-Error-Code": "RepoNotFound"}, head)
        elif resolve:
            self.path = f"/{resolve[1]}/{resolve[2]}"
            super()._answer(head)
        elif api is None or not (server.folder / api[1]).is_dir():
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, head)
        elif api[2] == "tree":
            self._json(
                list(_entries(server.folder / api[1], api[4] or "", "recursive=true" in self.path.lower())),
                head,
            )
        elif api[2] == "paths-info":
            wanted = json.loads(body)["paths"] if body.startswith("{") else re.findall(r"paths=([^&]*)", body)
            found = [_entry(server.folder / api[1], unquote(p.replace("+", " "))) for p in wanted]
            self._json([entry for entry in found if entry], head)
        else:
            self._json({"id": api[1], "sha": "0" * 40, "siblings": [], "tags": [], "private": False}, head)

    do_POST = _Files.do_GET

    def _json(self, value: object, head: bool) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, head)


def _entry(root: Path, relative: str) -> dict | None:
    path = root / relative
    if path.is_dir():
        return {"type": "directory", "path": relative, "oid": "1" * 40, "size": 0}
    if not path.is_file():
        return None
    body = path.read_bytes()
    return {"type": "file", "path": relative, "oid": hashlib.sha1(body).hexdigest(), "size": len(body)}


def _entries(root: Path, under: str, deep: bool) -> Iterator[dict]:
    for path in sorted((root / under).iterdir()):
        relative = path.relative_to(root).as_posix()
        entry = _entry(root, relative)
        if entry:
            yield entry
        if deep and path.is_dir():
            yield from _entries(root, relative, deep)


def hub(folder: Path) -> FileServer:
    """A Hub of data sets: ``folder/owner/name/…``."""
    return FileServer(folder, _Hub)


class BreakingProxy:
    """A relay to another address that breaks connections after so many bytes of an answer, so many times.

    Attributes:
        breaks: how many more connections are to break. broken: how many have.

    Args:
        pause: seconds before a break, in which the other end may read what it was sent.
    """

    def __init__(self, target: str, after: int, breaks: int, pause: float = 0.0) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target, self._after = (host, int(port)), after
        self.breaks, self.broken, self._pause = breaks, 0, pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        taken = 0
        with suppress(OSError):
            while block := server.recv(1 << 14):
                client.sendall(block)
                taken += len(block)
                if taken > self._after and self.breaks > 0:
                    self.breaks -= 1
                    self.broken += 1
                    time.sleep(self._pause)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
                    break
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @staticmethod
    def _copy(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while block := client.recv(1 << 14):
                server.sendall(block)


@contextmanager
def s3() -> Iterator[str]:
    """A server that speaks S3 (moto's); its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_environment(address: str, folder: Path) -> dict[str, str]:
    """What the environment holds for whoever asks such a server; no file of the user's is read."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "anyone",
        "AWS_SECRET_ACCESS_KEY": "any-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
    }
