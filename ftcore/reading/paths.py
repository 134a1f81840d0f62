"""Which files a source's path means: a file, all of a folder, or those that match a pattern.

Links are followed wherever they stand; one that leads back to a folder above it is left out. What is
left out is counted. Names that begin with a dot are hidden.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from ftcore.reading.remote import RemoteFile

Found = Iterator[tuple[str, str]]  # (path below the root with /, path to open)


@dataclass
class Listing:
    """Files of a source, and what was met beside them.

    Attributes:
        root: the folder that relative paths start at.
        files: (relative path, path), sorted by the former.
        left_out: what else is there, by kind ("*.md", "links to a folder above them"): how often.
        kind: file, folder or pattern; "" if there is no such path; special if it is neither file nor folder.
        about: of files elsewhere, by their addresses.
    """

    root: Path
    files: list[tuple[str, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    kind: str = ""
    about: dict[str, RemoteFile] = field(default_factory=dict)


def find_files(path: Path, wanted: Callable[[str], bool]) -> Listing:
    """The files that a path means.

    A path that exists as it is written is that file or folder, whatever signs are in it. Else the
    longest beginning that exists is the root, and the rest is a pattern with * ? [ ] and ``**``.

    Args:
        wanted: by the name, which files of a folder are taken (a pattern takes all that match).
    """
    root, rest = _existing(path)
    if rest:
        if not any(map(has_magic, rest)):
            return Listing(path)
        listing = Listing(root, kind="pattern")
        if not root.is_dir():
            return listing
        found = _matching(str(root), "", rest, _identity(str(root)), listing.left_out)
        listing.files = sorted(dict(found).items())
        return listing
    if not root.is_dir():
        kind = "file" if root.is_file() else "special"  # a pipe or a device never ends, or never begins
        return Listing(root.parent, [(root.name, str(root))], kind=kind)
    listing = Listing(root, kind="folder")
    for relative, place in _below(str(root), "", _identity(str(root)), listing.left_out):
        if wanted(relative):
            listing.files.append((relative, place))
        else:
            suffix = os.path.splitext(relative)[1].lower()
            listing.left_out[f"*{suffix}" if suffix else "files without a suffix"] += 1
    listing.files.sort()
    return listing


def _existing(path: Path) -> tuple[Path, list[str]]:
    """The longest beginning of a path that exists, and the parts behind it."""
    parts = list(path.parts)
    root = Path(parts[0]) if path.is_absolute() else Path()
    at = 1 if path.is_absolute() else 0
    while at < len(parts) and os.path.exists(root / parts[at]):
        root /= parts[at]
        at += 1
    return root, parts[at:]


def _identity(folder: str) -> frozenset[tuple[int, int]]:
    status = os.stat(folder)
    return frozenset([(status.st_dev, status.st_ino)])


def _entries(folder: str, left_out: Counter[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
    except OSError:
        left_out["folders that cannot be read"] += 1
        return []


def _inside(
    entry: os.DirEntry[str], above: frozenset[tuple[int, int]], left_out: Counter[str]
) -> frozenset[tuple[int, int]] | None:
    """The folders above an entry's content, itself included; None if it is no folder to go into."""
    if not entry.is_dir():
        return None
    own = _identity(entry.path)
    if own <= above:
        left_out["links to a folder above them"] += 1
        return None
    return above | own


def _below(folder: str, prefix: str, above: frozenset[tuple[int, int]], left_out: Counter[str]) -> Found:
    """All files below a folder."""
    for entry in _entries(folder, left_out):
        inside = _inside(entry, above, left_out)
        if inside:
            yield from _below(entry.path, f"{prefix}{entry.name}/", inside, left_out)
        elif entry.is_file():
            yield prefix + entry.name, entry.path
        elif not entry.is_dir():
            left_out["broken links and special files"] += 1


def _matching(
    folder: str, prefix: str, patterns: list[str], above: frozenset[tuple[int, int]], left_out: Counter[str]
) -> Found:
    """Files below a folder whose path matches, a pattern for each part of it."""
    first, rest = patterns[0], patterns[1:]
    if first == "**":
        if not rest:
            yield from _below(folder, prefix, above, left_out)
            return
        yield from _matching(folder, prefix, rest, above, left_out)
    for entry in _entries(folder, left_out):
        if first not in ("**", entry.name) and not fnmatchcase(entry.name, first):
            continue
        inside = _inside(entry, above, left_out) if rest else None
        if inside:
            below = patterns if first == "**" else rest
            yield from _matching(entry.path, f"{prefix}{entry.name}/", below, inside, left_out)
        elif not rest and entry.is_file():
            yield prefix + entry.name, entry.path


def readable(name: str) -> str:
    r"""A file's name as text: one that is no UTF-8 is taken for GB18030, else its bytes are shown.

    Example:
        >>> readable("caf\udce9.txt"), readable("\udcd6\udcd0.txt")
        ('caf\\xe9.txt', '中.txt')
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "surrogateescape")
        try:
            return raw.decode("gb18030")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "backslashreplace")
    return name
