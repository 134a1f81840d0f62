"""Skip-gram whose neighbouring centres share their negatives: a third of the memory traffic, not fastText's sequence.

The BLOCK centres that follow each other in a program score the same POOL of drawn rows, each weighted so that a
centre has as much of them as ``NEG`` drawn for each of its pairs would give. The pool stays in registers with what
it has moved by, and meets the table at the block's end. As `native/kernels/skipgram.cc`, but for two things: the
words of a window are scored together, and the pool may name a row twice.
"""

import triton
import triton.language as tl

from ftcore.engines.cuda.parts import draw_once, learn_tile, move_rows, sum_rows


@triton.jit(do_not_specialize=["seed", "n", "nrows"])
def shared_kernel(
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
    loss,
    seed,
    n,
    nrows,
    NEG: tl.constexpr,
    BLOCK: tl.constexpr,
    POOL: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Arguments as `kernels.skipgram_kernel`; hidden moves after the window's words and after the pool."""
    p = tl.program_id(0).to(tl.int64)
    begin = n * p // tl.num_programs(0)
    end = n * (p + 1) // tl.num_programs(0)
    d = tl.arange(0, BLOCK_D)
    k = tl.arange(0, POOL)
    t = tl.arange(0, BLOCK_T)
    mask = (d < D)[None, :]
    total = tl.zeros([], tl.float64)
    for block in range(begin, end, BLOCK):
        row = draw_once(seed, block, 0, k, 0, alias, nrows)
        where = output + row.to(tl.int64)[:, None] * D + d[None, :]
        pool = tl.load(where, mask=mask, other=0.0, cache_modifier=".cg")
        tile = pool
        for i in range(block, tl.minimum(block + BLOCK, end)):
            lo = tl.load(first + i)
            hi = tl.load(last + i)
            if hi - lo > 1:
                word = tl.load(words + i)
                rate = tl.load(rates + i)
                step = tl.load(gain + word)
                g0 = tl.load(starts + word)
                g1 = tl.load(starts + word + 1)
                start = sum_rows(input, subwords, g0, g1, D, BLOCK_D, BLOCK_G) / (g1 - g0).to(tl.float32)
                motion = tl.zeros([BLOCK_D], tl.float32)
                weight = tl.zeros([POOL], tl.float32) + (hi - lo - 1).to(tl.float32)
                nats = 0.0
                for at in range(lo, hi, BLOCK_T):
                    j = at + t
                    live = (j < hi) & (j != i)
                    target = tl.load(words + j, mask=live, other=-1)
                    h = start + step * motion
                    truth = tl.zeros([BLOCK_T], tl.float32) + 1.0
                    part, more = learn_tile(
                        output, tl.maximum(target, 0), truth, live, h, 1.0, rate, D, BLOCK_D
                    )
                    motion += rate * part
                    nats += more
                    # a pair's target is none of its negatives
                    weight -= tl.sum((row[:, None] == target[None, :]).to(tl.float32), 1)
                h = start + step * motion
                score = tl.sum(tile * h[None, :], 1)
                weight = weight * (NEG / POOL)
                error = -weight / (1.0 + tl.exp(-score))
                against = tl.maximum(score, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(score)))
                motion += rate * tl.sum(tile * error[:, None], 0)
                tile += (rate * error)[:, None] * h[None, :]
                move_rows(input, subwords, subwords, g0, g1, motion, False, D, BLOCK_D, BLOCK_G)
                total += (nats + tl.sum(weight * against, 0)).to(tl.float64)
        tl.atomic_add(where, tile - pool, mask=mask, sem="relaxed")
    tl.store(loss + p, total)
