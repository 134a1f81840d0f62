"""The lexicon of jieba's dictionary, kept on disk: a process that answers one text need not build it again.

A file in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``), named by the digest of what it was made of: the
dictionary, the tables of the model, and the native core, whose layout it has. It is mapped and read as bytes, never
unpickled; one that is not whole or of another making is built anew. Where the folder cannot be written, nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import xxhash

from ftcore import native
from ftcore.base.files import atomic_file

_MAGIC = b"ftcore lexicon 1"
_HEAD = len(_MAGIC) + 16 + 8  # and the digest of what follows it, and the sum of the counts
_BYTES = 8  # the lexicon's own are aligned to


def cache_folder() -> Path:
    """Where files lie that can be made again: ``$XDG_CACHE_HOME/ftcore``, or ``~/.cache/ftcore``."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~")) / ".cache"
    return home / "ftcore"


def kept_lexicon(
    sources: Iterable[Path], make: Callable[[], tuple[native.Lexicon, int]]
) -> tuple[native.Lexicon, int]:
    """The lexicon and the sum of its counts that `make` makes of these files, from the cache where it is there.

    Example:
        ``kept_lexicon([Path("dict.txt")], build)``
    """
    digest = xxhash.xxh3_128(native.SOURCES.encode())
    for path in sources:
        digest.update(path.read_bytes())
    file = cache_folder() / f"lexicon-{digest.hexdigest()}.bin"
    with suppress(OSError, ValueError):  # ValueError: not whole
        return _read(file)
    made, total = make()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        body = int(total).to_bytes(_BYTES, "little") + made.dump().tobytes()
        with atomic_file(file) as out:
            out.write(_MAGIC + xxhash.xxh3_128(body).digest() + body)
    return made, total


def _read(file: Path) -> tuple[native.Lexicon, int]:
    whole = np.memmap(file, np.uint8, "r")
    body = whole[len(_MAGIC) + 16 :]
    if (
        bytes(whole[: len(_MAGIC)]) != _MAGIC
        or bytes(whole[len(_MAGIC) : _HEAD - _BYTES]) != xxhash.xxh3_128(body.data).digest()
    ):
        raise ValueError(f"{file}: changed")
    return native.load_lexicon(np.asarray(whole[_HEAD:])), int.from_bytes(bytes(body[:_BYTES]), "little")
