"""A `Model` from a path, whatever was written there."""

from __future__ import annotations

import os
from os import PathLike

from ftcore import given
from ftcore.model.model import Model


def read_model(path: str | PathLike) -> Model:
    """The model of a directory (`ftcore.formats.directory`), a `.bin` or an `.ftz` (`ftcore.formats.binary`).

    Large `.bin` files are mapped into memory, not read.

    Raises:
        UserError: there is no such file, or it is no model.
    """
    if os.path.isdir(given.path(path)):
        from ftcore.formats.directory import read_directory

        return read_directory(path)
    from ftcore.formats.binary import read_binary

    return read_binary(path)
