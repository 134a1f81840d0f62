"""Every kernel in plain torch: what it means, and what makes the same bytes each time (`deterministic`).

A *wave* is what is applied at once: its units read the tables as they were, and their motions are added together.
Waves of one unit are fastText's sequence. Waves of K show what K units in flight cost, without a GPU; and because
torch can add rows in a fixed order, they are how the engine trains where a run must repeat bit for bit.

Shapes: K units of a wave, G input rows of all, T output rows of a unit, D dim.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_LOW = 0xFFFFFFFF


def philox(seed: int, c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor) -> list[Tensor]:
    """Four uint32 (in int64) a counter; ten rounds of Philox4x32, as ``tl.philox``.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    key = [seed & _LOW, seed >> 32 & _LOW]
    c = [one.long() & _LOW for one in torch.broadcast_tensors(c0, c1, c2, c3)]
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57  # 64 bits, the sign is no matter
        c = [(b >> 32 & _LOW) ^ c[1] ^ key[0], b & _LOW, (a >> 32 & _LOW) ^ c[3] ^ key[1], a & _LOW]
        key = [key[0] + 0x9E3779B9 & _LOW, key[1] + 0xBB67AE85 & _LOW]
    return c


def draw(ids: Tensor, limits: Tensor, seed: int, ws: int) -> tuple[Tensor, Tensor]:
    """(kept int8[N], width int32[N]) of `draw_kernel`."""
    zero = torch.zeros((), dtype=torch.long, device=ids.device)
    r0, r1, _, _ = philox(seed, torch.arange(len(ids), device=ids.device), zero, zero, zero)
    limit = limits[ids.long()].long() & _LOW
    return (r0 <= limit).to(torch.int8), (1 + (r1 * ws >> 32)).to(torch.int32)


def draw_negatives(
    alias: Tensor, seed: int, centre: Tensor, pair: Tensor, target: Tensor, neg: int
) -> Tensor:
    """int64[E, neg]: rows by the alias table, drawn anew while equal to the target; `parts.draw_rows`."""
    lane = torch.arange(1, neg + 1, device=target.device)
    row = target.long()[:, None].repeat(1, neg)
    attempt = 0
    while len(same := torch.nonzero(row == target[:, None])):
        e, k = same.unbind(1)
        zero = torch.zeros_like(e)
        r0, r1, _, _ = philox(seed, lane[k], pair[e], centre[e], zero + attempt)
        drawn = r0 * len(alias) >> 32
        threshold = alias[drawn, 0].long() & _LOW
        row[e, k] = torch.where(r1 < threshold, drawn, alias[drawn, 1].long())
        attempt += 1
    return row


@dataclass(frozen=True)
class OutputSide:
    """The output side of a loss: the arrays that the kernels take."""

    loss: str
    rows: int
    alias: Tensor  # int32[rows, 2], unsigned numbers' bits (ns)
    path: Tensor  # int32[...] nodes of row w: path[turns[w]:turns[w + 1]] (hs)
    code: Tensor  # float32[...]
    turns: Tensor  # int64[rows + 1]


@dataclass(frozen=True)
class WordRows:
    """The input rows of every word."""

    rows: Tensor  # int32[...]
    starts: Tensor  # int64[words + 1]
    gain: Tensor  # float32[words]


@dataclass(frozen=True)
class KeptCentres:
    """Tokens that survived subsampling; the context of centre i is ``words[first[i]:last[i]]`` without i."""

    words: Tensor  # int32[n]
    first: Tensor  # int32[n]
    last: Tensor  # int32[n]
    rates: Tensor  # float32[n]

    def __len__(self) -> int:
        return len(self.words)


def waves(n: int, programs: int, device: torch.device) -> Iterator[Tensor]:
    """Which of n units are in flight together when each program takes a run of them: int64[<= programs] each."""
    p = torch.arange(programs + 1, device=device)
    begin = n * p // programs
    longest = int((begin[1:] - begin[:-1]).max()) if n else 0
    for step in range(longest):
        at = begin[:-1] + step
        yield at[at < begin[1:]]


def windows_in_waves(
    centres: KeptCentres, programs: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Centres that have a neighbour, wave after wave: their numbers, the starts and the ends of their windows."""
    for i in waves(len(centres), programs, device):
        first, last = centres.first[i].long(), centres.last[i].long()
        some = last - first > 1
        if bool(some.any()):
            yield i[some], first[some], last[some]


def skipgram(
    input: Tensor,
    output: Tensor,
    centres: KeptCentres,
    words: WordRows,
    side: OutputSide,
    seed: int,
    neg: int,
    programs: int,
) -> float:
    """`skipgram_kernel` in waves; the loss in nats. Pair after pair, in step: all first pairs, all second ones."""
    loss = 0.0
    for i, first, last in windows_in_waves(centres, programs, input.device):
        word, rate = centres.words[i].long(), centres.rates[i]
        row, bag, size = spread(words, word)
        start = sums(input, row, bag, len(i)) / size[:, None]
        motion, gain = torch.zeros_like(start), words.gain[word, None]
        for step in range(int((last - first).max())):
            j = first + step
            k = torch.nonzero((j < last) & (j != i)).squeeze(1)
            h = start[k] + gain[k] * motion[k]
            target = centres.words[j[k]].long()
            pair = torch.full_like(k, step)
            part, nats = learn(output, side, seed, i[k], pair, target, h, rate[k], neg)
            motion[k] += rate[k, None] * part
            loss += float(nats)
        input.index_add_(0, row, motion[bag])
    return loss


def block_and_pool(dim: int) -> tuple[int, int]:
    """(centres that share negatives, how many they share): `shared.shared_kernel` keeps twice the pool in registers.

    Example:
        >>> block_and_pool(100), block_and_pool(300)
        ((16, 64), (8, 32))
    """
    return (16, 64) if dim <= 128 else (8, 32)


def shared(
    input: Tensor,
    output: Tensor,
    centres: KeptCentres,
    words: WordRows,
    side: OutputSide,
    seed: int,
    neg: int,
    programs: int,
) -> float:
    """`shared.shared_kernel` in waves, each of one centre a program; the loss in nats."""
    loss, device = 0.0, input.device
    block, size_of_pool = block_and_pool(input.shape[1])
    lane = torch.arange(size_of_pool, device=device)
    row = torch.zeros(programs, size_of_pool, dtype=torch.long, device=device)
    pool, moved = (torch.zeros(programs, size_of_pool, input.shape[1], device=device) for _ in range(2))
    begin = len(centres) * torch.arange(programs + 1, device=device) // programs
    for step, i in enumerate(waves(len(centres), programs, device)):
        p = torch.searchsorted(begin, i, right=True) - 1
        if step % block == 0:
            output.index_add_(0, row.reshape(-1), moved.reshape(-1, input.shape[1]))
            row[p] = draw_pool(side.alias, seed, i, lane)
            pool, moved = output[row], torch.zeros_like(moved)
        first, last = centres.first[i].long(), centres.last[i].long()
        some = last - first > 1
        i, p, first, last = i[some], p[some], first[some], last[some]
        if not len(i):
            continue
        word, rate = centres.words[i].long(), centres.rates[i]
        feature, bag, size = spread(words, word)
        start = sums(input, feature, bag, len(i)) / size[:, None]
        j, unit = ranges(first, last)
        other = j != i[unit]
        j, unit = j[other], unit[other]
        target, one = centres.words[j].long(), torch.ones(len(j), device=device)
        part, nats = learn_rows(output, target, one, unit, start, rate, torch.ones_like(rate))
        motion = rate[:, None] * part
        same = torch.zeros(len(i), size_of_pool, device=device)
        same.index_add_(0, unit, (row[p][unit] == target[:, None]).float())
        h = start + words.gain[word, None] * motion
        tile = pool[p] + moved[p]
        score = (tile * h[:, None]).sum(2)
        weight = ((last - first - 1)[:, None] - same) * (neg / size_of_pool)
        error = -weight * score.sigmoid()
        motion += rate[:, None] * (tile * error[:, :, None]).sum(1)
        moved[p] += (rate[:, None] * error)[:, :, None] * h[:, None]
        input.index_add_(0, feature, motion[bag])
        loss += float(nats + (weight * F.softplus(score)).sum())
    output.index_add_(0, row.reshape(-1), moved.reshape(-1, input.shape[1]))
    return loss


def draw_pool(alias: Tensor, seed: int, block: Tensor, lane: Tensor) -> Tensor:
    """int64[blocks, lanes]: rows by the alias table, of the block that begins with this centre; `parts.draw_once`."""
    zero = torch.zeros((), dtype=torch.long, device=block.device)
    r0, r1, _, _ = philox(seed, lane[None, :], zero, block[:, None], zero)
    drawn = r0 * len(alias) >> 32
    return torch.where(r1 < (alias[drawn, 0].long() & _LOW), drawn, alias[drawn, 1].long())


def cbow(
    input: Tensor,
    output: Tensor,
    centres: KeptCentres,
    words: WordRows,
    side: OutputSide,
    seed: int,
    neg: int,
    programs: int,
) -> float:
    """`cbow_kernel` in waves; the loss in nats."""
    loss = 0.0
    for i, first, last in windows_in_waves(centres, programs, input.device):
        j, unit = ranges(first, last)
        other = j != i[unit]
        j, unit = j[other], unit[other]
        row, pair, size = spread(words, centres.words[j].long())
        bag = unit[pair]
        size = torch.zeros(len(i), device=input.device).index_add_(0, unit, size)
        h = sums(input, row, bag, len(i)) / size[:, None]
        rate = centres.rates[i]
        zero = torch.zeros_like(i)
        part, nats = learn(output, side, seed, i, zero, centres.words[i].long(), h, rate, neg)
        input.index_add_(0, row, (rate[:, None] * part)[bag])
        loss += float(nats)
    return loss


@dataclass(frozen=True)
class BagBatch:
    """What `bags_kernel` reads: bags, their order, and what each is scored against."""

    ids: Tensor  # int32[...] input rows of bag b: ids[offsets[b]:offsets[b + 1]]
    offsets: Tensor  # int64[B + 1]
    order: Tensor  # int64[n] bags
    rates: Tensor  # float32[n]
    place: Tensor  # int64[n] the label (softmax), else the span in `spans`
    row: Tensor  # int32[...]
    truth: Tensor  # float32[...]
    spans: Tensor  # int64[...]
    weights: Tensor | None = None  # float32[n]
    frozen: Tensor | None = None  # int8[R]

    def __len__(self) -> int:
        return len(self.order)


def bags(
    input: Tensor,
    output: Tensor,
    documents: BagBatch,
    loss: str,
    head_rate: float,
    moves_input: bool,
    programs: int,
) -> float:
    """`bags_kernel` in waves; the loss in nats."""
    total, given = 0.0, documents
    for start in range(0, len(given), programs):
        k = torch.arange(start, min(start + programs, len(given)), device=input.device)
        order = given.order[k]
        at, bag = ranges(given.offsets[order], given.offsets[order + 1])
        row = given.ids[at].long()
        size = (given.offsets[order + 1] - given.offsets[order]).float()[:, None]
        h = sums(input, row, bag, len(k)) / size
        weight = torch.ones(len(k), device=input.device) if given.weights is None else given.weights[k]
        rate, place = given.rates[k], given.place[k]
        if loss == "softmax":
            part, nats = learn_softmax(output, place, h, rate * head_rate, weight)
        elif loss == "ova":
            label, unit = ranges(given.spans[place], given.spans[place + 1])
            truth = torch.zeros(len(k), len(output), device=input.device)
            truth[unit, given.row[label].long()] = 1
            part, nats = learn_each(output, truth, h, rate * head_rate, weight)
        else:
            listed, unit = ranges(given.spans[place], given.spans[place + 1])
            part, nats = learn_rows(
                output, given.row[listed].long(), given.truth[listed], unit, h, rate * head_rate, weight
            )
        if moves_input:
            moved = (rate[:, None] * part / size)[bag]
            if given.frozen is not None:
                free = given.frozen[row] == 0
                row, moved = row[free], moved[free]
            input.index_add_(0, row, moved)
        total += float(nats)
    return total


def learn(
    output: Tensor,
    side: OutputSide,
    seed: int,
    centre: Tensor,
    pair: Tensor,
    target: Tensor,
    h: Tensor,
    rate: Tensor,
    neg: int,
) -> tuple[Tensor, Tensor]:
    """What K hidden vectors learn of a word each: (motion of hidden at rate 1 [K, D], nats)."""
    weight = torch.ones_like(rate)
    if side.loss == "softmax":
        return learn_softmax(output, target, h, rate, weight)
    unit = torch.arange(len(target), device=target.device)
    if side.loss == "ns":
        drawn = draw_negatives(side.alias, seed, centre, pair, target, neg)
        row = torch.cat([target[:, None], drawn], 1)
        truth = torch.zeros(row.shape, device=h.device)
        truth[:, 0] = 1
        return learn_rows(
            output, row.reshape(-1), truth.reshape(-1), unit.repeat_interleave(neg + 1), h, rate, weight
        )
    at, unit = ranges(side.turns[target], side.turns[target + 1])
    return learn_rows(output, side.path[at].long(), side.code[at], unit, h, rate, weight)


def learn_rows(
    output: Tensor, row: Tensor, truth: Tensor, unit: Tensor, h: Tensor, rate: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """`parts.learn_tile` of all: row t is scored against hidden ``unit[t]``."""
    tile, hidden = output[row], h[unit]
    score = (tile * hidden).sum(1)
    error = (truth - score.sigmoid()) * weight[unit]
    nats = ((F.softplus(score) - truth * score) * weight[unit]).sum()
    motion = torch.zeros_like(h).index_add_(0, unit, tile * error[:, None])
    output.index_add_(0, row, (rate[unit] * error)[:, None] * hidden)
    return motion, nats


def learn_softmax(
    output: Tensor, target: Tensor, h: Tensor, rate: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """`parts.learn_softmax` of all."""
    log_p = F.log_softmax(h @ output.T, 1)
    error = -log_p.exp()
    error[torch.arange(len(target), device=target.device), target] += 1
    error *= weight[:, None]
    nats = -(log_p.gather(1, target[:, None]).squeeze(1) * weight).sum()
    motion = error @ output
    output += (error * rate[:, None]).T @ h
    return motion, nats


def learn_each(
    output: Tensor, truth: Tensor, h: Tensor, rate: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """`parts.learn_each` of all; truth is 0 or 1, [K, rows]."""
    score = h @ output.T
    error = (truth - score.sigmoid()) * weight[:, None]
    nats = ((F.softplus(score) - truth * score) * weight[:, None]).sum()
    motion = error @ output
    output += (error * rate[:, None]).T @ h
    return motion, nats


def sums(table: Tensor, row: Tensor, bag: Tensor, bags: int) -> Tensor:
    """Of each bag the sum of its rows: [bags, D]."""
    return torch.zeros(bags, table.shape[1], device=table.device).index_add_(0, bag, table[row])


def spread(words: WordRows, word: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(input row int64[G], which of the words int64[G], float32 rows of each) of K words' features."""
    first, last = words.starts[word], words.starts[word + 1]
    at, bag = ranges(first, last)
    return words.rows[at].long(), bag, (last - first).float()


def ranges(first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """(place, which) of all places of half-open ranges, range after range.

    Example:
        >>> [one.tolist() for one in ranges(torch.tensor([3, 8]), torch.tensor([5, 9]))]
        [[3, 4, 8], [0, 0, 1]]
    """
    size = last - first
    which = torch.repeat_interleave(torch.arange(len(size), device=size.device), size)
    before = torch.cumsum(size, 0) - size
    return torch.arange(len(which), device=size.device) - before[which] + first[which], which
