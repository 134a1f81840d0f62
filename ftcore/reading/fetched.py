"""Files from elsewhere on this disk: fetched whole or not at all, kept within a bound, gone on with where it broke off.

Each has a folder of its own in the cache, named by the digest of its address: ``content``, beside it ``about.json``,
written last, which says of which version it is. A ``content.part`` is what has come so far; the next call asks for the
rest, unless the file has changed meanwhile. Who reads a file holds it (a shared lock); what nobody holds goes when the
cache is over its bound, the longest unused first.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import xxhash
from filelock import FileLock

from ftcore.base import files
from ftcore.base.addresses import is_remote, protocol_of, shown
from ftcore.errors import UnreadableFile, UserError
from ftcore.reading import remote
from ftcore.reading.remote import RemoteFile

log = logging.getLogger("ftcore.sources")

PIECE = 8 << 20  # bytes asked for at once
_BLOCK = 1 << 20
_WEEK = 7 * 86_400.0  # seconds after which what has come of a file is given up
_CONTENT, _PART, _ABOUT = "content", "content.part", "about.json"
SPARE = 200_000_000  # bytes that a fetch leaves free on the disk


def cache_folder() -> Path:
    """Where fetched files lie: ``$FTCORE_FETCHED``, or ``fetched`` in the user's cache folder."""
    if given := os.environ.get("FTCORE_FETCHED", ""):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~")) / ".cache"
    return home / "ftcore" / "fetched"


def folder_of(address: str) -> Path:
    """Where in the cache a file lies, and what is known of it."""
    return cache_folder() / xxhash.xxh3_128_hexdigest(address.encode("utf-8", "surrogatepass"))


@contextmanager
def on_disk(
    path: str, credentials: str = "", limit: int = 1 << 62, wanted: RemoteFile | None = None
) -> Iterator[str]:
    """The path to open a file by: its own, or where a fetched one lies, which stays there inside the block.

    Args:
        path: a path, or an address.
        credentials: `Source.credentials`.
        limit: bytes of the cache, beside the files in use.
        wanted: size and version as they were listed; None: whichever is there.

    Raises:
        UserError: it cannot be fetched, or the disk has no room for it.
    """
    if not is_remote(path):
        yield path
        return
    folder = folder_of(path)
    with ExitStack() as stack:
        for _ in range(remote.TRIES):
            _fetch(path, folder, credentials, limit, wanted)
            with contextlib.suppress(FileNotFoundError):  # it went between the two steps: once more
                held = stack.enter_context(open(folder / _CONTENT, "rb"))
                fcntl.flock(held, fcntl.LOCK_SH)
                if (folder / _CONTENT).exists():
                    break
        else:
            raise UnreadableFile(
                f"{shown(path)}: the cache {folder.parent} loses it at once; raise ingest.cache_bytes"
            )
        os.utime(folder / _ABOUT)
        yield str(folder / _CONTENT)


def _fetch(path: str, folder: Path, credentials: str, limit: int, wanted: RemoteFile | None) -> None:
    """See to it that the folder holds the file, in the version that is wanted."""
    if _is_there(folder, wanted):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder) + ".lock"):  # one process fetches, others wait for it
        if _is_there(folder, wanted):
            return
        system = remote.filesystem(path, credentials)
        if wanted is None:
            wanted = _now(system, path)
        make_room(limit, max(wanted.size, 0), folder)
        _bring(system, wanted, folder)


def _is_there(folder: Path, wanted: RemoteFile | None) -> bool:
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
        size = (folder / _CONTENT).stat().st_size
    except (OSError, ValueError):
        return False
    if size != about.get("size"):
        return False
    return wanted is None or (bool(wanted.version) and [wanted.size, wanted.version] == about.get("listed"))


def _now(system: Any, address: str) -> RemoteFile:
    return remote.about_file(address, remote.asked(system, address))


def _bring(system: Any, wanted: RemoteFile, folder: Path) -> None:
    """Fetch a file; what came before a break stays for the next try, of this call or a later one."""
    about, part, note = folder / _ABOUT, folder / _PART, folder / (_PART + ".json")
    about.unlink(missing_ok=True)
    listed = [wanted.size, wanted.version]
    try:
        same = bool(wanted.version) and json.loads(note.read_bytes()) == listed
    except (OSError, ValueError):
        same = False
    if not same:
        part.unlink(missing_ok=True)
        files.atomic_write_json(note, listed)
    began = time.monotonic()
    size = _completed(system, wanted, part)
    log.info("%s: %.1f MB fetched in %.1f s", shown(wanted.address), size / 1e6, time.monotonic() - began)
    now = _now(system, wanted.address)
    if [now.size, now.version] != listed:
        part.unlink()
        raise UnreadableFile(
            f"{shown(wanted.address)}: changed while being fetched; let whatever writes it finish, then run again"
        )
    os.replace(part, folder / _CONTENT)
    note.unlink(missing_ok=True)
    files.atomic_write_json(about, {"address": shown(wanted.address), "size": size, "listed": listed})


def _completed(system: Any, wanted: RemoteFile, part: Path) -> int:
    """Fetch what is missing of the part, in as many tries as bring it on; its size."""
    tried, begin = 0, part.stat().st_size if part.exists() else 0
    with files.explain_full_disk(part), open(part, "r+b" if part.exists() else "wb") as sink:
        sink.seek(0, os.SEEK_END)
        if wanted.size >= 0 and sink.tell() > wanted.size:
            sink.seek(0)
            sink.truncate()
        while True:
            before = sink.tell()
            try:
                _read(system, wanted, sink)
                if wanted.size in (-1, sink.tell()):
                    break
                raise EOFError("the answer ended early")  # not a word of the server's that it was
            except Exception as error:
                if isinstance(error, OSError) and error.errno in (28, 122):
                    raise
                tried = 1 if sink.tell() > before else tried + 1
                if remote.is_final(error) or tried >= remote.tries_for(wanted.address):
                    sink.flush()
                    raise remote.explained(error, wanted.address, tried) from None
                log.info(
                    "%s: %s at byte %d: tried again", shown(wanted.address), type(error).__name__, sink.tell()
                )
                remote.wait(tried)
        sink.flush()
        os.fsync(sink.fileno())
        if begin:
            log.info("%s: gone on with at byte %d", shown(wanted.address), begin)
        return sink.tell()


def _read(system: Any, wanted: RemoteFile, sink: IO[bytes]) -> None:
    """Write what follows the bytes that are there."""
    if protocol_of(wanted.address) in ("http", "https"):
        _stream(system, wanted, sink)
        return
    with system.open(wanted.address, "rb", cache_type="none", block_size=PIECE) as source:
        source.seek(sink.tell())
        while block := source.read(PIECE):
            sink.write(block)


def _stream(system: Any, wanted: RemoteFile, sink: IO[bytes]) -> None:
    """One answer over http, from the byte that is wanted; from the first where the server knows no ranges."""
    at = sink.tell()
    if at and at == wanted.size:
        return
    headers = dict(system.kwargs.get("headers", {})) | {"Accept-Encoding": "identity"}
    if at:
        headers["Range"] = f"bytes={at}-"
    # size: any, so that it is not asked for again
    with system.open(wanted.address, "rb", block_size=0, size=1, headers=headers) as source:
        if at and source.r.status != 206:  # the whole again
            sink.seek(0)
            sink.truncate()
        while block := source.read(_BLOCK):
            sink.write(block)


def make_room(limit: int, more: int, keep: Path | None = None) -> None:
    """Remove what nobody holds, the longest unused first, until the cache with `more` bytes is within its bound.

    Raises:
        UserError: the disk has no room for them.
    """
    folder = cache_folder()
    for left in folder.glob(f"*/{_PART}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _WEEK:
                left.unlink()
    found = []
    for about in folder.glob(f"*/{_ABOUT}"):
        with contextlib.suppress(OSError):
            found.append((about.stat().st_mtime, (about.parent / _CONTENT).stat().st_size, about.parent))
    total = sum(size for _, size, _ in found)
    for _, size, place in sorted(found):
        if total + more <= limit:
            break
        if place != keep and _removed(place):
            total -= size
    free = files.free_bytes(folder)
    if more + SPARE > free:
        raise UserError(
            f"{folder}: {free / 1e9:.1f} GB free, {more / 1e9:.1f} GB needed to fetch the next file; free some, or name a "
            "folder on a larger disk by FTCORE_FETCHED"
        )


def _removed(place: Path) -> bool:
    """Remove a fetched file, unless somebody holds it."""
    try:
        with open(place / _CONTENT, "rb") as content:
            fcntl.flock(content, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (place / _ABOUT).unlink(missing_ok=True)
            (place / _CONTENT).unlink(missing_ok=True)
    except OSError:
        return False
    return True
