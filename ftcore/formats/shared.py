"""A pretrained table as tasks share it: opened once in a process, whatever file it is.

Word vectors as text (`.vec`) name their words in the order of their counts, which go as one over the place (Zipf's law); a
`.bin` and a model's directory have the counts.
"""

from __future__ import annotations

import os
from os import PathLike, fspath
from weakref import WeakValueDictionary

import numpy as np

from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.numbering import Numbering
from ftcore.errors import IncompatibleModel, UnreadableFile, UserError
from ftcore.formats.opening import read_model
from ftcore.model.adapted import SharedTable

_OPEN: WeakValueDictionary[tuple, SharedTable] = WeakValueDictionary()


def open_shared(path: str | PathLike) -> SharedTable:
    """The table of a `.vec`, a `.bin` or a model's directory; the same one as long as a task has it open.

    Raises:
        UserError: no such file, no table, a quantised one, static embeddings.

    Example:
        ``open_shared("cc.zh.300.bin").dim``
    """
    name = os.path.realpath(fspath(path))
    key = (name, *_stamp(name))
    found = _OPEN.get(key)
    if found is None:
        found = _OPEN[key] = _read(fspath(path), name)
        found.dictionary.word_index  # noqa: B018 - made once, and shared by the tasks' dictionaries
    return found


def _stamp(path: str) -> tuple[int, int]:
    """What changes where a file does."""
    file = os.path.join(path, "model.json") if os.path.isdir(path) else path
    try:
        about = os.stat(file)
    except OSError as error:
        raise UnreadableFile(f"{path}: no table here ({error.strerror}); correct the path") from None
    return about.st_mtime_ns, about.st_size


def _read(path: str, name: str) -> SharedTable:
    from ftcore.formats.static import is_static

    if is_static(path):
        raise UserError(
            f"{path}: static embeddings make a vector of any word by its pieces and are no table of words; write those of "
            "your words as a .vec and give that"
        )
    if not (os.path.isdir(path) or path.endswith((".bin", ".ftz"))):
        from ftcore.formats.vec import read_vec

        words, vectors = read_vec(path)
        counts = np.zeros(len(words), np.int64)
        dictionary = Dictionary(words, [], counts, np.zeros(0, np.int64), 0, Numbering())
        shares = 1 / ((np.arange(len(words)) + 1) * (np.log(max(len(words), 1)) + 1))
        return SharedTable(dictionary, vectors, shares.astype(np.float32), name)
    model = read_model(path)
    table = model.input
    if not isinstance(table, np.ndarray):
        kind = "quantised" if model.quantized else "an adapter's"
        raise IncompatibleModel(f"{path}: is {kind} and no table to build on; give the .bin it was made from")
    own = model.dictionary
    dictionary = own.changed(labels=[], label_counts=np.zeros(0, np.int64))
    shares = own.counts / max(int(own.counts.sum()), 1)
    return SharedTable(dictionary, table, shares.astype(np.float32), name)
