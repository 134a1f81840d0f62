"""The raw text of a few documents, fetched from where it was read: shards hold tokens, which nobody reads gladly.

A document's `id` is the digest of its normalised text, so it is found again in its source wherever it stands
now, and nothing of it has to be kept. What is not found (the file has gone, or looking takes too long) is None.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ftcore.config import Config
from ftcore.errors import UserError
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files
from tasks.credentials import hand_in

SECONDS = 20.0  # that looking may take
EXCERPT = 400  # characters of a document that are kept
log = logging.getLogger("ftcore.evaluate")


@dataclass(frozen=True)
class RawText:
    """The beginning of a document as it stands in its file, and its line (row in Parquet)."""

    text: str
    line: int


def raw_texts(
    config: Config,
    sources: Sequence[str],
    ids: Sequence[str],
    keys: Callable[[Sequence[str]], list[str]],
    *,
    seconds: float = SECONDS,
) -> list[RawText | None]:
    """The raw text of each document, by its `source` and `id` in the shards.

    Args:
        sources: ``name:relative`` of each document's file, as shards hold it.
        keys: the tokenizer's digests of raw texts (`Tokenizer.keys`).
        seconds: how long to look before giving up on the rest.
    """
    wanted: dict[str, set[str]] = {}
    for source, document in zip(sources, ids, strict=True):
        wanted.setdefault(source, set()).add(document)
    found: dict[str, RawText] = {}
    end = time.monotonic() + seconds
    try:
        hand_in(config)
        for file in list_files(config.ingest, config.data):
            missing = wanted.get(f"{file.name}:{file.relative}")
            if missing and time.monotonic() < end:
                for part in cut_file(file, config.ingest):
                    if not _look(part, config, missing, keys, found, end):
                        break
    except (UserError, OSError) as error:
        log.info("raw texts of the errors: %s", error)
    lost = len({*ids} - {*found})
    if lost:
        log.info("%d of %d errors are shown as tokens: their raw text was not found", lost, len({*ids}))
    return [found.get(document) for document in ids]


def _look(part, config: Config, missing: set[str], keys, found: dict[str, RawText], end: float) -> bool:
    """Take what a part holds; whether it is worth going on in this file."""
    for documents, _ in read_part(part, config.ingest):
        texts = documents.column("text").to_pylist()
        lines = documents.column("line")
        for place, document in enumerate(keys(texts)):
            if document in missing:
                missing.remove(document)
                found[document] = RawText(texts[place][:EXCERPT], lines[place].as_py())
        if not missing or time.monotonic() > end:
            return False
    return True
