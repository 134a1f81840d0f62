"""CBOW whose neighbouring centres share their negatives and the sums of their windows' words.

The BLOCK centres that follow each other in a program see some BLOCK + 2 x ws words: the rows of each are gathered once,
their sum is kept beside the program with what it has moved by (`scratch`, which stays in the cache), and are scattered
once at the block's end. A centre sees what those before it in its block have moved. Negatives are a pool as in
`shared`.
"""

import triton
import triton.language as tl

from ftcore.engines.cuda.parts import draw_once, move_rows, sum_rows


@triton.jit(do_not_specialize=["seed", "n", "nrows", "width"])
def shared_cbow_kernel(
    input,
    output,
    words,
    first,
    last,
    rates,
    subwords,
    starts,
    gain,
    alias,
    scratch,  # float32[programs, 2, width, BLOCK_D]: sums of words' rows, and what each row is to move by
    loss,
    seed,
    n,
    nrows,
    width,  # words that the windows of a block can reach
    NEG: tl.constexpr,
    BLOCK: tl.constexpr,
    POOL: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Arguments as `kernels.skipgram_kernel`."""
    p = tl.program_id(0).to(tl.int64)
    begin = n * p // tl.num_programs(0)
    end = n * (p + 1) // tl.num_programs(0)
    d = tl.arange(0, BLOCK_D)
    k = tl.arange(0, POOL)
    b = tl.arange(0, BLOCK)
    inside = d < D
    mask = inside[None, :]
    sums = scratch + p * 2 * width * BLOCK_D + d
    moves = sums + width.to(tl.int64) * BLOCK_D
    total = tl.zeros([], tl.float64)
    for block in range(begin, end, BLOCK):
        stop = tl.minimum(block + BLOCK, end)
        live = block + b < stop
        left = tl.min(tl.load(first + block + b, mask=live, other=2147483647), 0)
        right = tl.max(tl.load(last + block + b, mask=live, other=0), 0)
        row = draw_once(seed, block, 0, k, 0, alias, nrows)
        where = output + row.to(tl.int64)[:, None] * D + d[None, :]
        pool = tl.load(where, mask=mask, other=0.0, cache_modifier=".cg")
        tile = pool
        for j in range(left, right):
            word = tl.load(words + j)
            made = sum_rows(
                input, subwords, tl.load(starts + word), tl.load(starts + word + 1), D, BLOCK_D, BLOCK_G
            )
            tl.store(sums + (j - left) * BLOCK_D, made)
            tl.store(moves + (j - left) * BLOCK_D, tl.zeros([BLOCK_D], tl.float32))
        tl.debug_barrier()
        for i in range(block, stop):
            lo = tl.load(first + i)
            hi = tl.load(last + i)
            if hi - lo > 1:
                target = tl.load(words + i)
                rate = tl.load(rates + i)
                h = tl.zeros([BLOCK_D], tl.float32)
                size = tl.zeros([], tl.int64)
                for j in range(lo, hi):
                    if j != i:
                        word = tl.load(words + j)
                        h += tl.load(sums + (j - left) * BLOCK_D)
                        size += tl.load(starts + word + 1) - tl.load(starts + word)
                h = h / size.to(tl.float32)
                at = output + target.to(tl.int64) * D + d
                own = tl.load(at, mask=inside, other=0.0, cache_modifier=".cg")
                score = tl.sum(own * h, 0)
                error = 1.0 - 1.0 / (1.0 + tl.exp(-score))
                nats = tl.maximum(score, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(score))) - score
                tl.atomic_add(at, rate * error * h, mask=inside, sem="relaxed")
                motion = error * own
                scores = tl.sum(tile * h[None, :], 1)
                weight = tl.where(row == target, 0.0, NEG / POOL)  # the target is none of its negatives
                errors = -weight / (1.0 + tl.exp(-scores))
                against = tl.maximum(scores, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(scores)))
                motion += tl.sum(tile * errors[:, None], 0)
                tile += (rate * errors)[:, None] * h[None, :]
                motion = rate * motion
                for j in range(lo, hi):
                    if j != i:
                        word = tl.load(words + j)
                        count = (tl.load(starts + word + 1) - tl.load(starts + word)).to(tl.float32)
                        here = (j - left) * BLOCK_D
                        tl.store(sums + here, tl.load(sums + here) + tl.load(gain + word) * count * motion)
                        tl.store(moves + here, tl.load(moves + here) + motion)
                tl.debug_barrier()
                total += (nats + tl.sum(weight * against, 0)).to(tl.float64)
        for j in range(left, right):
            word = tl.load(words + j)
            move_rows(
                input, subwords, subwords, tl.load(starts + word), tl.load(starts + word + 1),
                tl.load(moves + (j - left) * BLOCK_D), False, D, BLOCK_D, BLOCK_G,
            )  # fmt: skip
        tl.debug_barrier()
        tl.atomic_add(where, tile - pool, mask=mask, sem="relaxed")
    tl.store(loss + p, total)
