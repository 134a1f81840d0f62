"""MinHash bands of the documents of a file, and where they are kept: computed once, as long as the file stays.

What is kept lies beside the documents and goes with them. Its name tells the content of the documents, the options and
the version of the functions, so that it is never taken for what it is not; its last bytes are a digest of the others.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from ftcore import config, native
from ftcore.base import files
from ftcore.base.strings import string_buffers
from ftcore.config import NearCopies
from ftcore.errors import UnreadableFile
from ftcore.shards.shards import iter_file

PLACES = 128  # of a signature, at most
FOUND = 0.99  # share of the pairs at the threshold that some band brings together
VERSION = 1  # of the functions: raise it when other values come out (test_bands.py knows them)
_NAME = "bands-"  # and what it is of
_DIGEST = 16  # bytes at the end of a file


def bands_of(threshold: float) -> tuple[int, int]:
    """How many bands of how many places: the longest that bring `FOUND` of the pairs at the threshold together.

    Example:
        >>> bands_of(0.8), bands_of(0.5)
        ((21, 6), (42, 3))
    """
    fits = [r for r in range(1, PLACES + 1) if 1 - (1 - threshold**r) ** (PLACES // r) >= FOUND]
    rows = max(fits, default=1)
    return PLACES // rows, rows


def document_batches(path: Path) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Batches of a file, and which of their documents are compared by characters."""
    for batch in iter_file(path, ["language", "tokens"], rows=4096):
        latin = pc.equal(batch.column("language"), "en").to_numpy(zero_copy_only=False)
        yield batch, ~latin


def write_bands(documents: Path, options: NearCopies, out: IO[bytes]) -> None:
    """Write the bands of a file's documents, uint32 [bands, documents] in numpy's format, and their digest.

    Raises:
        UserError: the file is unreadable.
    """
    bands, rows = bands_of(options.threshold)
    found = [np.zeros((bands, 0), np.uint32)]
    for batch, by_characters in document_batches(documents):
        data, offsets = string_buffers(batch.column("tokens"))
        found.append(np.empty((bands, len(batch)), np.uint32))
        native.minhash_bands(data, offsets, by_characters, options.characters, options.words, found[-1], rows)
    file = io.BytesIO()
    np.save(file, np.concatenate(found, axis=1))
    content = file.getbuffer()
    out.write(content)
    out.write(xxhash.xxh3_128_digest(content))


def kept_bands(documents: Path, options: NearCopies) -> Path:
    """The bands of a file's documents, kept beside it; made where they are not there or not whole.

    Those of other options, or of what the file held before, are removed.

    Raises:
        UserError: the file is unreadable; the disk is full.
    """
    about = [VERSION, options.characters, options.words, *bands_of(options.threshold), _digest_of(documents)]
    path = documents.with_name(f"{_NAME}{config.digest(about)[:32]}.npy")
    if not _whole(path):
        for other in documents.parent.glob(f"{_NAME}*.npy"):
            other.unlink(missing_ok=True)
        with files.atomic_file(path) as file:
            write_bands(documents, options, file)
    return path


def _digest_of(path: Path) -> str:
    hasher = xxhash.xxh3_128()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}. Run the preparation again") from None
    return hasher.hexdigest()


def _whole(path: Path) -> bool:
    """Whether a file is there and as it was written."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError:
        return False
    cut = max(0, len(content) - _DIGEST)
    return xxhash.xxh3_128_digest(content[:cut].data) == content[cut:].tobytes()
