"""Lines of Python strings as one text for the kernels.

A text is uint8, each line with a newline behind it, then `PAD` bytes (see ftcore/native/text.h). A newline
within a line becomes a space: the separators count alike, and each line stays one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ftcore.dictionary.tokens import encode, join_lines
from ftcore.errors import UserError
from ftcore.native import PAD

_END = bytes(PAD)
_FEW = 4  # lines up to which they are looked at one by one


def text_of_lines(lines: Sequence[str | bytes]) -> np.ndarray:
    r"""One text of many lines.

    Raises:
        UserError: a line that is neither str nor bytes.

    Example:
        >>> text_of_lines(["a\nb", b"c"]).tobytes()
        b'a b\nc\n\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    if len(lines) <= _FEW and not any(type(line) is not str and type(line) is not bytes for line in lines):
        data = b"\n".join([encode(line).replace(b"\n", b" ") for line in lines] + [_END])
        return np.frombuffer(bytearray(data), np.uint8)
    try:
        return join_lines(lines)
    except TypeError:
        wrong = next((line for line in lines if not isinstance(line, str | bytes)), "")
        said = "no line" if wrong is None else f"a {type(wrong).__name__}"
        raise UserError(f"{wrong!r} is {said}; give lines of str or bytes") from None
