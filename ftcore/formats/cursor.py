"""Reading a binary file that may be damaged or hostile: every size is checked before it is believed."""

from __future__ import annotations

import mmap
import os
import stat
import struct
from os import PathLike

import numpy as np

from ftcore.errors import UnreadableFile

REMEDY = "the file is damaged or no fastText model: save or download it again"


class Cursor:
    r"""A file's bytes, mapped into memory, with a place that moves forward.

    The map is private and copy-on-write: an array over it may be written to without touching the file,
    and nothing of the file is read before it is looked at. (A file that another process cuts off while
    it is mapped ends this one with SIGBUS, as with every memory map.)

    Attributes:
        data: uint8[size], the whole file.
        at: offset of the next byte.

    Example:
        >>> Cursor.of(b"\x02\0\0\0").ints("nwords")
        (2,)
    """

    def __init__(self, data: np.ndarray, path: str) -> None:
        self.data, self.path, self.at = data, path, 0

    @classmethod
    def open(cls, path: str | PathLike) -> Cursor:
        """Map a file. Errors: `UserError` where it cannot be opened."""
        try:
            with open(path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe is read as it comes
                    return cls.of(file.read(), str(path))
                if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped
                    return cls.of(b"", str(path))
                return cls.of(_map(file.fileno()), str(path))
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path, or nothing to map
            raise UnreadableFile(f"{path} cannot be opened for loading! ({error})") from None

    @classmethod
    def of(cls, data: bytes | mmap.mmap, path: str = "") -> Cursor:
        """Over bytes that are there already."""
        return cls(np.frombuffer(data, np.uint8), path)

    @property
    def left(self) -> int:
        """Bytes behind the place."""
        return len(self.data) - self.at

    def fail(self, field: str, value: object, expected: str, at: int | None = None) -> UnreadableFile:
        """The error to raise for a field that holds nonsense; names the file, the field and the byte."""
        place = self.at if at is None else at
        return UnreadableFile(f"{self.path}: {field} at byte {place} is {value}, not {expected}; {REMEDY}")

    def skip(self, size: int, field: str) -> int:
        """Pass over ``size`` bytes, which must be there; returns where they begin."""
        if size > self.left:
            raise UnreadableFile(
                f"{self.path}: {field} at byte {self.at} takes {size} bytes, but the file ends "
                f"after {self.left}; {REMEDY}"
            )
        start = self.at
        self.at += size
        return start

    def unpack(self, layout: str, field: str) -> tuple:
        """Little-endian values, as in `struct` without the ``<``."""
        start = self.skip(struct.calcsize("<" + layout), field)
        return struct.unpack_from("<" + layout, self.data.data, start)

    def ints(self, *fields: str, wide: bool = False) -> tuple[int, ...]:
        """A 32-bit (or 64-bit) integer for each field."""
        return tuple(self.unpack("q" if wide else "i", field)[0] for field in fields)

    def flag(self, field: str) -> bool:
        """A byte that must be 0 or 1."""
        (value,) = self.unpack("B", field)
        if value > 1:
            raise self.fail(field, value, "0 or 1", self.at - 1)
        return bool(value)

    def array(self, dtype: str, count: int, field: str, copy: bool = True) -> np.ndarray:
        """``count`` items; without ``copy`` a view of the map, which need not be aligned."""
        start = self.skip(count * np.dtype(dtype).itemsize, field)
        view = np.frombuffer(self.data.data, dtype, count, start)
        return view.copy() if copy else view


def _map(descriptor: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
    except OSError:  # a writable map may be refused for its size, a read-only one is not
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
