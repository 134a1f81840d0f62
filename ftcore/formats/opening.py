"""A `Model` from a path, whatever was written there."""

from __future__ import annotations

import os
from os import PathLike

from ftcore import given
from ftcore.model.model import Model

MAGIC = b"ftcore\0\1"  # of a model or an adapter in one piece (`ftcore.formats.container`)


def read_model(path: str | PathLike) -> Model:
    """The model of a directory, a `.bin` or an `.ftz`, or of a task's adapter on the table that it names.

    The formats are `ftcore.formats.directory`, `binary` and `adapter`. Large `.bin` files are mapped into memory, not read.

    Raises:
        UserError: there is no such file, or it is no model.
    """
    if os.path.isdir(given.path(path)):
        from ftcore.formats.directory import read_directory

        return read_directory(path)
    if _is_ours(path):
        from ftcore.formats.adapter import read_adapted

        return read_adapted(path)
    from ftcore.formats.binary import read_binary

    return read_binary(path)


def _is_ours(path: str | PathLike) -> bool:
    """Whether a file begins as `ftcore.formats.container` writes one. What can be read once only, a pipe, is never one."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
