"""Which files are read, and the parts that workers read independently of each other.

A `Part` is a byte range of a file that begins and ends at a document's border; its digest is what
reuse and the reader's check for changed files go by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import BinaryIO

import xxhash

from ftcore.config import Ingest, Source
from ftcore.errors import UserError
from ftcore.text import encodings, parquet, streams

FORMATS = {
    ".txt": "lines",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
COMPRESSIONS = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst"}
_CUT_AT_NEWLINES = {"lines", "jsonl", "fasttext", "csv", "tsv"}
_STEP = 1 << 20  # bytes read at once


@dataclass(frozen=True)
class SourceFile:
    """A file of a source; `relative` is its path below the source's root."""

    source: int  # index into Ingest.sources
    name: str
    path: str
    relative: str
    format: str
    compression: str  # "", gz, bz2, xz or zst


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
        root, paths = _matches(source, Path(data).expanduser(), name)
        found = sorted((path.relative_to(root).as_posix(), path) for path in paths)
        for relative, path in found:
            format, compression = _format_of(path, source, name)
            files.append(SourceFile(index, name, str(path), relative, format, compression))
    return files


def source_names(ingest: Ingest) -> list[str]:
    """One name per source: its own or its path's stem, made unique by -2, -3 ….

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

    Uncompressed files that are framed by lines are cut near ``ingest.part_bytes`` at a newline (wiki:
    after a ``</doc>``), Parquet by row groups; everything else is one part, and so is a csv or tsv
    file with quotes in it, where a newline may be part of a field.

    Raises:
        UserError: the file vanished, cannot be read, or its declared encoding does not exist.
    """
    if file.format == "parquet":
        cuts = parquet.cut(file.path, ingest.part_bytes)
        return [_part(file, "", *cut) for cut in cuts]
    declared = ingest.sources[file.source].encoding
    codec = encodings.codec_of(declared, file.path) if declared != "auto" else ""
    with streams.opened(file.path) as raw:
        small = min(encodings.SAMPLE, ingest.part_bytes)
        head = b"" if file.compression else streams.read_fully(raw, small)
        if not file.compression and len(head) < small:  # the whole file: nothing to cut, nothing more to see
            codec = codec or encodings.detect(head, True)
            return [_part(file, codec, 0, -1, 1, xxhash.xxh3_128_hexdigest(head))]
        raw.seek(0)
        codec = codec or encodings.detect(*_sample(file.path, file.compression))
        cuts = list(_cuts(raw, file, codec, ingest.part_bytes))
    return [_part(file, codec, *cut) for cut in cuts]


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
    cuttable = not file.compression and encodings.is_framed_by_newline_byte(codec)
    at_newlines = file.format in _CUT_AT_NEWLINES
    cuttable = cuttable and (at_newlines or file.format == "wiki")
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
def _matches(source: Source, data: Path, name: str) -> tuple[Path, list[Path]]:
    """The root that relative paths start at, and the files."""
    path = data / Path(source.path).expanduser()
    if path.is_dir():
        known = [p for p in path.rglob("*") if _visible(p, path) and _has_known_suffix(p) and p.is_file()]
        if not known:
            raise UserError(
                f"source {name!r}: {path}: no file with a known suffix ({' '.join(FORMATS)}, "
                f"optionally {' '.join(COMPRESSIONS)}); check `path`, or name the files by a glob and set `format`"
            )
        return path, known
    if path.exists():
        return path.parent, [path]
    if has_magic(str(path)):
        parts = path.parts
        fixed = next(i for i, part in enumerate(parts) if has_magic(part))
        root, pattern = Path(*parts[:fixed]), str(Path(*parts[fixed:]))
        found = [p for p in root.glob(pattern) if _visible(p, root) and p.is_file()] if root.is_dir() else []
        if not found:
            raise UserError(f"source {name!r}: no file matches {path}; check `path` and `data`")
        return root, list(dict.fromkeys(found))
    raise UserError(f"source {name!r}: no such file or directory: {path}; check `path` and `data` ({data})")


def _visible(path: Path, root: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def _suffixes(path: Path) -> tuple[str, str]:
    """The suffix that tells the format, and the one that tells the compression ("" if none)."""
    last = path.suffix.lower()
    if last in COMPRESSIONS:
        return Path(path.stem).suffix.lower(), last
    return last, ""


def _has_known_suffix(path: Path) -> bool:
    return _suffixes(path)[0] in FORMATS


def _format_of(path: Path, source: Source, name: str) -> tuple[str, str]:
    suffix, packed = _suffixes(path)
    if source.format == "auto" and suffix not in FORMATS:
        raise UserError(
            f"source {name!r}: cannot tell the format of {path} by its suffix {suffix!r}; "
            f"known are {' '.join(FORMATS)}; set `format`"
        )
    format = source.format if source.format != "auto" else FORMATS[suffix]
    if format == "parquet" and packed:
        raise UserError(f"source {name!r}: {path}: a compressed Parquet file cannot be read; unpack it first")
    return format, COMPRESSIONS.get(packed, "")


def _stem(path: str) -> str:
    """A short name for a path: ``data/imdb/train.jsonl.zst`` is `train`, ``zh/**/*.txt`` is `zh`."""
    parts = [part for part in Path(path).parts if not has_magic(part)]
    last = Path(parts[-1] if parts else "source")
    while last.suffix.lower() in FORMATS or last.suffix.lower() in COMPRESSIONS:
        last = Path(last.stem)
    return last.name.lstrip("/.") or "source"
