"""Packed words, the index that finds them, and labels as the bytes of one.

Words are one blob with offsets, not Python objects: two million of them open in a moment, and kernels
look up a whole text at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ftcore import native
from ftcore.dictionary.tokens import EOS


class Words:
    r"""An immutable list of byte strings in one blob.

    Attributes:
        blob: uint8[bytes + PAD], zeros behind the last word.
        offsets: int64[n + 1], offsets[0] = 0.

    Example:
        >>> words = Words.of([b"b", b"", b"\xff"])
        >>> len(words), words[2], words.list()
        (3, b'\xff', [b'b', b'', b'\xff'])
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray) -> None:
        offsets = _own(offsets, np.int64)
        begin, end = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
        if begin == 0 and len(blob) == end + native.PAD and blob.dtype == np.uint8 and not blob[end:].any():
            self.blob = _own(blob, np.uint8)
        else:
            self.blob = np.zeros(end - begin + native.PAD, np.uint8)
            self.blob[: end - begin] = blob[begin:end]
        self.offsets = offsets - begin if begin else offsets

    @classmethod
    def of(cls, items: Sequence[bytes] | Words) -> Words:
        """Pack byte strings; packed ones stay as they are."""
        if isinstance(items, Words):
            return items
        offsets = np.zeros(len(items) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, items), np.int64, len(items)), out=offsets[1:])
        return cls(np.frombuffer(bytearray(b"".join(items)) + bytes(native.PAD), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> bytes:
        if not 0 <= number < len(self):
            raise IndexError(f"word {number} of {len(self)}")
        return self.blob[self.offsets[number] : self.offsets[number + 1]].tobytes()

    def list(self) -> list[bytes]:
        """All of them as Python objects."""
        data, cuts = self.blob.tobytes(), self.offsets.tolist()
        return [data[a:b] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]

    def take(self, order: np.ndarray) -> Words:
        """Some of them, in this order."""
        return Words(*native.take_words(self.blob, self.offsets, np.ascontiguousarray(order, np.int64)))

    def starting_with(self, prefix: bytes) -> np.ndarray:
        """Which of them start with the prefix: bool[n]."""
        return native.words_starting_with(self.blob, self.offsets, prefix)

    def __add__(self, other: Words) -> Words:
        end = self.offsets[-1]
        return Words(
            np.concatenate([self.blob[:end], other.blob]),
            np.concatenate([self.offsets, other.offsets[1:] + end]),
        )


class WordIndex:
    """Finds packed words; of equal ones the last, as fastText does on loading.

    Attributes:
        words: those that are found.
        table: of the native core.
        eos: the number of the end of line, -1 where it has none.

    Example:
        >>> WordIndex(Words.of([b"a", b"b"])).find([b"b", b"c"]).tolist()
        [1, -1]
    """

    def __init__(self, words: Words) -> None:
        self.words = words
        self.table = native.WordTable(words.blob, words.offsets)
        self.eos = int(self.find([EOS])[0])

    def __reduce__(self) -> tuple:
        return WordIndex, (self.words,)

    def find(self, words: Words | Sequence[bytes]) -> np.ndarray:
        """Their numbers, -1 where there is none: int32[n]."""
        words = Words.of(words)
        return self.table.find(words.blob, words.offsets)


def label_bytes(label: str) -> bytes:
    """A label's bytes: the inverse of `label_text`."""
    try:
        return label.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return label.encode("utf-8", "surrogatepass")


def label_text(data: bytes) -> str:
    r"""A label as str: UTF-8, lone surrogates included, or else bytes as surrogates ("surrogateescape").

    Example:
        >>> label_bytes(label_text(b"\xff\xed\xa0\x80")) == b"\xff\xed\xa0\x80"
        True
    """
    try:
        text = data.decode("utf-8", "surrogatepass")
        if label_bytes(text) == data:
            return text
    except UnicodeDecodeError:
        pass
    return data.decode("utf-8", "surrogateescape")


def _own(array: np.ndarray, dtype: type) -> np.ndarray:
    """Contiguous and in memory: a file that is mapped may change under an index of its words."""
    array = np.ascontiguousarray(array, dtype)
    return array if array.flags.behaved and type(array) is np.ndarray else np.array(array)
