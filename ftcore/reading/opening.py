"""Opening a file for reading, alone: who reads plain text needs no library of archives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

from ftcore.errors import UnreadableFile


@contextmanager
def opened(path: str) -> Iterator[BufferedReader]:
    """Open a file for reading; what the user can mend becomes a `UserError`."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise UnreadableFile(
            f"{path}: the file vanished after it was listed; put it back or run again"
        ) from None
    except (PermissionError, IsADirectoryError) as error:
        raise UnreadableFile(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    with file:
        yield file
