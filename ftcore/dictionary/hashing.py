"""fastText's hashing of words, character n-grams and word n-grams, bit for bit.

Source: fastText 0.9.3 ``src/dictionary.cc``, ``Dictionary::hash`` (FNV-1a), ``computeSubwords`` and
``addWordNgrams``. All text is UTF-8 bytes: a character is a code point's bytes, a hash never sees a
Python string. `ngram_buckets` works on many words at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ftcore import native
from ftcore.dictionary.lookup import Words
from ftcore.dictionary.tokens import EOS as EOS

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619


def fnv1a(data: bytes) -> int:
    """32-bit FNV-1a over *sign-extended* bytes, as an int in [0, 2**32).

    Released fastText models were trained where ``char`` is signed, so bytes from 128 up are extended
    by ones: English is hashed alike either way, Chinese is not.

    Example:
        >>> fnv1a("中国".encode()) % 2_000_000, fnv1a(b"cat") % 2_000_000
        (1543023, 289031)
    """
    h = _FNV_OFFSET
    for byte in data:
        h ^= byte if byte < 128 else byte | 0xFFFFFF00
        h = h * _FNV_PRIME & 0xFFFFFFFF
    return h


def char_ngrams(word: bytes, minn: int, maxn: int) -> list[bytes]:
    """Character n-grams of ``<word>`` in fastText's order (by start, then by length), none dropped.

    A single boundary mark is no n-gram; ``<word>`` itself is one if its length fits; ``</s>`` has none.

    Example:
        >>> char_ngrams("中国".encode(), 1, 2) == [s.encode() for s in ("<中", "中", "中国", "国", "国>")]
        True
    """
    if word == EOS or maxn <= 0:
        return []
    data = b"<" + word + b">"
    # Continuation bytes belong to the character before them, also in invalid UTF-8.
    starts = [i for i, byte in enumerate(data) if byte & 0xC0 != 0x80] + [len(data)]
    found = []
    for first in range(len(starts) - 1):
        for n in range(max(1, minn), maxn + 1):
            last = first + n
            if last >= len(starts):
                break
            if n == 1 and (first == 0 or starts[last] == len(data)):
                continue
            found.append(data[starts[first] : starts[last]])
    return found


def ngram_buckets(
    words: Sequence[bytes] | Words, minn: int, maxn: int, bucket: int
) -> tuple[np.ndarray, np.ndarray]:
    """Buckets of the character n-grams of each word: (buckets int32[N], offsets int64[len + 1])."""
    if maxn <= 0 or bucket <= 0 or not words:
        return np.zeros(0, np.int32), np.zeros(len(words) + 1, np.int64)
    packed = Words.of(words)
    return native.ngram_buckets(packed.blob, packed.offsets, minn, maxn, bucket)
