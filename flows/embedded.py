"""A Prefect server of our own for runs without one: SQLite in the store, gone when its parent is.

Prefect's ephemeral server outlives a `kill -9` of its flow; this one watches its parent. Run as a
module (``python -m flows.embedded --port N --parent PID``) it is the server process itself.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from flows.children import start
from flows.proxies import is_loopback, loopback_without_proxies, unusable
from ftcore.base.ending import end
from ftcore.base.interruption import installed, interrupted
from ftcore.base.workers import die_with
from ftcore.errors import UserError
from tasks.blank import lay
from tasks.session import USUAL_PAGES
from tasks.store import Owner, Store

START_SECONDS = 300  # on a busy machine; one that cannot start ends by itself
APPLICATION = "prefect.server.api.server:create_app"
STARTS = 4  # of the embedded server in one run
ANSWER_SECONDS = 5  # of a server that is said to run
EMBEDDED = {  # settings of a server that one run uses: no pages, and no kinds of blocks, which pages show
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # else `make ui` takes them for registered
}
SERVER_LOG = "server.log"  # in the store's prefect/
SERVER_FILE = "server.json"  # in the store's prefect/: the server that `make ui` runs


_log = logging.getLogger("ftcore.server")


class Server(NamedTuple):
    """Address of a Prefect API, and whether nobody but this process uses it."""

    url: str
    embedded: bool


def server_environment(store: Store) -> dict[str, str]:
    """Settings of a Prefect server over the store: its database and home, no telemetry."""
    store.prefect.mkdir(parents=True, exist_ok=True)
    lay("prefect", store.prefect / "prefect.db")
    return {
        "PREFECT_HOME": str(store.prefect),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{store.prefect / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "true",
    }


@contextmanager
def prefect_server(store: Store, meanwhile: Sequence[str] = ()) -> Iterator[Server]:
    """The API to use while the block runs.

    That is the configured server's, else that of `make ui` on this store, else an embedded one's.

    Args:
        meanwhile: modules that the block needs, imported while an embedded server starts.
    """
    from prefect.settings import (
        PREFECT_API_DATABASE_CONNECTION_URL,
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        PREFECT_UI_URL,
        temporary_settings,
    )

    named = PREFECT_API_URL.value()
    if named:
        _dismiss(store)
        require_server(named)
        with loopback_without_proxies() if is_loopback(named) else nullcontext():
            yield Server(named, embedded=False)
        return
    with ExitStack() as stack:
        stack.enter_context(loopback_without_proxies())
        settings = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}  # its thread costs a second at the end
        running = running_server(store)
        if not running:
            environment = server_environment(store)
            settings |= {
                PREFECT_UI_URL: USUAL_PAGES,  # this server has no pages; those of `make ui` show its runs
                PREFECT_HOME: environment["PREFECT_HOME"],
                PREFECT_API_DATABASE_CONNECTION_URL: environment["PREFECT_API_DATABASE_CONNECTION_URL"],
            }
        else:
            _dismiss(store)
        url = running or stack.enter_context(_embedded_server(store, meanwhile))
        stack.enter_context(temporary_settings(settings | {PREFECT_API_URL: url}))
        stack.callback(_close_what_waits)
        stack.callback(_send_what_waits)
        yield Server(url, embedded=not running)


class _Waiting(NamedTuple):
    """A server's process that imports what it needs and waits for the word to begin, and where it will listen."""

    process: subprocess.Popen
    listening: socket.socket


_ahead: dict[Path, _Waiting] = {}


def start_ahead(store: Store) -> None:
    """Start the embedded server's process while this one has its own imports before it (each takes seconds).

    It touches no database before `prefect_server` takes it, and is ended where that uses another server.

    Raises:
        UserError: the store's folder cannot be made.
    """
    if os.environ.get("PREFECT_API_URL") or (store.prefect / SERVER_FILE).exists():
        return
    store.make()
    listening = _listen()
    _ahead[store.path] = _Waiting(_launch(store, listening), listening)


def _listen() -> socket.socket:
    # Opened here and inherited: a port that is only chosen here can be taken by somebody else's connection in
    # the seconds that the server needs to start. It stays open here, so that calls wait in it while a killed
    # server's successor starts.
    return socket.create_server(("127.0.0.1", 0))


def _launch(store: Store, listening: socket.socket) -> subprocess.Popen:
    """A process that waits for the word to begin. Linux ends it with the thread that started it."""
    words = ["-m", "flows.embedded", "--fd", str(listening.fileno()), "--parent", str(os.getpid()), "--wait"]
    environment = server_environment(store) | EMBEDDED
    with open(store.prefect / SERVER_LOG, "ab") as out:
        return start(
            words,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            pass_fds=[listening.fileno()],
        )


def _begin(process: subprocess.Popen) -> subprocess.Popen:
    assert process.stdin is not None
    with suppress(OSError), process.stdin as words:  # it may have ended
        words.write(b"begin\n")
    return process


def _dismiss(store: Store) -> None:
    if waiting := _ahead.pop(store.path, None):
        end([waiting.process])
        waiting.listening.close()


@contextmanager
def _embedded_server(store: Store, meanwhile: Sequence[str]) -> Iterator[str]:
    """Address of a server of our own while the block runs; one that is killed meanwhile is started again."""
    log, over, servers = store.prefect / SERVER_LOG, threading.Event(), queue.SimpleQueue()
    ahead = _ahead.pop(store.path, None)
    with ahead.listening if ahead else _listen() as listening:

        def keep() -> None:  # a thread that lasts, since the processes that it starts end with it
            first = ahead.process if ahead else None
            for _ in range(STARTS):
                process = _begin(first or _launch(store, listening))
                first = None
                servers.put(process)
                while process.poll() is None and not over.wait(0.2):
                    pass
                if over.is_set():
                    return end([process])
                _log.warning("the Prefect server ended by itself (see %s); it is started again", log)
            listening.close()  # calls are refused from now on, and do not wait for nobody

        keeper = threading.Thread(target=keep, daemon=True, name="prefect-server")
        keeper.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        try:
            process = servers.get()
            _import_until_healthy(url, meanwhile)
            wait_until_healthy(url, process, log)
            yield url
        finally:
            over.set()
            keeper.join()


def _import_until_healthy(url: str, modules: Sequence[str]) -> None:
    for name in modules:
        if _is_healthy(url, 0.05):
            return
        with suppress(ImportError):  # told where it is needed
            import_module(name)


def _is_healthy(url: str, seconds: float) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=seconds) as answer:
            return answer.status == 200
    except OSError:
        return False


def require_server(url: str) -> None:
    """Refuse an address of Prefect's API where none answers, in seconds and in one line."""
    bad = [] if is_loopback(url) else unusable(os.environ)
    if bad:
        raise UserError(
            f"{bad[0]}={os.environ[bad[0]]}: Prefect cannot use this proxy to reach {url}; install `httpx[socks]` "
            "for a SOCKS proxy, or name an http proxy"
        )
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=ANSWER_SECONDS):
            return
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):  # it answers; who may ask is Prefect's to say
            return
        why = f"{error.code} {error.reason}" + (
            "; an API's address ends in /api" if error.code == 404 else ""
        )
    except (OSError, ValueError) as error:
        why = str(getattr(error, "reason", error))
    raise UserError(
        f"PREFECT_API_URL {url}: no Prefect server answers there ({why}); start it, or unset PREFECT_API_URL "
        "(`prefect config unset PREFECT_API_URL`) to run with a server of our own"
    )


def running_server(store: Store) -> str:
    """Address of the server that `make ui` runs on this store, or ""."""
    try:
        note = json.loads((store.prefect / SERVER_FILE).read_text())
        owner = Owner.parse(note["owner"])
        with urllib.request.urlopen(f"{note['url']}/health", timeout=2) as answer:
            alive = answer.status == 200 and owner is not None and not owner.is_gone()
        return note["url"] if alive else ""
    except (OSError, ValueError, KeyError):
        return ""


def _send_what_waits() -> None:
    """Deliver queued logs and events, which Prefect sends in the background, before the server goes."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    seconds = 1 if interrupted() else 10
    APILogWorker.drain_all(timeout=seconds, at_exit=False)
    EventsWorker.drain_all(timeout=seconds, at_exit=False)


def _close_what_waits() -> None:
    """After an interruption: the states of task runs travel as events, some of which came too late."""
    signals = installed()
    if signals is not None and signals.number:
        signals.tidy_up()


def wait_until_healthy(url: str, process: subprocess.Popen, log: Path) -> None:
    """Until a server that is starting answers; UserError where it ends or does not."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if _is_healthy(url, 2):
            return
        time.sleep(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    raise UserError(f"the Prefect server did not start; see {log}{''.join(f' ({n})' for n in last)}")


def main() -> None:
    """The server process, at a port of its own or on an inherited socket."""
    parser = argparse.ArgumentParser()
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--port", type=int)
    place.add_argument("--fd", type=int)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--wait", action="store_true", help="begin at a line on stdin, end at its end")
    arguments = parser.parse_args()
    if command := installed():
        command.release()  # uvicorn has its own way to end
    die_with(arguments.parent)
    import uvicorn

    if arguments.wait:
        import_module(APPLICATION.partition(":")[0])
        if not sys.stdin.readline():
            return
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        host="127.0.0.1",
        port=arguments.port or 0,
        log_level="error",
    )
    inherited = [] if arguments.fd is None else [socket.socket(fileno=arguments.fd)]
    uvicorn.Server(config).run(sockets=inherited or None)


if __name__ == "__main__":
    main()
