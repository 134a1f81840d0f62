"""Kernels of a bag's mean for torch's own trainings: forward, the gradient's scatter, and Adagrad row by row.

Rows equal to `padding` are no part of a bag. Shapes as in `parts`; B bags of N ids.
"""

import triton
import triton.language as tl


@triton.jit
def count_real(ids, first, last, padding, BLOCK_G: tl.constexpr):
    """How many of ``ids[first:last]`` are not padding, 1 at least: what a mean divides by."""
    g = tl.arange(0, BLOCK_G)
    size = tl.zeros([], tl.int32)
    for at in range(first, last, BLOCK_G):
        row = tl.load(ids + at + g, mask=at + g < last, other=0)
        size += tl.sum(((at + g < last) & (row != padding)).to(tl.int32), 0)
    return tl.maximum(size, 1).to(tl.float32)


@triton.jit(do_not_specialize=["n", "padding"])
def mean_kernel(
    table,  # float32[R, D]
    ids,  # int64[N] or int32[N]
    offsets,  # int64[B + 1]
    mean,  # float32[B, D]
    n,
    padding,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """The mean of each bag's rows; 0 of none."""
    d = tl.arange(0, BLOCK_D)
    g = tl.arange(0, BLOCK_G)
    for bag in range(tl.program_id(0).to(tl.int64), n, tl.num_programs(0)):
        first = tl.load(offsets + bag)
        last = tl.load(offsets + bag + 1)
        total = tl.zeros([BLOCK_D], tl.float32)
        for at in range(first, last, BLOCK_G):
            row = tl.load(ids + at + g, mask=at + g < last, other=0).to(tl.int64)
            live = (at + g < last) & (row != padding)
            where = table + row[:, None] * D + d[None, :]
            total += tl.sum(tl.load(where, mask=live[:, None] & (d < D)[None, :], other=0.0), 0)
        tl.store(mean + bag * D + d, total / count_real(ids, first, last, padding, BLOCK_G), mask=d < D)


@triton.jit(do_not_specialize=["n", "padding", "scale"])
def scatter_kernel(
    table,  # float32[R, D], added to
    ids,
    offsets,
    grad,  # float32[B, D]
    n,
    padding,
    scale,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Add scale x a bag's gradient / its size to each of its rows: the table's gradient at 1, a step of SGD at -lr."""
    d = tl.arange(0, BLOCK_D)
    g = tl.arange(0, BLOCK_G)
    for bag in range(tl.program_id(0).to(tl.int64), n, tl.num_programs(0)):
        first = tl.load(offsets + bag)
        last = tl.load(offsets + bag + 1)
        size = count_real(ids, first, last, padding, BLOCK_G)
        motion = tl.load(grad + bag * D + d, mask=d < D, other=0.0) * (scale / size)
        for at in range(first, last, BLOCK_G):
            row = tl.load(ids + at + g, mask=at + g < last, other=0).to(tl.int64)
            live = (at + g < last) & (row != padding)
            where = table + row[:, None] * D + d[None, :]
            moved = tl.zeros([BLOCK_G, BLOCK_D], tl.float32) + motion[None, :]
            tl.atomic_add(where, moved, mask=live[:, None] & (d < D)[None, :], sem="relaxed")


@triton.jit(do_not_specialize=["n", "lr", "eps"])
def adagrad_kernel(
    table,  # float32[R, D]
    state,  # float32[R, D], the sum of squared gradients
    rows,  # int64[n], each once
    starts,  # int64[n + 1] of each row's occurrences in `bags`
    bags,  # int64[N] which bag each occurrence is of
    grad,  # float32[B, D], divided by the bags' sizes
    n,
    lr,
    eps,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """A program sums all that a row is to move by, then moves it once: as torch's Adagrad, in one fixed order."""
    d = tl.arange(0, BLOCK_D)
    g = tl.arange(0, BLOCK_G)
    for k in range(tl.program_id(0).to(tl.int64), n, tl.num_programs(0)):
        first = tl.load(starts + k)
        last = tl.load(starts + k + 1)
        total = tl.zeros([BLOCK_D], tl.float32)
        for at in range(first, last, BLOCK_G):
            live = at + g < last
            bag = tl.load(bags + at + g, mask=live, other=0)
            where = grad + bag[:, None] * D + d[None, :]
            total += tl.sum(tl.load(where, mask=live[:, None] & (d < D)[None, :], other=0.0), 0)
        at = tl.load(rows + k) * D + d
        squares = tl.load(state + at, mask=d < D, other=0.0) + total * total
        moved = tl.load(table + at, mask=d < D, other=0.0) - lr * total / (tl.sqrt(squares) + eps)
        tl.store(state + at, squares, mask=d < D)
        tl.store(table + at, moved, mask=d < D)
