"""Lines and words as bytes, and bytes as a text that the native core reads.

A text is uint8, each line with a newline behind it, then `PAD` bytes (see ftcore/native/words/text.h).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ftcore.errors import UserError
from ftcore.native import PAD

EOS = b"</s>"  # end of a line; a word like the others but without n-grams
Block = Callable[[], np.ndarray]  # reads one block of text: uint8[bytes + PAD]
_LARGE = 4 << 20  # bytes that are not copied once more than needed
_FEW = 4  # lines up to which they are looked at one by one
_NEWLINE = 10
_ZEROS = bytes(PAD)


def encode(text: str | bytes) -> bytes:
    """UTF-8 bytes; a lone surrogate, which UTF-8 has no place for, keeps its three bytes."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def split(line: str | bytes) -> list[bytes]:
    r"""Tokens of a line at fastText's separators: space, \n, \r, \t, \v, \f and \0, no other.

    Example:
        >>> split("a\u00a0b\u3000c d")[1]
        b'd'
    """
    data = line if isinstance(line, bytes) else encode(line)
    return (data.replace(b"\0", b" ") if b"\0" in data else data).split()


def joined_lines(part: list[str | bytes]) -> bytes:
    """The lines, each with a newline behind it."""
    try:
        return ("\n".join(part) + "\n").encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    except TypeError:  # bytes among them
        return b"".join([encode(item) + b"\n" for item in part])


def text_of_lines(lines: Sequence[str | bytes]) -> np.ndarray:
    r"""One text of many lines; a newline inside one becomes a space: they count alike, and each line stays one.

    Raises:
        UserError: A line that is neither str nor bytes.

    Example:
        >>> text_of_lines(["a\nb", b"c"]).tobytes()
        b'a b\nc\n\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    if len(lines) <= _FEW and not any(type(line) is not str and type(line) is not bytes for line in lines):
        data = b"\n".join([encode(line).replace(b"\n", b" ") for line in lines] + [_ZEROS])
        return np.frombuffer(bytearray(data), np.uint8)
    try:
        data = joined_lines(part := list(lines))
        if data.count(b"\n") != len(part):
            data = joined_lines([encode(line).replace(b"\n", b" ") for line in part])
        return padded(data)
    except TypeError:
        wrong = next((line for line in lines if not isinstance(line, str | bytes)), "")
        said = "no line" if wrong is None else f"a {type(wrong).__name__}"
        raise UserError(f"{wrong!r} is {said}; give lines of str or bytes") from None


def padded(data: bytes | np.ndarray, close: bool = False) -> np.ndarray:
    """Bytes as a text in the sense of ftcore/native/words/text.h; with the newline they lack at the end, if ``close``."""
    if not close and len(data) < _LARGE and isinstance(data, bytes):  # a word, a line: this is quicker
        return np.frombuffer(bytearray(data + _ZEROS), np.uint8)
    open_line = close and len(data) > 0 and data[-1] != _NEWLINE
    out = np.zeros(len(data) + open_line + PAD, np.uint8)
    out[: len(data)] = np.frombuffer(data, np.uint8)
    out[len(data) : len(data) + open_line] = _NEWLINE
    return out
