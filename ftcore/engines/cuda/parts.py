"""What the kernels are made of: a bag's sum, its rows' motion, and what a hidden vector learns of output rows.

A program holds one hidden vector h [BLOCK_D] in registers and meets the tables by rows: it loads past the first
level of the cache (``.cg``), where rows that others have moved would stay old, and adds with relaxed atomics whose
answer nobody waits for (``red``). Offsets are int64: 10 million rows of 300 floats are more than an int32 counts.
Every function has a twin in plain torch in `twins`.

Shapes: D dim, padded to BLOCK_D; BLOCK_T output rows and BLOCK_G input rows of a tile.
"""

import triton
import triton.language as tl


@triton.jit
def sum_rows(table, rows, first, last, D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_G: tl.constexpr):
    """The sum of the table's rows ``rows[first:last]``: [BLOCK_D]."""
    d = tl.arange(0, BLOCK_D)
    g = tl.arange(0, BLOCK_G)
    total = tl.zeros([BLOCK_D], tl.float32)
    for at in range(first, last, BLOCK_G):
        live = at + g < last
        row = tl.load(rows + at + g, mask=live, other=0).to(tl.int64)
        where = table + row[:, None] * D + d[None, :]
        tile = tl.load(where, mask=live[:, None] & (d < D)[None, :], other=0.0, cache_modifier=".cg")
        total += tl.sum(tile, 0)
    return total


@triton.jit
def move_rows(
    table,
    rows,
    frozen,
    first,
    last,
    motion,
    HAS_FROZEN: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Add `motion` [BLOCK_D] to the rows ``rows[first:last]``, as often as each is named; not to frozen ones."""
    d = tl.arange(0, BLOCK_D)
    g = tl.arange(0, BLOCK_G)
    for at in range(first, last, BLOCK_G):
        live = at + g < last
        row = tl.load(rows + at + g, mask=live, other=0).to(tl.int64)
        if HAS_FROZEN:
            live = live & (tl.load(frozen + row, mask=live, other=1) == 0)
        where = table + row[:, None] * D + d[None, :]
        moved = tl.zeros([BLOCK_G, BLOCK_D], tl.float32) + motion[None, :]
        tl.atomic_add(where, moved, mask=live[:, None] & (d < D)[None, :], sem="relaxed")


@triton.jit
def draw_rows(seed, centre, pair, lane, target, live, alias, nrows):
    """Rows by the alias table, drawn anew while equal to the target.

    The stream of (seed, centre, pair, lane, attempt): the same whatever runs beside it, and in whatever order.
    """
    attempt = 0
    row = target + tl.zeros_like(lane)
    same = live
    while tl.max(same.to(tl.int32), 0) > 0:
        drawn = draw_once(seed, centre, pair, lane, attempt, alias, nrows)
        row = tl.where(same, drawn, row)
        same = same & (row == target)
        attempt += 1
    return row


@triton.jit
def draw_once(seed, centre, pair, lane, attempt, alias, nrows):
    """One row a lane: a uniform class, which stays itself below its threshold and else is the other one."""
    zero = tl.zeros_like(lane)
    r0, r1, r2, r3 = tl.philox(
        seed, lane, (pair + zero).to(tl.int32), (centre + zero).to(tl.int32), attempt + zero
    )
    drawn = tl.umulhi(r0, (nrows + zero).to(tl.uint32)).to(tl.int32)
    threshold = tl.load(alias + 2 * drawn.to(tl.int64)).to(tl.uint32, bitcast=True)
    other = tl.load(alias + 2 * drawn.to(tl.int64) + 1)
    return tl.where(r1 < threshold, drawn, other)


@triton.jit
def learn_tile(output, row, truth, live, h, weight, rate, D: tl.constexpr, BLOCK_D: tl.constexpr):
    """Score h against rows [BLOCK_T], move them, and return (what h should move by at rate 1 [BLOCK_D], nats).

    All are scored as they were when the tile was read: a row named twice in it moves twice.
    """
    d = tl.arange(0, BLOCK_D)
    mask = live[:, None] & (d < D)[None, :]
    where = output + row.to(tl.int64)[:, None] * D + d[None, :]
    tile = tl.load(where, mask=mask, other=0.0, cache_modifier=".cg")
    score = tl.sum(tile * h[None, :], 1)
    error = tl.where(live, truth - 1.0 / (1.0 + tl.exp(-score)), 0.0) * weight
    nats = tl.maximum(score, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(score))) - truth * score
    tl.atomic_add(where, (rate * error)[:, None] * h[None, :], mask=mask, sem="relaxed")
    return tl.sum(tile * error[:, None], 0), tl.sum(tl.where(live, nats, 0.0), 0) * weight


@triton.jit
def learn_negatives(
    output,
    alias,
    nrows,
    seed,
    centre,
    pair,
    target,
    h,
    weight,
    rate,
    NEG: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
):
    """The target with truth 1 and NEG drawn rows with truth 0; returns as `learn_tile`."""
    k = tl.arange(0, BLOCK_T)
    motion = tl.zeros([BLOCK_D], tl.float32)
    loss = 0.0
    for at in range(0, NEG + 1, BLOCK_T):
        lane = at + k
        row = draw_rows(seed, centre, pair, lane, target, (lane > 0) & (lane <= NEG), alias, nrows)
        truth = tl.where(lane == 0, 1.0, 0.0)
        part, nats = learn_tile(output, row, truth, lane <= NEG, h, weight, rate, D, BLOCK_D)
        motion += part
        loss += nats
    return motion, loss


@triton.jit
def learn_listed(
    output,
    rows,
    truths,
    first,
    last,
    h,
    weight,
    rate,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
):
    """The rows ``rows[first:last]`` with their truths (the path of a tree, or drawn rows); as `learn_tile`."""
    k = tl.arange(0, BLOCK_T)
    motion = tl.zeros([BLOCK_D], tl.float32)
    loss = 0.0
    for at in range(first, last, BLOCK_T):
        live = at + k < last
        row = tl.load(rows + at + k, mask=live, other=0)
        truth = tl.load(truths + at + k, mask=live, other=0.0)
        part, nats = learn_tile(output, row, truth, live, h, weight, rate, D, BLOCK_D)
        motion += part
        loss += nats
    return motion, loss


@triton.jit
def learn_softmax(
    output,
    nrows,
    target,
    h,
    weight,
    rate,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
):
    """All rows: first the largest score and the sum of the others over it, then the motion; as `learn_tile`."""
    d = tl.arange(0, BLOCK_D)
    k = tl.arange(0, BLOCK_T)
    top = -float("inf")
    total = 0.0
    right = 0.0
    for at in range(0, nrows, BLOCK_T):
        live = at + k < nrows
        where = output + (at + k).to(tl.int64)[:, None] * D + d[None, :]
        tile = tl.load(where, mask=live[:, None] & (d < D)[None, :], other=0.0, cache_modifier=".cg")
        score = tl.where(live, tl.sum(tile * h[None, :], 1), -float("inf"))
        higher = tl.maximum(top, tl.max(score, 0))
        total = total * tl.exp(top - higher) + tl.sum(tl.exp(score - higher), 0)
        top = higher
        right += tl.sum(tl.where(at + k == target, score, 0.0), 0)
    motion = tl.zeros([BLOCK_D], tl.float32)
    for at in range(0, nrows, BLOCK_T):
        live = at + k < nrows
        mask = live[:, None] & (d < D)[None, :]
        where = output + (at + k).to(tl.int64)[:, None] * D + d[None, :]
        tile = tl.load(where, mask=mask, other=0.0, cache_modifier=".cg")
        score = tl.where(live, tl.sum(tile * h[None, :], 1), -float("inf"))
        truth = tl.where(at + k == target, 1.0, 0.0)
        error = tl.where(live, truth - tl.exp(score - top) / total, 0.0) * weight
        tl.atomic_add(where, (rate * error)[:, None] * h[None, :], mask=mask, sem="relaxed")
        motion += tl.sum(tile * error[:, None], 0)
    return motion, (top + tl.log(total) - right) * weight


@triton.jit
def learn_each(
    output,
    nrows,
    labels,
    first,
    last,
    h,
    weight,
    rate,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
):
    """All rows, each with a logistic loss of its own: truth 1 for ``labels[first:last]``; as `learn_tile`."""
    k = tl.arange(0, BLOCK_T)
    motion = tl.zeros([BLOCK_D], tl.float32)
    loss = 0.0
    for at in range(0, nrows, BLOCK_T):
        row = at + k
        truth = tl.zeros([BLOCK_T], tl.float32)
        for place in range(first, last):
            truth = tl.where(row == tl.load(labels + place), 1.0, truth)
        part, nats = learn_tile(output, row, truth, row < nrows, h, weight, rate, D, BLOCK_D)
        motion += part
        loss += nats
    return motion, loss
