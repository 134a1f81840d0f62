"""Product quantisation of a table: every row as a few bytes, each the number of a centroid.

A row is cut into pieces of ``dsub`` columns (the last may be shorter); each piece is replaced by the
nearest of 256 centroids, found by k-means over at most 65,536 rows. With a norm quantiser the rows are
first divided by their length, and the length is quantised too.

Source: fastText 0.9.3 ``src/quantmatrix.cc`` and ``src/productquantizer.cc``; the training is in `kmeans`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from ftcore import native
from ftcore.base.cores import cores
from ftcore.base.threads import ahead
from ftcore.errors import Diverged, IncompatibleModel, UserError
from ftcore.model.kmeans import KSUB, nearest, train_pieces

_CHUNK = 1 << 14  # rows looked at together


class QuantizableRows(Protocol):
    """What can be quantised: a matrix, or something that makes the rows it is asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        ...

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """float32[n, dim] of a slice or of row numbers."""
        ...


@dataclass(frozen=True)
class ProductQuantizer:
    """The centroids of every piece of a row.

    Attributes:
        dim: columns of a row.
        dsub: columns of a piece.
        centroids: float32[dim * 256] in the file's order: piece after piece, [256, dsub] each, the last
            one [256, last].
    """

    dim: int
    dsub: int
    centroids: np.ndarray

    @property
    def nsubq(self) -> int:
        """Pieces, which is bytes of a row: ceil(dim / dsub)."""
        return -(-self.dim // self.dsub)

    @property
    def last(self) -> int:
        """Columns of the last piece."""
        return self.dim - (self.nsubq - 1) * self.dsub

    def piece(self, m: int) -> np.ndarray:
        """Centroids of a piece: a view, float32[256, dsub] (or [256, last])."""
        start = m * KSUB * self.dsub
        width = self.last if m == self.nsubq - 1 else self.dsub
        return self.centroids[start : start + KSUB * width].reshape(KSUB, width)

    @classmethod
    def train(
        cls, rows: QuantizableRows, dsub: int, threads: int = 1, fused: bool = False
    ) -> ProductQuantizer:
        """Find the centroids; the same bits as the original's for the same rows.

        Args:
            fused: as a build of it for one machine rounds, see `kmeans`.

        Raises:
            UserError: less than 256 rows, or an impossible dsub.
        """
        count, dim = rows.shape
        if dsub < 1:
            raise UserError(f"dsub must be at least 1 column a piece, not {dsub}; 2 is usual")
        if count < KSUB:
            raise IncompatibleModel(
                f"Matrix too small for quantization, must have at least {KSUB} rows; this one has {count}: "
                "save the model as .bin instead"
            )
        whole = rows if isinstance(rows, np.ndarray) and _is_plain(rows) else None

        def points(numbers: np.ndarray, start: int, width: int) -> np.ndarray:
            if whole is None:
                return np.ascontiguousarray(rows[numbers][:, start : start + width], np.float32)
            out = np.empty((len(numbers), width), np.float32)
            native.cut_rows(whole, numbers, start, out)
            return out

        return cls(dim, dsub, train_pieces(points, count, dim, dsub, threads, fused))

    def encode(self, rows: np.ndarray, fused: bool = False) -> np.ndarray:
        """Codes of rows float32[n, dim]: uint8[n, nsubq]."""
        codes = np.empty((self.nsubq, len(rows)), np.uint8)
        for m in range(self.nsubq):
            start = m * self.dsub
            piece = np.ascontiguousarray(rows[:, start : start + self.dsub], np.float32)
            nearest(piece, self.piece(m), codes[m], fused)
        return np.ascontiguousarray(codes.T)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Rows of codes uint8[n, nsubq]: float32[n, dim]."""
        out = np.empty((len(codes), self.dim), np.float32)
        native.decode_rows(self.centroids, np.ascontiguousarray(codes), self.dsub, out)
        return out


@dataclass(frozen=True)
class QuantMatrix:
    """A table of quantised rows.

    Attributes:
        codes: uint8[rows, nsubq].
        quantizer: what they mean.
        norm_codes: uint8[rows] and norm_quantizer: the rows' lengths, or None.

    Example:
        >>> pq = ProductQuantizer(2, 2, np.arange(512, dtype=np.float32))
        >>> QuantMatrix(np.array([[3], [0]], np.uint8), pq).gather(np.array([0, 1, 0])).tolist()
        [[6.0, 7.0], [0.0, 1.0], [6.0, 7.0]]
    """

    codes: np.ndarray
    quantizer: ProductQuantizer
    norm_codes: np.ndarray | None = None
    norm_quantizer: ProductQuantizer | None = None

    @classmethod
    def train(
        cls,
        rows: QuantizableRows,
        dsub: int = 2,
        qnorm: bool = False,
        threads: int | None = None,
        fused: bool = False,
    ) -> QuantMatrix:
        """Quantise a table; centroids and codes are those of the original, bit for bit.

        Args:
            rows: float32[m, D], m at least 256; it stays as it is.
            dsub: columns of a piece: larger is smaller and coarser.
            qnorm: quantise the rows' lengths apart.
            threads: None takes one a core; the result does not depend on it.
            fused: round as the original does when built for one machine (``-march=native``), not as
                pip builds it; they agree unless clusters come out empty.

        Raises:
            UserError: a table that is too small or too large, or (with qnorm) holds NaN.
        """
        threads = threads or cores()
        count, dim = rows.shape
        if count * -(-dim // max(dsub, 1)) >= 1 << 31:
            raise UserError(f"{count} rows of {dim} columns at dsub {dsub} need over 2^31 codes; raise dsub")

        def of_chunks(make: Callable[[np.ndarray], np.ndarray], of: QuantizableRows) -> np.ndarray:
            chunks = ((of[start : start + _CHUNK],) for start in range(0, of.shape[0], _CHUNK))
            return np.concatenate(list(ahead(make, chunks, threads)))

        def quantized(of: QuantizableRows, dsub: int) -> tuple[np.ndarray, ProductQuantizer]:
            quantizer = ProductQuantizer.train(of, dsub, threads, fused)
            return of_chunks(partial(quantizer.encode, fused=fused), of), quantizer

        if not qnorm:
            return cls(*quantized(rows, dsub))
        norms = of_chunks(row_norms, rows)[:, None]
        norm_codes, norm_quantizer = quantized(norms, 1)
        codes, quantizer = quantized(_Directions(rows, norms), dsub)
        return cls(codes, quantizer, norm_codes[:, 0].copy(), norm_quantizer)

    def __post_init__(self) -> None:
        if (self.norm_codes is None) != (self.norm_quantizer is None):
            raise UserError("norm_codes and norm_quantizer belong together: give both or neither")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) as if it were dense."""
        return len(self.codes), self.quantizer.dim

    @property
    def qnorm(self) -> bool:
        """Whether the rows' lengths are quantised apart."""
        return self.norm_codes is not None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        parts = [self.codes, self.quantizer.centroids]
        if self.norm_codes is not None and self.norm_quantizer is not None:
            parts += [self.norm_codes, self.norm_quantizer.centroids]
        return sum(part.nbytes for part in parts)

    def __len__(self) -> int:
        return len(self.codes)

    def norms(self) -> np.ndarray:
        """What each row is multiplied by: float32[rows], ones where lengths are not quantised."""
        if self.norm_codes is None or self.norm_quantizer is None:
            return np.ones(len(self.codes), np.float32)
        return self.norm_quantizer.centroids[self.norm_codes]

    def gather(self, ids: np.ndarray) -> np.ndarray:
        """Some rows: float32[len(ids), dim]. Errors: IndexError for an id outside the table."""
        ids = np.asarray(ids, np.int64)
        rows = self.quantizer.decode(self.codes[ids])
        if self.norm_codes is not None and self.norm_quantizer is not None:
            with np.errstate(over="ignore", invalid="ignore"):  # a damaged file may hold any numbers
                rows *= self.norm_quantizer.centroids[self.norm_codes[ids]][:, None]
        return rows

    def dense(self) -> np.ndarray:
        """All rows: float32[rows, dim]."""
        return self.gather(np.arange(len(self.codes)))

    def dot(self, hidden: np.ndarray) -> np.ndarray:
        """Products with every row, without making them: float32[rows] for float32[dim]."""
        return self.dots(np.asarray(hidden, np.float32)[None])[0]

    def dots(self, hidden: np.ndarray) -> np.ndarray:
        """`dot` of several vectors: float32[n, rows] for float32[n, dim].

        A product is a sum over pieces of one of 256 values, so these are made first.
        """
        hidden = np.ascontiguousarray(hidden, np.float32)
        out = np.empty((len(hidden), len(self.codes)), np.float32)
        tables = np.empty((self.quantizer.nsubq, KSUB), np.float32)
        norms = self.norms()
        for i in range(len(hidden)):
            for m in range(self.quantizer.nsubq):
                piece = self.quantizer.piece(m)
                start = m * self.quantizer.dsub
                tables[m] = piece @ hidden[i, start : start + piece.shape[1]]
            native.sum_codes(tables, self.codes, norms, out[i])
        return out


@dataclass(frozen=True)
class _Directions:
    """Rows divided by their lengths; those of length 0 as they are (``DenseMatrix::divideRow``)."""

    rows: QuantizableRows
    norms: np.ndarray  # float32[m, 1]

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.shape

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        norms = self.norms[rows]
        return self.rows[rows] / np.where(norms == 0, np.float32(1), norms)


def _is_plain(rows: np.ndarray) -> bool:
    return rows.dtype == np.float32 and rows.dtype.isnative and rows.flags.c_contiguous


def row_norms(rows: np.ndarray) -> np.ndarray:
    """Length of each row: float32[n], squares in float32 summed in float64 (``DenseMatrix::l2NormRow``).

    Raises:
        UserError: one is NaN.
    """
    out = np.empty(len(rows), np.float32)
    native.row_norms(np.require(rows, np.float32, ["C", "A"]), out)
    if np.isnan(out).any():
        raise Diverged("Encountered NaN. The model's training diverged: train it again with a smaller lr")
    return out
