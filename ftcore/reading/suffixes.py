"""What a file's name tells of its content: format, compression, archive."""

from __future__ import annotations

from pathlib import PurePath

FORMATS = {
    ".txt": "lines",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".warc": "warc",
    ".wet": "warc",
}
TABLES = {"parquet", "arrow"}  # have their own compression
OWN_ENCODING = TABLES | {"warc", "mediawiki"}  # say themselves in what encoding they are
COMPRESSIONS = {".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst"}
ARCHIVES = {".tar": "tar", ".zip": "zip"}
_SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".tbz": ".bz2", ".txz": ".xz", ".tzst": ".zst"}  # of .tar.gz, …
_TEXTS = {"", ".text", ".md", ".markdown", ".rst", ".tex", ".html", ".htm", ".xhtml", ".xml", ".log"}


def suffixes(name: str) -> tuple[str, str]:
    """The suffix that tells the format and the one that tells the compression, in small letters; "" for none.

    A suffix of digits is part of the name, as in ``wiki_00`` and ``news.53068``.

    Example:
        >>> suffixes("a/train.JSONL.gz"), suffixes("b.tgz"), suffixes("wiki_00.bz2"), suffixes("talk.53068")
        (('.jsonl', '.gz'), ('.tar', '.gz'), ('', '.bz2'), ('', ''))
    """
    name = name.rstrip("/").rpartition("/")[2]
    last = _suffix(name)
    if last in _SHORT:
        return ".tar", _SHORT[last]
    packed = last if last in COMPRESSIONS else ""
    if packed:
        last = _suffix(name[: -len(packed)])
    return "" if last[1:].isdigit() else last, packed


def _suffix(name: str) -> str:
    """`PurePath.suffix` in small letters, ten times as fast: a hundred thousand files are asked for theirs."""
    at = name.rfind(".")
    return name[at:].lower() if 0 < at < len(name) - 1 else ""


def is_taken(name: str, format: str) -> bool:
    """Whether a file found in a folder (not named itself) is one of a source with this format.

    Where the format is said, text files of every usual suffix and without one are; else the suffix
    must tell the format.

    Example:
        >>> is_taken("a.md", "auto"), is_taken("a.md", "file"), is_taken("wiki_00", "wiki"), is_taken("a.pdf", "file")
        (False, True, True, False)
    """
    suffix, _ = suffixes(name)
    if format == "auto":
        return suffix in FORMATS
    own = FORMATS.get(suffix, "")
    if own != format and (own in OWN_ENCODING or format in OWN_ENCODING - {"mediawiki"}):
        return False
    # _SUCCESS and the like are what other programs leave beside the data
    return suffix in FORMATS or (suffix in _TEXTS and not (suffix == "" and PurePath(name).name[0] == "_"))


def stem(name: str) -> str:
    """A file's name without folders and without the suffixes that tell format, compression or archive.

    Example:
        >>> stem("data/imdb/train.jsonl.zst"), stem("v1.2.md")
        ('train', 'v1.2')
    """
    last = PurePath(PurePath(name).name)
    known = FORMATS.keys() | COMPRESSIONS.keys() | ARCHIVES.keys() | _SHORT.keys() | _TEXTS - {""}
    while last.suffix.lower() in known:
        last = PurePath(last.stem)
    return last.name
