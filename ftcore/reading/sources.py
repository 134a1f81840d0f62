"""Which files are read, and the parts that workers read independently of each other.

A `Part` is a byte range of a file that begins and ends at a document's border; its digest is what
reuse and the reader's check for changed files go by.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import BinaryIO

import xxhash

from ftcore.base.addresses import is_remote, shown
from ftcore.base.files import atomic_write_json
from ftcore.config import Ingest, Source
from ftcore.errors import UnreadableFile, UserError
from ftcore.reading import arrow, encodings, json_values, parquet, streams
from ftcore.reading.fetched import folder_of, on_disk
from ftcore.reading.paths import Listing, find_files, readable
from ftcore.reading.remote import RemoteFile, find_remote
from ftcore.reading.suffixes import (
    ARCHIVES,
    COMPRESSIONS,
    FORMATS,
    OWN_ENCODING,
    TABLES,
    is_taken,
    stem,
    suffixes,
)

log = logging.getLogger("ftcore.sources")
_CUT_AT_NEWLINES = {"lines", "jsonl", "fasttext", "csv", "tsv"}
_CUTS = 1  # another number for other cuts: what the cache knows of earlier ones is not asked
_STEP = 1 << 20  # bytes read at once
_BESIDE_ARROW = {"dataset_info.json", "state.json", "dataset_dict.json"}
_TOLD = 8  # kinds of files left out that are told


@dataclass(frozen=True)
class SourceFile:
    """A file of a source; `relative` is its path below the source's root."""

    source: int  # index into Ingest.sources
    name: str
    path: str
    relative: str
    format: str
    compression: str  # "", gz, bz2, xz or zst
    size: int = -1  # of a file elsewhere, as it is listed; -1: the disk knows, or nobody
    version: str = ""  # of a file elsewhere: what changes with its content

    @property
    def bytes(self) -> int:
        """Its size on the disk, or as it is listed."""
        return max(self.size, 0) if is_remote(self.path) else os.stat(self.path).st_size


@dataclass(frozen=True)
class Part:
    """A range of a file's bytes (of a Parquet file's row groups) that one worker reads.

    JSON-able: ``Part(**json.loads(json.dumps(asdict(part))))`` is `part` again.
    """

    source: int
    name: str
    path: str
    relative: str
    format: str
    compression: str
    encoding: str  # a Python codec's name; "" for Parquet
    start: int
    stop: int  # -1: to the end of the file
    first_line: int  # 1-based number of the first line (row) in the file
    digest: str  # xxh3_128 of exactly these bytes


def list_files(ingest: Ingest, data: str) -> list[SourceFile]:
    """All files of all sources: sources in the order of the configuration, files by relative path.

    Args:
        data: the folder where relative paths start.

    Raises:
        UserError: no source, a missing path, nothing matches, or an unknown suffix under format auto.
    """
    if not ingest.sources:
        raise UserError("ingest.sources is empty; name at least one file, directory or glob to read")
    files: list[SourceFile] = []
    for index, (source, name) in enumerate(zip(ingest.sources, source_names(ingest), strict=True)):
        address = _address(source.path, data)
        listing = (
            _elsewhere(source, address, name) if address else _matches(source, Path(data).expanduser(), name)
        )
        above = _folder_above(source, listing)
        for relative, path in listing.files:
            format, compression = _format_of(path, source, name)
            about = listing.about.get(path)
            known = (about.size, about.version) if about else ()
            files.append(
                SourceFile(index, name, path, readable(above + relative), format, compression, *known)
            )
    return files


def source_names(ingest: Ingest) -> list[str]:
    """One name per source: its own or its path's stem, made unique by -2, -3 ….

    Example:
        >>> source_names(Ingest(sources=[Source(path="a/train.csv"), Source(path="b/train.csv.gz")]))
        ['train', 'train-2']
    """
    names: list[str] = []
    for source in ingest.sources:
        name = wanted = source.name or _stem(source.path)
        number = 1
        while name in names:
            number += 1
            name = f"{wanted}-{number}"
        names.append(name)
    return names


def cut_file(file: SourceFile, ingest: Ingest) -> list[Part]:
    """Read a file once: its encoding, its digest and the borders at which it is cut into parts.

    The first bytes tell the compression, and how JSON is laid out (format jsonl or json).
    Uncompressed files that are framed by lines are cut near ``ingest.part_bytes`` at a newline (wiki:
    after a ``</doc>``), Parquet by row groups; everything else is one part, and so is a csv or tsv
    file with quotes in it, where a newline may be part of a field.

    Raises:
        UserError: the file vanished, cannot be read or fetched, or its declared encoding does not exist.
    """
    if not is_remote(file.path):
        return _cut(file, file.path, ingest)
    source, note = ingest.sources[file.source], folder_of(file.path) / "parts.json"
    # how it is cut follows from these; with that at hand a file need not be here to be known as unchanged
    asked = [_CUTS, asdict(file), source.encoding, ingest.part_bytes]
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(note.read_bytes())
        if file.version and known["asked"] == asked:
            return [Part(**part) for part in known["parts"]]
    wanted = RemoteFile(file.path, file.size, file.version)
    with on_disk(file.path, source.credentials, ingest.cache_bytes, wanted) as path:
        parts = _cut(file, path, ingest)
    with suppress(OSError):
        atomic_write_json(note, {"asked": asked, "parts": [asdict(part) for part in parts]})
    return parts


def _cut(file: SourceFile, path: str, ingest: Ingest) -> list[Part]:
    if file.format == "parquet":
        cuts = parquet.cut(path, ingest.part_bytes)
        return [_part(file, "", *cut) for cut in cuts]
    if file.format == "arrow":
        return [_part(file, "", *cut) for cut in arrow.cut(path, ingest.part_bytes)]
    declared = ingest.sources[file.source].encoding
    encoded = file.format not in (*ARCHIVES.values(), *OWN_ENCODING)  # else each file, or record, has its own
    codec = encodings.codec_of(declared, file.path) if declared != "auto" and encoded else ""
    with streams.opened(path) as raw:
        small = min(encodings.SAMPLE, ingest.part_bytes)
        head = streams.read_fully(raw, small)
        file = _as_it_is(file, head)
        if not file.compression and len(head) < small:  # the whole file: nothing to cut, nothing more to see
            codec = codec or encodings.detect(head, True) if encoded else ""
            if file.format == "jsonl":
                file = replace(file, format=_layout(io.BytesIO(head), codec))
            return [_part(file, codec, 0, -1, 1, xxhash.xxh3_128_hexdigest(head))]
        raw.seek(0)
        if encoded:
            codec = codec or encodings.detect(*_sample(path, file.compression))
        if file.format == "jsonl":
            with streams.opened(path) as again:
                file = replace(file, format=_layout(streams.decompressed(again, file.compression), codec))
        cuts = list(_cuts(raw, file, codec, ingest.part_bytes))
    return [_part(file, codec, *cut) for cut in cuts]


def _as_it_is(file: SourceFile, head: bytes) -> SourceFile:
    """The file with the compression that its first bytes show, whatever its name says."""
    found = streams.compression_of(head) if file.format != "zip" else ""
    if not head or found == file.compression or not (found or encodings.is_text(head)):
        return file
    named = f"named as {file.compression}" if file.compression else "not named as compressed"
    log.warning(
        "%s: %s, but it is %s: read as what it is", shown(readable(file.path)), named, found or "plain"
    )
    return replace(file, compression=found)


def _layout(stream: BinaryIO, codec: str) -> str:
    if encodings.is_framed_by_newline_byte(codec):
        return json_values.layout_of(stream, codec)
    return json_values.layout_of(streams.Reencoded(stream, codec), "utf-8")


def _part(file: SourceFile, codec: str, start: int, stop: int, first_line: int, digest: str) -> Part:
    return Part(
        file.source,
        file.name,
        file.path,
        file.relative,
        file.format,
        file.compression,
        codec,
        start,
        stop,
        first_line,
        digest,
    )


def _cuts(raw: BinaryIO, file: SourceFile, codec: str, size: int) -> Iterator[tuple[int, int, int, str]]:
    """(start, stop, first line, digest) of each part."""
    at_newlines = file.format in _CUT_AT_NEWLINES
    cuttable = not file.compression and (at_newlines or file.format == "wiki")
    cuttable = cuttable and encodings.is_framed_by_newline_byte(
        codec
    )  # an archive has no encoding: asked last
    quotes_matter = file.format in ("csv", "tsv")
    whole = xxhash.xxh3_128()
    part, start, stop, first_line, line = xxhash.xxh3_128(), 0, 0, 1, 1
    found: list[tuple[int, int, int, str]] = []
    while block := raw.read(min(_STEP, max(size - (stop - start), 1)) if cuttable else _STEP):
        border = False
        if quotes_matter and b'"' in block:
            cuttable = False
        while block:
            part.update(block)
            whole.update(block)
            stop += len(block)
            line += block.count(b"\n")
            if border or not cuttable or stop - start < size:
                break
            block = raw.readline(_STEP)  # on to the next border, a bounded piece at a time
            if quotes_matter and b'"' in block:
                cuttable = False
            border = block.endswith(b"\n") and (at_newlines or block.strip() == b"</doc>")
        if border and cuttable:
            found.append((start, stop, first_line, part.hexdigest()))
            part, start, first_line = xxhash.xxh3_128(), stop, line
    if not cuttable or not found:
        yield 0, -1, 1, whole.hexdigest()
        return
    if start < stop:
        found.append((start, -1, first_line, part.hexdigest()))
    else:  # the last border is the end of the file: that part, too, notices if the file grows
        found[-1] = (found[-1][0], -1, *found[-1][2:])
    yield from found


def _sample(path: str, compression: str) -> tuple[bytes, bool]:
    """Bytes to tell the encoding from: the start, or where the first bytes beyond ASCII are."""
    with streams.opened(path) as raw:  # a handle of its own: some decompressors close it
        return _informative(streams.decompressed(raw, compression))


def _informative(stream: BinaryIO) -> tuple[bytes, bool]:
    seen, head = 0, b""
    try:
        head = streams.read_fully(stream, encodings.SAMPLE)
        block = head
        while len(block) == encodings.SAMPLE and block.isascii() and seen < 512 * encodings.SAMPLE:
            if max(block[0::2].count(0), block[1::2].count(0)) > len(block) // 5:
                break  # UTF-16
            seen += len(block)
            block = streams.read_fully(stream, encodings.SAMPLE)
            if not block.isascii():
                spot = re.search(rb"[\x80-\xff]", block)
                assert spot is not None
                begin = block.rfind(b"\n", 0, spot.start()) + 1  # never inside a character
                more = streams.read_fully(stream, encodings.SAMPLE)
                return block[begin:] + more, len(more) < encodings.SAMPLE
    except streams.Broken:
        pass  # the reader will say so
    return head, len(head) < encodings.SAMPLE


# ------------------------------------------------------------------------------------------ paths
def _matches(source: Source, data: Path, name: str) -> Listing:
    """The files that a source's path means; what else is in its folder is said."""
    path = data / Path(source.path.removeprefix("file://")).expanduser()
    listing = find_files(path, lambda relative: is_taken(relative, source.format))
    if not listing.kind:
        raise _unreadable(
            name, f"no such file or directory: {path}", f"check `path` and `data` ({data})", "check the path"
        )
    if listing.kind == "special":
        raise _unreadable(
            name, f"{path}: a pipe, a socket or a device", "name a file; write what comes out to one"
        )
    return _checked(listing, str(path), name)


def _address(path: str, data: str) -> str:
    """The address of a source elsewhere; "" for one on the disk."""
    if path.startswith("file://"):
        return ""
    if is_remote(path):
        return path
    return f"{data.rstrip('/')}/{path}" if is_remote(data) and not os.path.isabs(path) else ""


def _elsewhere(source: Source, address: str, name: str) -> Listing:
    """The files elsewhere that a source's path means."""
    kind, found, left_out = find_remote(
        address, lambda relative: is_taken(relative, source.format), source.credentials
    )
    place = shown(address)
    if not kind:
        raise _unreadable(
            name, f"no such file or folder: {place}", "check `path` and `data`", "check the address"
        )
    root = Path(place if kind == "folder" else place.rpartition("/")[0])
    listing = Listing(root, [(relative, file.address) for relative, file in found], left_out, kind)
    listing.about = {file.address: file for _, file in found}
    return _checked(listing, place, name)


def _checked(listing: Listing, path: str, name: str) -> Listing:
    """A listing that has files; what else is there is said."""
    _leave_out_beside_arrow(listing)
    left_out = _told(listing.left_out)
    if not listing.files and listing.kind == "pattern":
        raise _unreadable(name, f"no file matches {path}", "check `path` and `data`", "check the path")
    if not listing.files:
        raise _unreadable(
            name,
            f"{path}: no file with a known suffix ({' '.join(FORMATS)}, optionally {' '.join(COMPRESSIONS)}); "
            f"there {'are ' + left_out if left_out else 'is none'}",
            "check `path`, or name the files by a glob and set `format`",
            "check the path",
        )
    if left_out:
        log.warning(
            "source %r: %s files of %s are read, left out: %s (to read those, name them by a glob and set format)",
            name,
            f"{len(listing.files):,}",
            path,
            left_out,
        )
    return listing


def _leave_out_beside_arrow(listing: Listing) -> None:
    """What Hugging Face's library keeps beside the files of a data set is no data."""
    if listing.kind == "folder" and any(relative.endswith(".arrow") for relative, _ in listing.files):
        for file in list(listing.files):
            name = file[0].rpartition("/")[2]
            if name in _BESIDE_ARROW or name.startswith("cache-"):
                listing.files.remove(file)
                listing.left_out["of a data set's own notes"] += 1


def _unreadable(name: str, found: str, remedy: str, alone: str = "") -> UnreadableFile:
    """The error of a source; ``alone``: the remedy where no configuration names it."""
    error = UnreadableFile(f"source {name!r}: {found}; {remedy}")
    error.found = f"{found}; {alone or remedy}"
    return error


def _told(left_out: Counter[str]) -> str:
    """What a folder holds beside the files of a source, in words.

    Example:
        >>> _told(Counter({"*.md": 1200, "links to a folder above them": 1}))
        '1,200 *.md, 1 links to a folder above them'
    """
    told = [f"{n:,} {kind}" for kind, n in left_out.most_common(_TOLD)]
    others = left_out.total() - sum(n for _, n in left_out.most_common(_TOLD))
    return ", ".join([*told, f"{others:,} others"] if others else told)


def _folder_above(source: Source, listing: Listing) -> str:
    """What to put before relative paths so that each has a folder in it, if labels come from folders."""
    flat = any("/" not in relative and suffixes(relative)[0] not in ARCHIVES for relative, _ in listing.files)
    return f"{listing.root.resolve().name}/" if source.label_from == "folder" and flat else ""


def _format_of(path: str, source: Source, name: str) -> tuple[str, str]:
    path = shown(path)
    suffix, packed = suffixes(path.partition("?")[0] if is_remote(path) else path)
    if suffix in ARCHIVES:
        if suffix == ".zip" and packed:
            raise _unreadable(name, f"{path}: a compressed zip archive", "unpack it once")
        return ARCHIVES[suffix], COMPRESSIONS.get(packed, "")
    if source.format == "auto" and suffix not in FORMATS:
        raise _unreadable(
            name,
            f"cannot tell the format of {path} by its suffix {suffix!r}; "
            f"known are {' '.join([*FORMATS, *ARCHIVES])}",
            "set `format`",
            "give the file one of these",
        )
    format = source.format if source.format != "auto" else FORMATS[suffix]
    if format in TABLES and packed:
        raise _unreadable(
            name, f"{path}: a compressed {format.title()} file cannot be read", "unpack it first"
        )
    return format, COMPRESSIONS.get(packed, "")


def _stem(path: str) -> str:
    """A short name for a path: ``data/imdb/train.jsonl.zst`` is `train`, ``zh/**/*.txt`` is `zh`."""
    if is_remote(path):
        path = shown(path).partition("://")[2].partition("?")[0]
    parts = [part for part in Path(path).parts if not has_magic(part)]
    return stem(parts[-1] if parts else "source").lstrip("/.") or "source"
