"""`shared_cbow.shared_cbow_kernel` in plain torch, in waves of one centre a program."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore.engines.cuda.twins import (
    KeptCentres,
    OutputSide,
    WordRows,
    block_and_pool,
    draw_pool,
    learn_rows,
    ranges,
    spread,
    sums,
)


def shared_cbow(
    input: Tensor,
    output: Tensor,
    centres: KeptCentres,
    words: WordRows,
    side: OutputSide,
    seed: int,
    neg: int,
    programs: int,
) -> float:
    """All programs' first blocks side by side, then all second ones; the loss in nats."""
    loss, device = 0.0, input.device
    block, pool_size = block_and_pool(input.shape[1])
    begin = len(centres) * torch.arange(programs + 1, device=device) // programs
    start, end = begin[:-1], begin[1:]
    while len(start):
        start, end = start[start < end], end[start < end]
        if len(start):
            stop = torch.minimum(start + block, end)
            loss += _block(input, output, centres, words, side, seed, neg / pool_size, pool_size, start, stop)
        start = start + block
    return loss


def width_of(centres: KeptCentres, dim: int) -> int:
    """How many words the windows of a block of centres can reach."""
    widest = int((centres.last - centres.first).max()) if len(centres) else 0
    return block_and_pool(dim)[0] + 2 * widest


def _block(
    input: Tensor,
    output: Tensor,
    centres: KeptCentres,
    words: WordRows,
    side: OutputSide,
    seed: int,
    share: float,
    pool_size: int,
    start: Tensor,
    stop: Tensor,
) -> float:
    """One block of every program: centres ``start[p]`` to ``stop[p]``."""
    device, programs = input.device, len(start)
    row = draw_pool(side.alias, seed, start, torch.arange(pool_size, device=device))
    pool = output[row]
    moved = torch.zeros_like(pool)
    centre, program = ranges(start, stop)
    big = torch.full((programs,), 1 << 31, device=device)
    left = big.scatter_reduce(0, program, centres.first[centre].long(), "amin")
    right = torch.zeros_like(big).scatter_reduce(0, program, centres.last[centre].long(), "amax")
    j, of = ranges(left, right)
    width = int((right - left).max())
    place = of * width + j - left[of]
    word = centres.words[j].long()
    feature, bag, size = spread(words, word)
    made, moves = (torch.zeros(programs * width, input.shape[1], device=device) for _ in range(2))
    made[place] = sums(input, feature, bag, len(j))
    count, pull = (torch.zeros(programs * width, device=device) for _ in range(2))
    count[place], pull[place] = size, size * words.gain[word]
    loss = 0.0
    for step in range(int((stop - start).max())):
        p = torch.nonzero(start + step < stop).squeeze(1)
        i = start[p] + step
        first, last = centres.first[i].long(), centres.last[i].long()
        some = last - first > 1
        i, p, first, last = i[some], p[some], first[some], last[some]
        if not len(i):
            continue
        context, unit = ranges(first, last)
        other = context != i[unit]
        context, unit = context[other], unit[other]
        at = p[unit] * width + context - left[p[unit]]
        h = sums(made, at, unit, len(i))
        h /= torch.zeros(len(i), device=device).index_add_(0, unit, count[at])[:, None]
        target, rate = centres.words[i].long(), centres.rates[i]
        one = torch.ones_like(rate)
        part, nats = learn_rows(output, target, one, torch.arange(len(i), device=device), h, rate, one)
        tile = pool[p] + moved[p]
        score = (tile * h[:, None]).sum(2)
        weight = (row[p] != target[:, None]) * share
        error = -weight * score.sigmoid()
        motion = rate[:, None] * (part + (tile * error[:, :, None]).sum(1))
        moved[p] += (rate[:, None] * error)[:, :, None] * h[:, None]
        made.index_add_(0, at, pull[at, None] * motion[unit])
        moves.index_add_(0, at, motion[unit])
        loss += float(nats + (weight * F.softplus(score)).sum())
    input.index_add_(0, feature, moves[place][bag])
    output.index_add_(0, row.reshape(-1), moved.reshape(-1, input.shape[1]))
    return loss
