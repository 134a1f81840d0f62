r"""Files that are either whole or absent: atomic writes, checksums, free space.

Everything is built under a temporary name beside its target (same file system, so the rename is
atomic), fsynced, and only then given its final name. A crash leaves temporaries, never half a
file under a final name; `remove_stale` sweeps them.

Example:
    >>> from pathlib import Path; import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> atomic_write_json(folder / "a.json", {"b": 1})
    >>> (folder / "a.json").read_text()
    '{\n "b": 1\n}\n'
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any

from ftcore.errors import UserError

_TEMPORARY = ".ftcore-tmp-"  # hidden, so that a glob over the folder does not meet it
_FULL = (errno.ENOSPC, errno.EDQUOT)


def open_sink(path: Path) -> IO[bytes]:
    """Open a file for writing bytes; every writer of the corpus goes through here."""
    return open(path, "wb", buffering=1 << 20)


def free_bytes(path: str | Path) -> int:
    """Bytes free for us on the file system that holds `path` (which need not exist yet)."""
    import shutil

    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


@contextmanager
def explain_full_disk(path: str | Path) -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" inside into a `UserError` that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        why = "disk full" if error.errno == errno.ENOSPC else "disk quota exceeded"
        shown = re.sub(re.escape(_TEMPORARY) + "[0-9a-f]{12}-", "", str(path))  # the name it would get
        raise UserError(
            f"{shown}: {why} while writing ({free_bytes(path):,} bytes are free there). "
            "Free some space or set store=FOLDER on a larger disk, then run the same command again"
        ) from error


def fsync_path(path: str | Path) -> None:
    """Make a file's bytes, or a directory's entries, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys, one a line: equal values give equal bytes."""
    import json

    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def sha256_file(path: str | Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in pieces."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(path: str | PathLike) -> Iterator[IO[bytes]]:
    """Yield a file to write bytes to; it gets its name only if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with explain_full_disk(path):
            with open_sink(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            fsync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file at once; readers see the old bytes or the new ones."""
    with atomic_file(path) as file:
        file.write(data)


def atomic_write_json(path: str | Path, value: Any) -> None:
    """`atomic_write_bytes` of `canonical_json`."""
    atomic_write_bytes(path, canonical_json(value))


@contextmanager
def atomic_directory(path: str | PathLike) -> Iterator[Path]:
    """Yield an empty directory; it takes the place of `path` if the block ends without an error.

    All files in it are fsynced first. An existing `path` is moved aside, replaced and then
    removed: killed between, `path` is missing (and will be rebuilt), never a mixture of both.

    Example:
        >>> import tempfile; target = Path(tempfile.mkdtemp()) / "out"
        >>> with atomic_directory(target) as folder:
        ...     _ = (folder / "a").write_text("1")
        >>> sorted(p.name for p in target.parent.iterdir())
        ['out']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    aside = _temporary(path)
    try:
        with explain_full_disk(path):
            temporary.mkdir()
            yield temporary
            for folder, _, names in os.walk(temporary):
                for name in names:
                    fsync_path(Path(folder, name))
                fsync_path(folder)
            if path.exists():
                os.rename(path, aside)
            try:
                os.rename(temporary, path)
            except OSError:
                if aside.exists():
                    os.rename(aside, path)
                raise
            fsync_path(path.parent)
    finally:
        _remove(temporary)
        _remove(aside)


def remove_stale(folder: str | Path, of: str = "") -> list[str]:
    """Remove, at any depth, what killed writers left under temporary names; returns those names.

    Args:
        of: the name that it would have got: of that alone, and in the folder itself alone.

    Call it while holding the store's lock and before anything is written: a living writer's
    temporaries look the same.
    """
    removed: list[str] = []
    for place, folders, names in os.walk(folder):
        for name in [n for n in folders + names if _is_temporary(n, of)]:
            _remove(Path(place, name))
            removed.append(str(Path(place, name)))
        folders[:] = [n for n in folders if not of and not n.startswith(_TEMPORARY)]
    return sorted(removed)


def _is_temporary(name: str, of: str) -> bool:
    return name.startswith(_TEMPORARY) and (
        not of or name == _temporary_name(name[len(_TEMPORARY) :][:12], of)
    )


def _temporary(path: Path) -> Path:
    return path.with_name(_temporary_name(os.urandom(6).hex(), path.name))


def _temporary_name(random: str, name: str) -> str:
    return f"{_TEMPORARY}{random}-{name}"[:200]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
