"""Files inside tar and zip archives, one after the other; nothing is unpacked to a disk.

A name says where a file comes from and no more: ``..`` and absolute paths lead nowhere.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ftcore.reading.paths import readable
from ftcore.reading.streams import Broken, read

_LONGEST_HEADER = 1 << 20  # bytes
_EXTENSIONS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
_ENDS = 64  # times that tarfile is told that nothing follows


@dataclass
class Member:
    """A file of an archive: its path inside, its bytes, or why it has none.

    `size` is what it takes of the archive (its packed bytes in a zip).
    """

    name: str
    stream: BinaryIO | None
    size: int
    damage: str = ""


def members_of(format: str, stream: BinaryIO) -> Iterator[Member]:
    """The files of an archive, in their order; a member's stream is good until the next one is asked for.

    Folders, links, devices and hidden files (``.name``, ``__MACOSX``) are left out.

    Args:
        format: tar (read from start to end) or zip (must be seekable).

    Raises:
        Broken: it is no such archive, or breaks off.
    """
    found = _zip_members(stream) if format == "zip" else _tar_members(stream)
    return (member for member in found if member.name and not _hidden(member.name))


def _tar_members(stream: BinaryIO) -> Iterator[Member]:
    try:
        steady: Any = _Steady(stream)
        with tarfile.open(fileobj=steady, mode="r|", errors="surrogateescape", tarinfo=_Header) as archive:
            for info in archive:
                if info.isreg():
                    yield Member(_plain(info.name), archive.extractfile(info), info.size)  # type: ignore[arg-type]
        if steady.taken % tarfile.BLOCKSIZE:  # tarfile takes half a header for the end
            raise Broken("truncated archive")
    except tarfile.ReadError as error:
        raise Broken(f"not a tar archive, or truncated ({error})") from None


class _Header(tarfile.TarInfo):
    """A header whose extensions (long names, records of pax) are of a size that names have: they are held in memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        extends = self.type in _EXTENSIONS
        if self.size < 0 or (extends and self.size > _LONGEST_HEADER):
            raise Broken(f"corrupt archive (a header of {self.size:,} bytes)")
        return super()._proc_member(archive)  # type: ignore[misc]  # not in the types of tarfile


class _Steady:
    """A stream for tarfile, which asks for bytes and for nothing else; damage comes as `Broken`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.taken, self._ended = stream, 0, 0

    def read(self, size: int) -> bytes:
        block = read(self._stream, size)
        self.taken += len(block)
        self._ended += not block
        if self._ended > _ENDS:  # tarfile skips what a header says is there, block by block, be it years
            raise Broken("truncated archive")
        return block


def _zip_members(stream: BinaryIO) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(stream)
    except zipfile.BadZipFile as error:
        raise Broken(f"not a zip archive, or truncated ({error})") from None
    with archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = _plain(_zip_name(info))
            try:
                with archive.open(info) as member:
                    yield Member(name, member, info.compress_size)  # type: ignore[arg-type]
            except RuntimeError:
                yield Member(name, None, info.compress_size, "encrypted: it needs a password")
            except NotImplementedError as error:
                yield Member(name, None, info.compress_size, str(error).lower())
            except zipfile.BadZipFile as error:
                yield Member(name, None, info.compress_size, f"corrupt archive ({error})")


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name; one that is not marked as UTF-8 is UTF-8 all the same, or GB18030, or DOS's."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename
    try:
        return readable(info.filename.encode("cp437").decode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return info.filename


def _plain(name: str) -> str:
    """A member's path with / and without what could lead elsewhere.

    Example:
        >>> _plain("/../a/./b.txt")
        'a/b.txt'
    """
    parts = readable(name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
