"""The loops of `supervised`. They call each other, so they live in one file (the cache sees no other).

Shapes: R input rows, C output rows, D dim, N features of a bag, T output rows a document is scored against.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ftcore.model.kernel import kernel

SOFTMAX, OVA, NS, HS = range(4)
# rows asked for before they are read: it saves a third of the time with bigrams, a tenth with unigrams
_AHEAD = 32
_LOG2E = np.float32(1.4426950408889634)
_LN2 = np.float32(0.6931471805599453)
_FACTORS = 512  # of at most 2, whose product a float64 holds


class Scratch(NamedTuple):
    """What a document is scored against, the same memory for all."""

    row: np.ndarray  # int64[T] output rows
    yes: np.ndarray  # float32[T] 1 where the answer is yes, else 0
    error: np.ndarray  # float32[T] probability - truth
    part: np.ndarray  # float32[T]
    bits: np.ndarray  # int32[T]


@kernel(reorder=True)
def train_documents(input_RD, output_CD, bags, truth, how, start, step):
    """Every step-th document of a chunk, one update each: (sum of losses, first that is no number or -1)."""
    classes, dim = output_CD.shape
    dense = truth.kind == SOFTMAX or truth.kind == OVA
    jointly = how.clip > 0 or how.decay > 0
    most = classes if dense else _longest(truth.offsets, truth.place)
    real = np.float32
    scratch = Scratch(
        np.arange(most),
        np.zeros(most, real),
        np.empty(most, real),
        np.empty(most, real),
        np.empty(most, np.int32),
    )
    hidden_D, gradient_D = np.empty(dim, real), np.empty(dim, real)
    distinct_N = np.empty(_longest(bags.offsets, bags.order) if jointly else 0, np.int32)
    # the first document whose rows were not asked for; how many were, and are not read yet
    stop, ahead, coming = len(bags.order), start + step, 0
    total, broken = 0.0, -1
    for k in range(start, stop, step):
        bag = bags.ids[bags.offsets[bags.order[k]] : bags.offsets[bags.order[k] + 1]]
        weight = bags.weight[k] if len(bags.weight) else real(1)
        rate, head_rate = bags.rate[k], bags.rate[k] * how.head_rate
        _mean(input_RD, bag, hidden_D)
        for j in range(dim):
            gradient_D[j] = 0
        if dense:
            count, moved = classes, False
            loss = _score_all(output_CD, hidden_D, truth, k, scratch) * weight
        elif truth.kind == NS and not jointly:
            count, moved = 0, True
            loss = _negatives(output_CD, hidden_D, gradient_D, truth, k, weight, head_rate, scratch) * weight
        else:
            count, moved = _score_some(output_CD, hidden_D, truth, k, scratch), False
            loss = _logistic(scratch.error[:count], scratch.yes, scratch) * weight
        total += loss
        if broken < 0 and not np.isfinite(loss):
            broken = k
        if weight != 1:
            for t in range(count):
                scratch.error[t] *= weight
        if jointly:
            if truth.kind == NS:
                count = _merge(scratch.row, scratch.error, count)
            rows, errors = scratch.row[:count], scratch.error[:count]
            _update_jointly(
                input_RD, output_CD, bag, hidden_D, gradient_D, rows, errors, distinct_N, rate, how
            )
            continue
        if dense:
            _exchange_all(output_CD, hidden_D, gradient_D, scratch.error, head_rate)
        elif not moved:
            for t in range(count):
                error = scratch.error[t]
                _exchange(output_CD[scratch.row[t]], hidden_D, gradient_D, error, head_rate * error)
        if how.train_input:
            share = -rate / real(len(bag))
            for j in range(dim):
                gradient_D[j] *= share
            _move(input_RD, bag, gradient_D, how.frozen)
        # the first rows of what follows: one long document, or several short ones
        while ahead < stop and coming < _AHEAD:
            first = bags.offsets[bags.order[ahead]]
            size = bags.offsets[bags.order[ahead] + 1] - first
            _announce(input_RD, bags.ids, first, first + min(size, _AHEAD))
            coming += size
            ahead += step
        if k + step < stop:
            coming -= bags.offsets[bags.order[k + step] + 1] - bags.offsets[bags.order[k + step]]
    return total, broken


# ------------------------------------------------------------------------------------------- scoring
@kernel(reorder=True, inline=True)
def _score_all(output_CD, hidden_D, truth, k, scratch):
    """Errors of every label of document k (softmax, one against all); its loss."""
    error_C = scratch.error
    _scores(output_CD, hidden_D, error_C)
    if truth.kind == SOFTMAX:
        return _softmax(error_C, truth.place[k], scratch.bits)
    first, last = truth.offsets[truth.place[k]], truth.offsets[truth.place[k] + 1]
    for t in range(first, last):
        scratch.yes[truth.row[t]] = 1
    loss = _logistic(error_C, scratch.yes, scratch)
    for t in range(first, last):
        scratch.yes[truth.row[t]] = 0
    return loss


@kernel(reorder=True, inline=True)
def _score_some(output_CD, hidden_D, truth, k, scratch):
    """Rows, answers and scores of document k (ns, hs); how many."""
    first = truth.offsets[truth.place[k]]
    count = truth.offsets[truth.place[k] + 1] - first
    for t in range(count):
        scratch.row[t] = truth.row[first + t]
        scratch.yes[t] = truth.code[first + t] if truth.kind == HS else np.float32(t == 0)
        scratch.error[t] = _dot(output_CD[scratch.row[t]], hidden_D)
    return count


@kernel(reorder=True, inline=True)
def _negatives(output_CD, hidden_D, gradient_D, truth, k, weight, head_rate, scratch):
    """The label and its negatives one after another; a row drawn twice is seen as its first visit left it."""
    loss = 0.0
    for t in range(truth.offsets[truth.place[k]], truth.offsets[truth.place[k] + 1]):
        row = output_CD[truth.row[t]]
        scratch.error[0] = _dot(row, hidden_D)
        scratch.yes[0] = np.float32(t == truth.offsets[truth.place[k]])
        loss += _logistic(scratch.error[:1], scratch.yes, scratch)
        error = scratch.error[0] * weight
        _exchange(row, hidden_D, gradient_D, error, head_rate * error)
    return loss


@kernel(reorder=True)
def _update_jointly(input_RD, output_CD, bag, hidden_D, gradient_D, row_T, error_T, distinct_N, rate, how):
    """An update whose gradient is clipped, or whose rows decay; every row is visited once.

    The norm is over all that moves, input and output rows together, a row's gradient summed over its
    occurrences first. As in torch's SGD the decay is not clipped.
    """
    dim, size = len(hidden_D), len(bag)
    square = np.float32(0)
    for t in range(len(row_T)):
        row = output_CD[row_T[t]]
        square += error_T[t] * error_T[t]
        for j in range(dim):
            gradient_D[j] += error_T[t] * row[j]
    square *= _dot(hidden_D, hidden_D)
    for j in range(dim):
        gradient_D[j] /= np.float32(size)
    count = 0
    if how.train_input:
        for i in range(size):
            if len(how.frozen) == 0 or not how.frozen[bag[i]]:
                distinct_N[count] = bag[i]
                count += 1
        distinct_N[:count].sort()
        mine, times = _dot(gradient_D, gradient_D), 0
        for i in range(count):  # m² of a row named m times, as the sum of 1, 3, 5, ...
            times = times + 1 if i > 0 and distinct_N[i] == distinct_N[i - 1] else 1
            square += np.float32(2 * times - 1) * mine
    scale = np.float32(1)
    if how.clip > 0:
        scale = min(scale, how.clip / (np.sqrt(square) + np.float32(1e-6)))
    head_rate = rate * how.head_rate
    keep = np.float32(1) - head_rate * how.decay
    for t in range(len(row_T)):
        row, step = output_CD[row_T[t]], head_rate * scale * error_T[t]
        for j in range(dim):
            row[j] = keep * row[j] - step * hidden_D[j]
    keep = np.float32(1) - rate * how.decay
    for i in range(count):
        row = input_RD[distinct_N[i]]
        again = i > 0 and distinct_N[i] == distinct_N[i - 1]
        share = np.float32(1) if again else keep
        for j in range(dim):
            row[j] = share * row[j] - rate * scale * gradient_D[j]


@kernel
def _longest(offsets, rows):
    """Length of the longest of some ragged rows."""
    found = 0
    for row in rows:
        found = max(found, offsets[row + 1] - offsets[row])
    return found


@kernel
def _merge(row_T, error_T, count):
    """Sum the errors of equal rows in place; how many rows are left."""
    left = 0
    for t in range(count):
        at = left
        for u in range(left):
            if row_T[u] == row_T[t]:
                at = u
        if at < left:
            error_T[at] += error_T[t]
        else:
            row_T[at], error_T[at] = row_T[t], error_T[t]
            left += 1
    return left


# ------------------------------------------------------------------------------------------ vectors
@intrinsic
def _prefetch(typingctx, table_RD, row, column):
    """Ask for the cache line of an element of float32[R, D], without waiting for it."""

    def codegen(context, builder, signature, arguments):
        byte, integer, flag = ir.IntType(8).as_pointer(), ir.IntType(64), ir.IntType(32)
        table = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.ptrtoint(table.data, integer)
        for axis in range(2):
            number = context.cast(builder, arguments[1 + axis], signature.args[1 + axis], types.int64)
            stride = builder.extract_value(table.strides, axis)
            address = builder.add(address, builder.mul(number, stride))
        function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], function)
        # to read; into the second-level cache (into the first: 37 instead of 29 ns a row); data
        builder.call(ask, [builder.inttoptr(address, byte), flag(0), flag(2), flag(1)])
        return context.get_dummy_value()

    return types.void(table_RD, row, column), codegen


@kernel(reorder=True, inline=True)
def _announce(input_RD, bag, start, stop):
    """Ask for the rows of some of the bag's features, cache line by cache line (16 floats)."""
    dim = input_RD.shape[1]
    for i in range(start, stop):
        if dim > 64:  # a constant number costs half as much, and the core streams the rest of longer rows
            for line in range(7):
                _prefetch(input_RD, bag[i], 16 * line)
        else:
            for line in range((dim + 30) // 16):  # a row starts anywhere in a line
                _prefetch(input_RD, bag[i], 16 * line)


@kernel(reorder=True)
def _mean(input_RD, bag, mean_D):
    """Mean of the bag's rows; four rows a pass, so that the sum is loaded and stored a quarter as often."""
    dim, size = len(mean_D), len(bag)
    for j in range(dim):
        mean_D[j] = 0
    for i in range(0, size - 3, 4):
        if i + _AHEAD + 4 <= size:
            _announce(input_RD, bag, i + _AHEAD, i + _AHEAD + 4)
        a, b, c, d = input_RD[bag[i]], input_RD[bag[i + 1]], input_RD[bag[i + 2]], input_RD[bag[i + 3]]
        for j in range(dim):
            mean_D[j] += (a[j] + b[j]) + (c[j] + d[j])
    for i in range(size - size % 4, size):
        row = input_RD[bag[i]]
        for j in range(dim):
            mean_D[j] += row[j]
    share = np.float32(1) / np.float32(size)
    for j in range(dim):
        mean_D[j] *= share


@kernel(reorder=True)
def _dot(a_D, b_D):
    total = np.float32(0)
    for j in range(len(b_D)):
        total += a_D[j] * b_D[j]
    return total


@kernel(reorder=True)
def _scores(output_CD, hidden_D, score_C):
    """Product of every output row with the hidden vector, four rows a pass."""
    classes = len(output_CD)
    for k in range(0, classes - 3, 4):
        a, b, c, d = output_CD[k], output_CD[k + 1], output_CD[k + 2], output_CD[k + 3]
        p, q, r, s = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(len(hidden_D)):
            x = hidden_D[j]
            p += a[j] * x
            q += b[j] * x
            r += c[j] * x
            s += d[j] * x
        score_C[k], score_C[k + 1], score_C[k + 2], score_C[k + 3] = p, q, r, s
    for k in range(classes - classes % 4, classes):
        score_C[k] = _dot(output_CD[k], hidden_D)


@kernel(reorder=True)
def _exchange_all(output_CD, hidden_D, gradient_D, error_C, head_rate):
    """`_exchange` with every row, four a pass: with 735 labels this is half of the time."""
    classes = len(output_CD)
    for k in range(0, classes - 3, 4):
        a, b, c, d = output_CD[k], output_CD[k + 1], output_CD[k + 2], output_CD[k + 3]
        p, q, r, s = error_C[k], error_C[k + 1], error_C[k + 2], error_C[k + 3]
        for j in range(len(hidden_D)):
            x = head_rate * hidden_D[j]
            e, f, g, h = a[j], b[j], c[j], d[j]
            gradient_D[j] += (p * e + q * f) + (r * g + s * h)
            a[j], b[j], c[j], d[j] = e - p * x, f - q * x, g - r * x, h - s * x
    for k in range(classes - classes % 4, classes):
        _exchange(output_CD[k], hidden_D, gradient_D, error_C[k], head_rate * error_C[k])


@kernel(reorder=True)
def _exchange(row_D, hidden_D, gradient_D, error, step):
    """gradient += error * row, as it was; row -= step * hidden."""
    for j in range(len(hidden_D)):
        old = row_D[j]
        gradient_D[j] += error * old
        row_D[j] = old - step * hidden_D[j]


@kernel(reorder=True)
def _move(input_RD, bag, change_D, frozen):
    """Add the change to the bag's rows, a row named twice moving twice; frozen rows stay."""
    for i in range(len(bag)):
        if len(frozen) and frozen[bag[i]]:
            continue
        row = input_RD[bag[i]]
        for j in range(len(change_D)):
            row[j] += change_D[j]


# -------------------------------------------------------------------------------------------- losses
@kernel(reorder=True)
def _exp(value_T, bits_T):
    """value = exp(value) for values up to 0, within 1e-6 of themselves (below -87: exp(-87)).

    exp(x) = 2**n * exp(r) with |r| <= ln(2) / 2, a polynomial; 2**n is made of its exponent bits. Unlike a
    call of the C library for each value this runs in SIMD lanes.
    """
    power_T = bits_T.view(np.float32)
    for t in range(len(value_T)):
        x = max(value_T[t], np.float32(-87))
        n = np.floor(x * _LOG2E + np.float32(0.5))
        r = x - n * _LN2
        p = np.float32(1 / 720) * r + np.float32(1 / 120)
        p = p * r + np.float32(1 / 24)
        p = p * r + np.float32(1 / 6)
        p = p * r + np.float32(0.5)
        p = p * r + np.float32(1)
        value_T[t] = p * r + np.float32(1)
        bits_T[t] = (np.int32(n) + np.int32(127)) << np.int32(23)
    for t in range(len(value_T)):
        value_T[t] *= power_T[t]


@kernel(reorder=True)
def _softmax(score_T, label, bits_T):
    """Scores become probability - truth; returns the loss in nats, no number if a score is none."""
    highest, seen = score_T[label], np.float32(0)
    for t in range(len(score_T)):
        seen += score_T[t]
        highest = max(highest, score_T[t])
    gap = np.float64(highest) - np.float64(score_T[label])
    for t in range(len(score_T)):
        score_T[t] -= highest
    _exp(score_T, bits_T[: len(score_T)])
    mine = score_T[label]
    score_T[label] = 0
    others = np.float32(0)
    for t in range(len(score_T)):
        others += score_T[t]
    inverse = np.float32(1) / (mine + others)
    for t in range(len(score_T)):
        score_T[t] *= inverse
    score_T[label] = -others * inverse  # p - 1, without the rounding of a p near 1
    return gap + np.log(np.float64(mine + others)) + 0.0 * np.float64(seen)


@kernel(reorder=True)
def _logistic(score_T, yes_T, scratch):
    """Scores become sigmoid - truth; returns the sum of the logistic losses in nats.

    With e = exp(-|score|) a row's loss is log(1 + e), and |score| more where the score has the wrong sign;
    the logarithms are taken of products of up to 512 of them.
    """
    size, part_T = len(score_T), scratch.part
    for t in range(size):
        part_T[t] = -abs(score_T[t])
    _exp(part_T[:size], scratch.bits[:size])
    loss = 0.0
    for first in range(0, size, _FACTORS):
        product, excess = 1.0, np.float32(0)
        for t in range(first, min(first + _FACTORS, size)):
            score, e = score_T[t], part_T[t]
            up, yes = score > 0, yes_T[t] > 0
            product *= np.float64(1 + e)
            excess += np.float32(0) * score if up == yes else abs(score)
            size_of_error = (e if up == yes else np.float32(1)) / (np.float32(1) + e)
            score_T[t] = -size_of_error if yes else size_of_error
        loss += np.log(product) + np.float64(excess)
    return loss
