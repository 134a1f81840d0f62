"""Arrays that come back from a file: every dtype, shape, order and range is checked before kernels read them.

Kernels index without asking, so a number that points outside its array would end the process. A file may be
cut off, edited, or made by an enemy; what it holds is believed only after these checks, once, at loading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ftcore.dictionary.numbering import Numbering
from ftcore.errors import UnreadableFile

MOST_COUNT = 10**15 - 1  # fastText's Huffman tree takes 1e15 for "no node here" (loss.cc, buildTree)
_PIECE = 1 << 22  # values looked at at a time: the checks take no memory of their own


class Stored:
    """Named arrays of one file, and its name for messages.

    Args:
        arrays: by name.
        place: the file (or what stands for it).
        remedy: what to do with a damaged one.
        prefix: of the arrays' names in the file.

    Example:
        >>> Stored({"ids": np.arange(3)}, "m").array("ids", np.int64, (3,)).tolist()
        [0, 1, 2]
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        place: object,
        remedy: str = "save it again with this ftcore",
        prefix: str = "",
    ) -> None:
        self.arrays, self.place, self.remedy, self.prefix = arrays, place, remedy, prefix

    def below(self, prefix: str) -> Stored:
        """Those whose names start with a prefix, without it."""
        size = len(prefix)
        inner = {name[size:]: array for name, array in self.arrays.items() if name.startswith(prefix)}
        return Stored(inner, self.place, self.remedy, self.prefix + prefix)

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def fail(self, name: str, found: object, expected: str) -> UnreadableFile:
        """The error to raise for a field that holds nonsense; names the file, the field and the remedy."""
        shown = str(found)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return UnreadableFile(f"{self.place}: {self.prefix}{name} is {shown}, not {expected}; {self.remedy}")

    def text(self, name: str) -> str:
        """Text that is kept as bytes."""
        data = self.array(name, np.uint8).tobytes()
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.fail(name, data[:40], "UTF-8") from None

    def json(self, name: str) -> object:
        """JSON that is kept as bytes."""
        try:
            return parse_json(self.array(name, np.uint8).tobytes())
        except ValueError as error:
            raise self.fail(name, f"no JSON ({error})", "what was saved") from None

    def array(
        self, name: str, dtype: type | Sequence[type], shape: tuple[int | None, ...] = (None,)
    ) -> np.ndarray:
        """An array of this dtype (or one of these) and shape; None stands for any length.

        Raises:
            UserError: it names the file and the field.
        """
        if name not in self.arrays:
            raise UnreadableFile(f"{self.place}: {self.prefix}{name} is missing; {self.remedy}")
        found = self.arrays[name]
        dtypes = [np.dtype(one) for one in ([dtype] if isinstance(dtype, type) else dtype)]
        if found.dtype not in dtypes:
            raise self.fail(name, f"of dtype {found.dtype}", " or ".join(map(str, dtypes)))
        if found.ndim != len(shape) or any(
            n not in (None, m) for n, m in zip(shape, found.shape, strict=True)
        ):
            wanted = ", ".join("n" if n is None else str(n) for n in shape)
            raise self.fail(name, f"of shape {list(found.shape)}", f"[{wanted}]")
        return found

    def numbers(
        self,
        name: str,
        dtype: type,
        shape: tuple[int | None, ...],
        low: int,
        high: int,
        increasing: bool = False,
    ) -> np.ndarray:
        """Integers between ``low`` and ``high``, both included; ``increasing``: each more than the one before."""
        found = self.array(name, dtype, shape)
        flat = found.reshape(-1)
        for at in range(0, len(flat), _PIECE):
            piece = flat[at : at + _PIECE]
            if piece.min() < low or piece.max() > high:
                wrong = int(np.flatnonzero((piece < low) | (piece > high))[0])
                raise self.fail(f"{name}[{at + wrong}]", piece[wrong], f"between {low} and {high}")
            pair = flat[at : at + _PIECE + 1]
            if increasing and (pair[1:] <= pair[:-1]).any():
                wrong = int(np.flatnonzero(pair[1:] <= pair[:-1])[0]) + 1
                raise self.fail(
                    f"{name}[{at + wrong}]", pair[wrong], f"more than {pair[wrong - 1]}, the one before"
                )
        return found

    def offsets(self, name: str, total: int, parts: int | None = None) -> np.ndarray:
        """int64[parts + 1] that cut something of ``total`` into parts: from 0 up to it, never falling."""
        found = self.array(name, np.int64, (None if parts is None else parts + 1,))
        if len(found) == 0:
            raise self.fail(name, "empty", "a 0 and the end of every part")
        for at in range(0, len(found), _PIECE):
            pair = found[at : at + _PIECE + 1]
            falls = np.flatnonzero(pair[1:] < pair[:-1])
            if len(falls):
                wrong = int(falls[0]) + 1
                raise self.fail(
                    f"{name}[{at + wrong}]", pair[wrong], f"{pair[wrong - 1]} (the one before) or more"
                )
        if found[0] != 0:
            raise self.fail(f"{name}[0]", found[0], "0")
        if found[-1] != total:
            raise self.fail(f"{name}[{len(found) - 1}]", found[-1], f"{total}, the size of what it cuts")
        return found

    def table(self, name: str, shape: tuple[int | None, int | None]) -> np.ndarray:
        """A matrix of finite floats (16, 32 or 64 bits)."""
        found = self.array(name, (np.float32, np.float16, np.float64), shape)
        step = max(1, _PIECE // max(1, found.shape[1]))
        for at in range(0, len(found), step):
            fine = np.isfinite(found[at : at + step])
            if not fine.all():
                row, column = np.argwhere(~fine)[0].tolist()
                raise self.fail(f"{name}[{at + row}, {column}]", found[at + row, column], "a finite number")
        return found


def parse_json(data: bytes) -> Any:
    """`json.loads`, where every fault of the text is a ValueError, however deep it is nested."""
    import json

    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_RANGES = {  # wider than `config.DictionaryOptions`: what fastText took in training is also restored
    "min_count": (0, (1 << 31) - 1),
    "min_count_label": (0, (1 << 31) - 1),
    "minn": (0, 1000),
    "maxn": (0, 1000),
    "word_ngrams": (1, 1000),
    "bucket": (0, (1 << 31) - 1),
}


def restored_options(stored: Stored, values: object) -> Numbering:
    """Options of a dictionary from their JSON, as they are: a file's may be wider than ours."""
    if not isinstance(values, dict) or set(values) != set(_RANGES):
        raise stored.fail("options", repr(values), f"an object with the keys {', '.join(_RANGES)}")
    for name, (low, high) in _RANGES.items():
        value = values[name]
        if type(value) is not int or not low <= value <= high:
            raise stored.fail(f"options.{name}", repr(value), f"a whole number between {low} and {high}")
    if values["minn"] > values["maxn"]:
        raise stored.fail("options.minn", values["minn"], f"at most maxn = {values['maxn']}")
    if values["bucket"] == 0 and (values["maxn"] > 0 or values["word_ngrams"] > 1):
        raise stored.fail("options.bucket", 0, "a number of buckets for the n-grams")
    return Numbering(**values)


def check_vocabulary(stored: Stored, options: Numbering) -> None:
    """Check the words and labels of a dictionary (`Dictionary.state`), and that its features can be numbered."""
    nwords, nlabels = (
        len(stored.offsets(f"{name}_offsets", len(stored.array(f"{name}s", np.uint8)))) - 1
        for name in ("word", "label")
    )
    stored.numbers("counts", np.int64, (nwords,), 0, MOST_COUNT)
    stored.numbers("label_counts", np.int64, (nlabels,), 0, MOST_COUNT)
    if nwords + options.buckets >= 1 << 31:
        most = (1 << 31) - 1 - nwords
        raise stored.fail("options.bucket", options.buckets, f"at most {most} beside {nwords} words")
