"""A stream as the network and archives give it: in pieces of any size, and it may break off."""

from __future__ import annotations

import io
from collections.abc import Iterable

from ftcore.reading.streams import Broken


class Pieces(io.RawIOBase):
    """A stream that gives its pieces one by one, and may break off behind them."""

    def __init__(self, pieces: Iterable[bytes], broken: bool) -> None:
        self._pieces, self._broken = [piece for piece in pieces if piece], broken

    def read(self, size: int = -1) -> bytes:
        if not self._pieces and self._broken:
            raise Broken("truncated archive")
        piece = self._pieces.pop(0) if self._pieces else b""
        if 0 <= size < len(piece):
            self._pieces.insert(0, piece[size:])
        return piece[:size]
