"""Rows of a float32 table in SIMD lanes, written out where the compiler's own vectoriser gives up.

For all LLVM knows two rows of a table may overlap, so a loop that reads and moves several of them goes row
by row and through memory. Here the instructions are given: each run of 16 columns of the vector is loaded
once for all rows. LLVM splits the 16 lanes where registers are narrower (AVX2, NEON).

Called from kernels only; `dim` and `count` must be constants of the kernel (captured by its closure), tables
C-contiguous. Shapes: R rows, D = dim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INDEX, FLOAT = ir.IntType(64), ir.FloatType()
FAST = ("reassoc", "nsz", "contract", "arcp")
BLOCK = 128  # columns whose code is written out; wider vectors loop over blocks. 8 registers of 16 lanes
LINE = 16  # floats in a cache line


@intrinsic(prefer_literal=True)
def score_rows(typing, table, rows, at, count, hidden, scores, dim):
    """``scores[k] = table[rows[at + k]] · hidden`` for k < count.

    table: float32[R, D]. rows: int32[n]. hidden: float32[D]. scores: float32[n].
    """

    def emit(builder, table, rows, at, _, hidden, scores, __):
        size = count.literal_value
        starts = [_row(builder, table, rows, _plus(builder, at, k), dim) for k in range(size)]
        totals = [cgutils.alloca_once(builder, FLOAT) for _ in range(size)]
        for total in totals:
            builder.store(FLOAT(0.0), total)
        for first, pieces in _blocks(builder, dim.literal_value):
            sums: list[dict[int, ir.Value]] = [{} for _ in range(size)]
            for column, width in pieces:
                h = _load(builder, hidden, first, column, width)
                for start, sums_of in zip(starts, sums, strict=True):
                    value = _load(builder, start, first, column, width)
                    before = sums_of.get(width)
                    product = builder.fmul(value, h, FAST)
                    sums_of[width] = product if before is None else builder.fadd(before, product, FAST)
            for total, sums_of in zip(totals, sums, strict=True):
                builder.store(builder.fadd(builder.load(total), _fold(builder, sums_of), FAST), total)
        for k, total in enumerate(totals):
            builder.store(builder.load(total), builder.gep(scores, [INDEX(k)]))

    return types.void(table, rows, types.intp, count, hidden, scores, dim), _codegen(emit)


@intrinsic(prefer_literal=True)
def move_rows(typing, table, rows, at, count, hidden, grad, steps, dim):
    """``grad += steps[k] * table[rows[at + k]]`` over k < count, then each of these rows ``+= steps[k] * hidden``.

    The rows must differ from one another. hidden, grad: float32[D]. rows: int32[n]. steps: float32[n].
    """

    def emit(builder, table, rows, at, _, hidden, grad, steps, __):
        size = count.literal_value
        starts = [_row(builder, table, rows, _plus(builder, at, k), dim) for k in range(size)]
        factors = [builder.load(builder.gep(steps, [INDEX(k)])) for k in range(size)]
        for first, pieces in _blocks(builder, dim.literal_value):
            spread = {
                width: [_spread(builder, f, width) for f in factors] for width in {w for _, w in pieces}
            }
            for column, width in pieces:
                h = _load(builder, hidden, first, column, width)
                g = _load(builder, grad, first, column, width)
                for start, factor in zip(starts, spread[width], strict=True):
                    old = _load(builder, start, first, column, width)
                    g = builder.fadd(g, builder.fmul(factor, old, FAST), FAST)
                    new = builder.fadd(old, builder.fmul(factor, h, FAST), FAST)
                    _store(builder, new, start, first, column)
                _store(builder, g, grad, first, column)

    return types.void(table, rows, types.intp, count, hidden, grad, steps, dim), _codegen(emit)


@intrinsic(prefer_literal=True)
def sum_rows(typing, table, rows, start, stop, total, dim):
    """``total += sum of table[rows[start:stop]]``, a row named twice counting twice. total: float32[D]"""

    def emit(builder, table, rows, start, stop, total, _):
        for first, pieces in _blocks(builder, dim.literal_value):
            sums = [cgutils.alloca_once(builder, _lanes(width)) for _, width in pieces]
            for (column, width), place in zip(pieces, sums, strict=True):
                builder.store(_load(builder, total, first, column, width), place)
            with cgutils.for_range_slice(builder, start, stop, INDEX(1), INDEX) as (k, _step):
                row = _row(builder, table, rows, k, dim)
                for (column, width), place in zip(pieces, sums, strict=True):
                    value = _load(builder, row, first, column, width)
                    builder.store(builder.fadd(builder.load(place), value, FAST), place)
            for (column, _), place in zip(pieces, sums, strict=True):
                _store(builder, builder.load(place), total, first, column)

    return types.void(table, rows, types.intp, types.intp, total, dim), _codegen(emit)


@intrinsic(prefer_literal=True)
def add_to_rows(typing, table, rows, start, stop, grad, dim):
    """Each of ``table[rows[start:stop]] += grad``, a row named twice moving twice. grad: float32[D]"""

    def emit(builder, table, rows, start, stop, grad, _):
        for first, pieces in _blocks(builder, dim.literal_value):
            values = [_load(builder, grad, first, column, width) for column, width in pieces]
            with cgutils.for_range_slice(builder, start, stop, INDEX(1), INDEX) as (k, _step):
                row = _row(builder, table, rows, k, dim)
                for (column, width), value in zip(pieces, values, strict=True):
                    old = _load(builder, row, first, column, width)
                    _store(builder, builder.fadd(old, value, FAST), row, first, column)

    return types.void(table, rows, types.intp, types.intp, grad, dim), _codegen(emit)


@intrinsic(prefer_literal=True)
def fetch_row(typing, table, row, dim):
    """Ask for a row's cache lines, to be read and written soon; nothing waits for them."""

    def emit(builder, table, row, _):
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *[ir.IntType(32)] * 3])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        start = builder.gep(table, [builder.mul(row, INDEX(dim.literal_value))])
        flags = [ir.IntType(32)(flag) for flag in (1, 3, 1)]  # to write, into the nearest cache, data
        for column in [*range(0, dim.literal_value, LINE), dim.literal_value - 1]:
            place = builder.gep(start, [INDEX(column)])
            builder.call(fetch, [builder.bitcast(place, cgutils.voidptr_t), *flags])

    return types.void(table, types.intp, dim), _codegen(emit)


# ------------------------------------------------------------------------------------------- emitting
def _codegen(emit: Callable) -> Callable:
    """Arrays arrive as pointers to their data, integers as they are."""

    def generate(context, builder, signature, args):
        given = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, args, strict=True)
        ]
        emit(builder, *given)
        return context.get_dummy_value()

    return generate


def _blocks(builder: ir.IRBuilder, columns: int) -> Iterator[tuple[ir.Value, list[tuple[int, int]]]]:
    """(first column, [(column from there, lanes)]); what is emitted for a block may stand in a loop over blocks."""
    whole, rest = divmod(columns, BLOCK)
    pieces = [(column, LINE) for column in range(0, BLOCK, LINE)]
    if whole > 1:
        with cgutils.for_range(builder, INDEX(whole)) as loop:
            yield builder.mul(loop.index, INDEX(BLOCK)), pieces
    elif whole:
        yield INDEX(0), pieces
    if rest:
        pieces, column = [], 0
        for width in (16, 8, 4, 2, 1):
            while rest - column >= width:
                pieces.append((column, width))
                column += width
        yield INDEX(whole * BLOCK), pieces


def _lanes(width: int) -> ir.Type:
    return ir.VectorType(FLOAT, width)


def _plus(builder: ir.IRBuilder, at: ir.Value, k: int) -> ir.Value:
    return builder.add(at, INDEX(k))


def _row(builder: ir.IRBuilder, table: ir.Value, rows: ir.Value, k: ir.Value, dim: types.Type) -> ir.Value:
    """Pointer to ``table[rows[k]]``; 64-bit, because rows * dim may pass 2**31."""
    row = builder.sext(builder.load(builder.gep(rows, [k])), INDEX)
    return builder.gep(table, [builder.mul(row, INDEX(dim.literal_value))])


def _place(builder: ir.IRBuilder, start: ir.Value, first: ir.Value, column: int, width: int) -> ir.Value:
    place = builder.gep(start, [_plus(builder, first, column)])
    return builder.bitcast(place, _lanes(width).as_pointer())


def _load(builder: ir.IRBuilder, start: ir.Value, first: ir.Value, column: int, width: int) -> ir.Value:
    return builder.load(_place(builder, start, first, column, width), align=4)


def _store(builder: ir.IRBuilder, value: ir.Value, start: ir.Value, first: ir.Value, column: int) -> None:
    builder.store(value, _place(builder, start, first, column, value.type.count), align=4)


def _spread(builder: ir.IRBuilder, value: ir.Value, width: int) -> ir.Value:
    """The same number in all lanes."""
    one = builder.insert_element(ir.Constant(_lanes(width), ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(one, one, mask)


def _fold(builder: ir.IRBuilder, sums: dict[int, ir.Value]) -> ir.Value:
    """The sum over the lanes of vectors of different widths, by halves."""
    total = None
    for width in (16, 8, 4, 2, 1):
        if total is not None:
            halves = [
                ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(at, at + width)))
                for at in (0, width)
            ]
            low, high = (builder.shuffle_vector(total, total, half) for half in halves)
            total = builder.fadd(low, high, FAST)
        if width in sums:
            total = sums[width] if total is None else builder.fadd(total, sums[width], FAST)
    return builder.extract_element(total, ir.IntType(32)(0))
