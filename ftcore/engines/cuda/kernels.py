"""The kernels: draws of a run of tokens, skip-gram, CBOW, and the classifier.

As many programs run as there are units in flight (centres or documents). Each takes a run of consecutive ones,
one after the other: gather the bag, learn, scatter, nothing of it ever in memory. A unit therefore sees what
its own program did before it, and what others do while it is in flight it misses.

``LOSS`` is one of `NS`, `HS`, `SOFTMAX`, `OVA`; what a loss does not need is compiled away.
"""

import triton
import triton.language as tl

from ftcore.engines.cuda.parts import (
    learn_each,
    learn_listed,
    learn_negatives,
    learn_softmax,
    move_rows,
    sum_rows,
)

NS = tl.constexpr(0)
HS = tl.constexpr(1)
SOFTMAX = tl.constexpr(2)
OVA = tl.constexpr(3)


@triton.jit(do_not_specialize=["seed", "n"])
def draw_kernel(ids, limits, kept, width, seed, n, WS: tl.constexpr, BLOCK: tl.constexpr):
    """Of each token: does it stay (its draw is not above its word's limit), and how wide is its window."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = at < n
    word = tl.load(ids + at, mask=live, other=0)
    limit = tl.load(limits + word, mask=live, other=0).to(tl.uint32, bitcast=True)
    place = at.to(tl.int32)
    zero = tl.zeros_like(place)
    r0, r1, r2, r3 = tl.philox(seed, place, zero, zero, zero)
    tl.store(kept + at, (r0 <= limit).to(tl.int8), mask=live)
    tl.store(width + at, 1 + tl.umulhi(r1, (WS + zero).to(tl.uint32)).to(tl.int32), mask=live)


@triton.jit(do_not_specialize=["seed", "n", "nrows"])
def skipgram_kernel(
    input,  # float32[R, D]
    output,  # float32[nrows, D]
    words,  # int32[n] centres
    first,  # int32[n] where each one's window starts
    last,  # int32[n]
    rates,  # float32[n]
    subwords,  # int32[...] input rows of word w: subwords[starts[w]:starts[w + 1]]
    starts,  # int64[nrows + 1]
    gain,  # float32[nrows] what the mean of a word's rows moves by when each row moves by 1
    alias,  # int32[nrows, 2]
    path,  # int32[...] the tree's nodes of word w: path[turns[w]:turns[w + 1]]
    code,  # float32[...]
    turns,  # int64[nrows + 1]
    loss,  # float64[programs]
    seed,
    n,
    nrows,
    NEG: tl.constexpr,
    LOSS: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Every pair of every centre in fastText's order; the centre's rows are read and written once.

    After a pair hidden has moved by gain times its gradient, as the mean of its rows would have.
    """
    p = tl.program_id(0).to(tl.int64)
    begin = n * p // tl.num_programs(0)
    end = n * (p + 1) // tl.num_programs(0)
    total = tl.zeros([], tl.float64)
    for i in range(begin, end):
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
            nats = 0.0
            for j in range(lo, hi):
                if j != i:
                    target = tl.load(words + j)
                    h = start + step * motion
                    if LOSS == NS:
                        part, more = learn_negatives(
                            output, alias, nrows, seed, i, j - lo, target, h, 1.0, rate,
                            NEG, D, BLOCK_D, BLOCK_T,
                        )  # fmt: skip
                    elif LOSS == HS:
                        part, more = learn_listed(
                            output, path, code, tl.load(turns + target), tl.load(turns + target + 1), h, 1.0, rate,
                            D, BLOCK_D, BLOCK_T,
                        )  # fmt: skip
                    else:
                        part, more = learn_softmax(output, nrows, target, h, 1.0, rate, D, BLOCK_D, BLOCK_T)
                    motion += rate * part
                    nats += more
            move_rows(input, subwords, subwords, g0, g1, motion, False, D, BLOCK_D, BLOCK_G)
            total += nats.to(tl.float64)
    tl.store(loss + p, total)


@triton.jit(do_not_specialize=["seed", "n", "nrows"])
def cbow_kernel(
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
    path,
    code,
    turns,
    loss,
    seed,
    n,
    nrows,
    NEG: tl.constexpr,
    LOSS: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """The mean of all subwords of the window against its centre. Arguments as `skipgram_kernel`."""
    p = tl.program_id(0).to(tl.int64)
    begin = n * p // tl.num_programs(0)
    end = n * (p + 1) // tl.num_programs(0)
    total = tl.zeros([], tl.float64)
    for i in range(begin, end):
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
                    g0 = tl.load(starts + word)
                    g1 = tl.load(starts + word + 1)
                    h += sum_rows(input, subwords, g0, g1, D, BLOCK_D, BLOCK_G)
                    size += g1 - g0
            h = h / size.to(tl.float32)
            if LOSS == NS:
                part, nats = learn_negatives(
                    output, alias, nrows, seed, i, 0, target, h, 1.0, rate, NEG, D, BLOCK_D, BLOCK_T
                )  # fmt: skip
            elif LOSS == HS:
                part, nats = learn_listed(
                    output, path, code, tl.load(turns + target), tl.load(turns + target + 1), h, 1.0, rate,
                    D, BLOCK_D, BLOCK_T,
                )  # fmt: skip
            else:
                part, nats = learn_softmax(output, nrows, target, h, 1.0, rate, D, BLOCK_D, BLOCK_T)
            for j in range(lo, hi):
                if j != i:
                    word = tl.load(words + j)
                    g0 = tl.load(starts + word)
                    g1 = tl.load(starts + word + 1)
                    move_rows(input, subwords, subwords, g0, g1, rate * part, False, D, BLOCK_D, BLOCK_G)
            total += nats.to(tl.float64)
    tl.store(loss + p, total)


@triton.jit(do_not_specialize=["n", "nrows", "head_rate"])
def bags_kernel(
    input,  # float32[R, D]
    output,  # float32[nrows, D]
    ids,  # int32[...] input rows of bag b: ids[offsets[b]:offsets[b + 1]]
    offsets,  # int64[B + 1]
    order,  # int64[n] bags
    rates,  # float32[n]
    weights,  # float32[n] of each document's loss, read where HAS_WEIGHTS
    frozen,  # int8[R], read where HAS_FROZEN
    place,  # int64[n] of document k: its label (softmax), else k's span in `spans`
    row,  # int32[...] output rows: labels (ova), label and negatives (ns), nodes (hs)
    truth,  # float32[...] of ns and hs
    spans,  # int64[...]
    loss,  # float64[programs]
    n,
    nrows,
    head_rate,
    HAS_WEIGHTS: tl.constexpr,
    HAS_FROZEN: tl.constexpr,
    MOVES_INPUT: tl.constexpr,
    LOSS: tl.constexpr,
    D: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Documents against their labels; the gradient of hidden is divided by the bag's size.

    A program takes every so-many-th document of the order, so that all are at the same learning rate.
    """
    p = tl.program_id(0).to(tl.int64)
    total = tl.zeros([], tl.float64)
    for k in range(p, n, tl.num_programs(0)):
        bag = tl.load(order + k)
        g0 = tl.load(offsets + bag)
        g1 = tl.load(offsets + bag + 1)
        size = (g1 - g0).to(tl.float32)
        rate = tl.load(rates + k)
        weight = 1.0
        if HAS_WEIGHTS:
            weight = tl.load(weights + k)
        at = tl.load(place + k)
        h = sum_rows(input, ids, g0, g1, D, BLOCK_D, BLOCK_G) / size
        if LOSS == SOFTMAX:
            part, nats = learn_softmax(output, nrows, at, h, weight, rate * head_rate, D, BLOCK_D, BLOCK_T)
        elif LOSS == OVA:
            part, nats = learn_each(
                output, nrows, row, tl.load(spans + at), tl.load(spans + at + 1), h, weight, rate * head_rate,
                D, BLOCK_D, BLOCK_T,
            )  # fmt: skip
        else:
            part, nats = learn_listed(
                output, row, truth, tl.load(spans + at), tl.load(spans + at + 1), h, weight, rate * head_rate,
                D, BLOCK_D, BLOCK_T,
            )  # fmt: skip
        if MOVES_INPUT:
            move_rows(input, ids, frozen, g0, g1, rate * part / size, HAS_FROZEN, D, BLOCK_D, BLOCK_G)
        total += nats.to(tl.float64)
    tl.store(loss + p, total)
