"""A pipe as a file: what comes once and is read twice is kept in a temporary file meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ftcore.errors import UserError


class Spool(str):
    """Path of a temporary file with all that a pipe gave; the file goes with the last reference to it."""

    file: Any


def spooled(path: Any) -> Any:
    """What can be opened again and again in the place of `path`: itself, but for pipes and devices.

    ``<(zcat x.gz)`` of a shell, ``/dev/stdin`` and named pipes are read to their end here. What is no path, a
    folder, or not there is given back as it is.

    Raises:
        UserError: the pipe cannot be read or the temporary file cannot hold it.

    Example:
        >>> spooled("setup.cfg")
        'setup.cfg'
    """
    if not isinstance(path, str | os.PathLike) or not is_stream(path):
        return path
    import shutil
    import tempfile

    kept = tempfile.NamedTemporaryFile(prefix="ftcore-pipe-", suffix=Path(path).suffix)  # noqa: SIM115 - lives with the path
    try:
        with open(path, "rb") as pipe:
            shutil.copyfileobj(pipe, kept, 1 << 20)
        kept.flush()
    except OSError as error:
        raise UserError(
            f"{path}: the pipe cannot be kept in {kept.name} ({error.strerror}); write it to a file first"
        ) from None
    made = Spool(kept.name)
    made.file = kept
    return made


def is_stream(path: str | os.PathLike) -> bool:
    """Whether a path names a pipe, a socket or a device, which can be read once."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode))
