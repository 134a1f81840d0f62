"""Small files that are prepared together: a thousand files of 1 kB are one piece of work, not a thousand.

Where a pack ends depends on the files near it alone: a file is the last of its pack if the hash of its
path falls below its share of the wanted size, or if the pack has twice that size. A file that is added,
changed or removed therefore moves no border further on, and the packs of all other files stay what
they were. What comes out of the preparation does not depend on how files are packed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import xxhash

from ftcore.base.addresses import is_remote
from ftcore.base.cores import cores
from ftcore.base.threads import at_once
from ftcore.config import Ingest
from ftcore.reading.fetched import on_disk
from ftcore.reading.sources import Part, SourceFile, cut_file
from ftcore.reading.suffixes import ARCHIVES

PACK_BYTES = 4 << 20  # of text in a pack, on average; seconds of work, so that processes share it evenly
FILES_AT_ONCE = 200  # that a thread takes: handing over a small file costs more than reading it
FETCHES = 8  # files that come from elsewhere at once
SMALL = 1 << 16  # bytes of a file, on average, below which its opening costs more than its digest
_FILE = 1 << 10  # bytes that opening a file is counted as
_UNPACKED = 4  # a compressed byte stands for so many


class Pack:
    """Consecutive parts of one source that are prepared together: one large part, or several small files.

    A plain class on purpose: Prefect looks into dataclasses and tuples for futures at each task call.
    """

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = tuple(parts)

    @property
    def source(self) -> int:
        """Number of the source that all parts are of."""
        return self.parts[0].source

    @property
    def first(self) -> Part:
        """The part that it begins with."""
        return self.parts[0]

    def __len__(self) -> int:
        return len(self.parts)

    def plain(self) -> list[dict[str, Any]]:
        """JSON-able; `Pack.of_plain` is the inverse."""
        return [dict(part.__dict__) for part in self.parts]

    @classmethod
    def of_plain(cls, parts: Iterable[dict[str, Any]]) -> Pack:
        """Rebuild what `plain` gave."""
        return cls(Part(**values) for values in parts)

    @contextmanager
    def on_this_disk(self, ingest: Ingest) -> Iterator[None]:
        """Inside, the files that lie elsewhere are here: workers need neither fetch them nor know how."""
        with ExitStack() as stack:
            for path in dict.fromkeys(part.path for part in self.parts):
                stack.enter_context(
                    on_disk(path, ingest.sources[self.source].credentials, ingest.cache_bytes)
                )
            yield

    def __repr__(self) -> str:
        more = f" and {len(self) - 1} more" if len(self) > 1 else ""
        return f"Pack({self.first.name}:{self.first.relative}{more})"


def packs_of(files: Sequence[SourceFile], sizes: Sequence[int], ingest: Ingest) -> list[Pack]:
    """Files cut into parts, each with its digest, and the small ones packed.

    Args:
        files: `list_files`.
        sizes: bytes of each.
        ingest: how they are read and cut.
    """
    step = 1 if any(is_remote(file.path) for file in files) else FILES_AT_ONCE
    chunks = [files[at : at + step] for at in range(0, len(files), step)]

    def cut(chunk: Sequence[SourceFile]) -> list[Part]:
        return [part for file in chunk for part in cut_file(file, ingest)]

    # Hashing releases the GIL, but threads that open small files only pass it to and fro.
    threads = cores() if sum(sizes) > SMALL * len(files) else 1
    threads = max(cores(), FETCHES) if step == 1 else threads
    parts = [part for of_chunk in at_once(cut, chunks, threads) for part in of_chunk]
    size_of = dict(zip((f.path for f in files), sizes, strict=True))
    return pack_parts(parts, ingest.part_bytes, size_of.__getitem__)


def pack_parts(
    parts: Iterable[Part], part_bytes: int, size_of: Callable[[str], int] = os.path.getsize
) -> list[Pack]:
    """Parts in their order, small files of one source together, up to about `PACK_BYTES` (or `part_bytes`).

    A part of a file, and a file of half a pack or more, stays alone.

    Args:
        size_of: bytes of a file by its path.
    """
    wanted = min(PACK_BYTES, part_bytes)
    packs: list[Pack] = []
    held: list[Part] = []
    size = 0

    def close() -> None:
        nonlocal size
        if held:
            packs.append(Pack(held))
        held.clear()
        size = 0

    for part in parts:
        weight = _weight(part, size_of)
        if weight < 0 or 2 * weight >= wanted:
            close()
            packs.append(Pack([part]))
            continue
        if held and held[-1].source != part.source:
            close()
        held.append(part)
        size += weight
        chance = xxhash.xxh3_64_intdigest(part.relative.encode("utf-8", "surrogatepass")) / 2**64
        if chance * wanted < weight or size >= 2 * wanted:
            close()
    close()
    return packs


def _weight(part: Part, size_of: Callable[[str], int]) -> int:
    """Bytes that a whole file counts as; -1 for a part of a file, and for an archive, which is a pack itself."""
    if part.start != 0 or part.stop != -1 or part.format in ARCHIVES.values():
        return -1
    try:
        size = size_of(part.path)
    except OSError:
        size = 0  # the reader will say so
    return _FILE + size * (_UNPACKED if part.compression or part.format == "parquet" else 1)
