r"""The vocabulary as a `.bin` holds it: ``bytes \0``, int64 count, int8 type (0 word, 1 label), one by one.

Source: fastText 0.9.3 ``src/dictionary.cc``, ``Dictionary::save`` and ``Dictionary::load``.
"""

from __future__ import annotations

import numpy as np

from ftcore import native
from ftcore.errors import UnreadableFile, UserError
from ftcore.formats.cursor import REMEDY, Cursor

WORD, LABEL = 0, 1
FIXED = 10  # bytes of an entry besides its word: NUL, count, type
MOST = 10**15 - 1  # fastText's Huffman tree takes 1e15 for "no node here" (loss.cc, buildTree)
_NO_END, _COUNT, _TYPE = 1, 2, 3


def read_entries(cursor: Cursor, nwords: int, nlabels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The entries at the cursor, which moves behind them. 2 M of them take some 0.1 s.

    Returns:
        (blob uint8[N], offsets int64[n + 1], counts int64[n]) of n words and labels, the words first; entry i
        is ``blob[offsets[i]:offsets[i + 1]]``.

    Raises:
        UserError: it names the entry and the byte where one does not end, has an impossible count or another
            type than its place asks for (labels stand behind all words).
    """
    size, begin = nwords + nlabels, cursor.at
    if size * FIXED > cursor.left:
        raise UnreadableFile(
            f"{cursor.path}: {size} entries at byte {begin} take {size * FIXED} bytes or more, but the "
            f"file ends after {cursor.left}; {REMEDY}"
        )
    offsets = np.zeros(size + 1, np.int64)
    counts = np.empty(size, np.int64)
    wrong, entry, at = native.scan_entries(cursor.data, begin, nwords, offsets, counts, MOST)
    if wrong == _NO_END:
        raise cursor.fail(f"entry {entry}", "cut off", "a string, a 0 byte, a count and a type", at)
    if wrong == _COUNT:
        count = int.from_bytes(cursor.data[at : at + 8].tobytes(), "little", signed=True)
        raise cursor.fail(f"count of entry {entry}", count, f"between 0 and {MOST}", at)
    if wrong == _TYPE:
        kind = int(cursor.data[at])
        expected = "0, a word" if entry < nwords else "1, a label (they follow the words)"
        raise cursor.fail(f"type of entry {entry}", kind, expected, at)
    blob = np.empty(offsets[-1], np.uint8)
    native.gather_entries(cursor.data, begin, offsets, blob)
    cursor.at = at
    return blob, offsets, counts


def pack_entries(blob: np.ndarray, offsets: np.ndarray, counts: np.ndarray, kind: int) -> np.ndarray:
    """Entries of one kind, WORD or LABEL, as a file holds them: uint8[N].

    Raises:
        UserError: a word or label that holds a 0 byte, which would end it in the file.
    """
    out = np.empty(int(offsets[-1]) + FIXED * len(counts), np.uint8)
    wrong = native.pack_entries(blob, offsets, counts, kind, out)
    if wrong >= 0:
        text = blob[offsets[wrong] : offsets[wrong + 1]].tobytes()
        raise UserError(f"{text!r}: a fastText file cannot hold a word or label with a 0 byte; rename it")
    return out
