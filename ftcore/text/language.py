"""Language of a document from its scripts: zh, en or mixed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ftcore import native
from ftcore.base.strings import string_buffers, strings

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
    """Han characters and Latin words of each text: two int64 arrays [n]."""
    return native.count_scripts(*string_buffers(texts))
