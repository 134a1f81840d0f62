"""Language of a document from its scripts: zh, en or mixed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ftcore.base.strings import strings

HAN = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # valid in re and in RE2
MIXED_SHARE = 0.2


def language(texts: pa.Array) -> pa.Array:
    """Language of each text (string array -> string array).

    With H Han characters and L Latin words (runs of letters): ``mixed`` where the smaller of the two
    is at least a fifth of H + L, else ``zh`` where H > L, else ``en``. Text without either script
    (digits, Cyrillic …) is ``en``, which is to say: not for jieba.

    Example:
        >>> language(pa.array(["Python是一种动态语言", "a Chinese name, 王", "我用 PyTorch 写 code"])).to_pylist()
        ['zh', 'mixed', 'mixed']
    """
    han, latin = count_scripts(texts)
    mixed = np.minimum(han, latin) >= np.maximum(MIXED_SHARE * (han + latin), 1)
    return strings(np.where(mixed, "mixed", np.where(han > latin, "zh", "en")).tolist())


def count_scripts(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Han characters and Latin words of each text: two int64 arrays [n], counted on the UTF-8 buffer."""
    if len(texts) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    texts = texts.cast(pa.large_string()) if texts.type != pa.large_string() else texts
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    raw = (
        np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.zeros(0, np.uint8)
    )
    offsets = offsets - offsets[0]
    return _per_text(_han(raw), offsets), _per_text(_word_starts(raw, offsets), offsets)


def _han(raw: np.ndarray) -> np.ndarray:
    """True at the first byte of a Han character."""
    second = np.append(raw[1:], 0)
    han = (raw >= 0xE5) & (raw <= 0xE9)  # U+5000..9FFF
    han |= (raw == 0xE4) & (second != 0xB7)  # U+4000..4FFF less the hexagrams
    han |= (raw == 0xE3) & (second >= 0x90)  # U+3400..3FFF
    han |= (raw == 0xEF) & (second >= 0xA4) & (second <= 0xAB)  # U+F900..FAFF
    return han | ((raw == 0xF0) & (second >= 0xA0))  # U+20000..3FFFF


def _word_starts(raw: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """True at the first byte of a run of Latin letters (ASCII and U+00C0..024F)."""
    accented = (raw >= 0xC3) & (raw <= 0xC9)
    letter = (((raw | 0x20) - 97) < 26) | accented
    letter[1:] |= accented[:-1]  # their second bytes
    start = letter.copy()
    start[1:] &= ~letter[:-1]
    firsts = offsets[:-1][offsets[:-1] < len(raw)]
    start[firsts] = letter[firsts]  # the text before ended here
    return start


def _per_text(mask: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    running = np.zeros(len(mask) + 1, np.int32)
    np.cumsum(mask, out=running[1:])
    return np.diff(running[offsets]).astype(np.int64)
