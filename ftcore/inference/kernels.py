"""The loops of inference: means of rows, products, and fastText's choice of the best.

All kernels of this room live here because they call each other (see `ftcore.model.kernel`). Each line
is computed by itself, in the order of its features, by the same machine code whoever its neighbours
are: that is why a batch, a thread and a single line give the same bits.

Shape suffixes: B lines, N features of all lines, C output rows, D vector size.
"""

from __future__ import annotations

import numpy as np

from ftcore.model.kernel import kernel

SOFTMAX, SIGMOID, TREE = 0, 1, 2  # what makes probabilities of scores


# ----------------------------------------------------------------------------------------------- text
@kernel
def join_rows(data, offsets, out):
    """Write ``data[offsets[b]:offsets[b + 1]]`` and a newline for each row, then zeros.

    A newline within a row becomes a space.
    """
    at = 0
    for b in range(len(offsets) - 1):
        row = data[
            offsets[b] : offsets[b + 1]
        ]  # slices: indices from 0 on need no test, so this runs in SIMD
        to = out[at : at + len(row)]
        for j in range(len(row)):
            to[j] = np.uint8(32) if row[j] == 10 else row[j]
        at += len(row)
        out[at] = 10
        at += 1
    out[at:] = 0


# ------------------------------------------------------------------------------------- rows and means
@kernel(reorder=True)
def mean_rows(table, extra, ids, offsets, out):
    """Mean of each line's rows; zero for a line without any.

    Args:
        table: float32[R, D]. extra: float32[E, D], rows that are in no table.
        ids: int[N], rows of ``table``, or ``-1 - row`` of ``extra``. offsets: int64[B + 1].
        out: float32[B, D], filled.
    """
    dim = out.shape[1]
    for b in range(len(offsets) - 1):
        hidden = out[b]
        hidden[:] = 0
        for i in range(offsets[b], offsets[b + 1]):
            row = np.int64(ids[i])
            source = table[np.uint64(row)] if row >= 0 else extra[np.uint64(-1 - row)]
            for j in range(dim):
                hidden[j] += source[j]
        if offsets[b + 1] > offsets[b]:
            scale = np.float32(1.0 / (offsets[b + 1] - offsets[b]))
            for j in range(dim):
                hidden[j] *= scale


@kernel
def keep_rows(ids, offsets, nwords, rows, out, ends):
    """Full numbering -> rows, features without a row left out. ``out`` int32[N], ``ends`` int64[B + 1]."""
    n = 0
    ends[0] = 0
    for b in range(len(offsets) - 1):
        for i in range(offsets[b], offsets[b + 1]):
            row = ids[i]
            if row >= nwords:
                row = rows[row - nwords]
            if row >= 0:
                out[n] = row
                n += 1
        ends[b + 1] = n
    return n


@kernel
def mean_features(ids, lines, nwords, table, rows, pruned, none, out, offsets):
    """`mean_rows` of features, full numbering; False where one is in no table and has to be made from the seed.

    Args:
        rows: int32[bucket], as of `keep_rows`, or none where every bucket has its row. pruned: those without a
            row are left out. none: float32[0, D]. offsets: int64[B + 1], filled: the features that counted.
    """
    if len(rows) == 0:
        offsets[:] = lines
        mean_rows(table, none, ids, lines, out)
        return True
    kept = np.empty(len(ids), np.int32)
    size = keep_rows(ids, lines, nwords, rows, kept, offsets)
    if size == len(ids) or pruned:
        mean_rows(table, none, kept[:size], offsets, out)
    return size == len(ids) or pruned


@kernel
def add_unit(vector, total):
    """Add a vector float32[D], divided by its length, to another; whether it has a length."""
    square = np.float32(0)
    for j in range(len(vector)):
        square += vector[j] * vector[j]
    if square > 0:
        scale = np.float32(1.0 / np.float64(np.sqrt(square)))
        for j in range(len(vector)):
            total[j] += scale * vector[j]
    return square > 0


@kernel
def bucket_places(ids, nwords, rows, out):
    """Full numbering -> rows, ``-1 - bucket`` where a bucket has none."""
    for i in range(len(ids)):
        out[i] = ids[i]
        if ids[i] >= nwords:
            row = rows[ids[i] - nwords]
            out[i] = row if row >= 0 else nwords - 1 - ids[i]


# ----------------------------------------------------------------------------------- scores of a line
@kernel(reorder=True)
def _dot(a, b):
    total = np.float32(0)
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@kernel
def products(hidden, output, out):
    """hidden · outputᵀ: float32[B, C], each a single dot product (no blocks that depend on B)."""
    for c0 in range(0, len(output), 64):  # 64 rows stay in the cache for all lines
        for b in range(len(hidden)):
            for c in range(c0, min(c0 + 64, len(output))):
                out[b, c] = _dot(hidden[b], output[c])


@kernel
def fold_rows(rows, output, places, folded):
    """Enter ``rows`` · outputᵀ at ``places`` of the folded table; a zero as -0, since +0 means empty."""
    for i in range(len(places)):
        for c in range(len(output)):
            value = _dot(rows[i], output[c])
            folded[places[i], c] = value if value != 0 else np.float32(-0.0)


@kernel
def folded_means(folded, bits, ids, offsets, out, missing):
    """Mean of each line's rows of a folded table: its scores.

    Args:
        folded: float32[P, C], `fold_rows`. bits: the same memory as int32; 0 is an empty entry.
        ids: int32[N]. offsets: int64[B + 1]. out: float32[B, C], filled.
        missing: int32[N], filled with the ids that have an empty entry.

    Returns:
        how many are missing; ``out`` holds only if none is.
    """
    size = folded.shape[1]
    gone = 0
    for b in range(len(offsets) - 1):
        begin, end = offsets[b], offsets[b + 1]
        scale = np.float32(1.0 / (end - begin)) if end > begin else np.float32(0)
        if size == 2:
            first = np.float32(0)
            second = np.float32(0)
            for i in range(begin, end):
                row = np.uint64(ids[i])
                first += folded[row, 0]
                second += folded[row, 1]
                if bits[row, 0] == 0 or bits[row, 1] == 0:
                    missing[gone] = ids[i]
                    gone += 1
            out[b, 0] = first * scale
            out[b, 1] = second * scale
            continue
        scores = out[b]
        scores[:] = 0
        for i in range(begin, end):
            row = np.uint64(ids[i])
            full = True
            for c in range(size):
                scores[c] += folded[row, c]
                full &= bits[row, c] != 0
            if not full:
                missing[gone] = ids[i]
                gone += 1
        for c in range(size):
            scores[c] *= scale
    return gone


# -------------------------------------------------------------- libstdc++'s heap, the least score first
@kernel
def _sift(values, items, hole, value, item):
    """``__push_heap``."""
    while hole > 0:
        parent = (hole - 1) // 2
        if not values[parent] > value:
            break
        values[hole], items[hole] = values[parent], items[parent]
        hole = parent
    values[hole], items[hole] = value, item


@kernel
def _pop(values, items, size):
    """``pop_heap``: the least goes behind the others, which are a heap again."""
    last = size - 1
    value, item = values[last], items[last]
    values[last], items[last] = values[0], items[0]
    hole, child = 0, 0
    while child < (last - 1) // 2:
        child = 2 * child + 2
        if values[child] > values[child - 1]:
            child -= 1
        values[hole], items[hole] = values[child], items[child]
        hole = child
    if last % 2 == 0 and last > 0 and child == (last - 2) // 2:
        child = 2 * child + 1
        values[hole], items[hole] = values[child], items[child]
        hole = child
    _sift(values, items, hole, value, item)


@kernel
def _offer(values, items, size, k, value, item):
    """Push; if there are more than k now, drop the least. Returns the new size."""
    _sift(values, items, size, value, item)
    if size == k:
        _pop(values, items, size + 1)
        return size
    return size + 1


@kernel
def _finish(values, items, size):
    """``sort_heap``: the greatest first; equal ones as libstdc++ leaves them."""
    for left in range(size, 1, -1):
        _pop(values, items, left)


@kernel
def best_of(scores, banned, k):
    """The k greatest of scores float32[N] but for the ``banned`` places: (scores float32[n], places int64[n]).

    Source: ``FastText::getNN`` of fasttext.cc.
    """
    values = np.empty(k + 1, np.float32)
    items = np.empty(k + 1, np.int64)
    n = 0
    for i in range(len(scores)):
        if n == k and scores[i] < values[0]:
            continue
        free = True
        for place in banned:
            free &= place != i
        if free:
            n = _offer(values, items, n, k, scores[i], i)
    _finish(values, items, n)
    return values[:n], items[:n]


# ------------------------------------------------------------------------------------------ prediction
@kernel
def _log(p):
    """``std_log``."""
    return np.float32(np.log(np.float64(p) + 1e-5))


@kernel
def _probabilities(scores, kind, sigmoid):
    """In place: softmax, or the table's sigmoid (``computeOutput`` of the losses)."""
    if kind == SOFTMAX:
        top = scores[0]
        for c in range(1, len(scores)):
            top = max(top, scores[c])
        total = np.float32(0)
        for c in range(len(scores)):
            scores[c] = np.exp(scores[c] - top)
            total += scores[c]
        for c in range(len(scores)):
            scores[c] /= total
        return
    for c in range(len(scores)):
        x = scores[c]
        if x < -8:
            scores[c] = 0
        elif x > 8:
            scores[c] = 1
        elif x == x:  # NaN stays
            scores[c] = sigmoid[
                np.int64((x + np.float32(8)) * np.float32(512) / np.float32(8) / np.float32(2))
            ]


@kernel
def best_labels(scores, offsets, kind, sigmoid, k, threshold, labels, found, ends):
    """The k most probable labels of each line, as ``Loss::findKBest`` finds them.

    Args:
        scores: float32[B, C], becomes the probabilities. offsets: int64[B + 1], of the lines' features.
        sigmoid: float32[513]. threshold: float32, of the probability itself.
        labels: int32[B * k], found: float32[B * k] (probability + 1e-5, at most 1), ends: int64[B + 1]: filled.

    Returns:
        whether all probabilities are numbers.
    """
    values = np.empty(k + 1, np.float32)
    items = np.empty(k + 1, np.int32)
    at, sound = 0, True
    ends[0] = 0
    for b in range(len(scores)):
        line = scores[b]
        n = 0
        if offsets[b + 1] > offsets[b]:
            _probabilities(line, kind, sigmoid)
            for c in range(len(line)):
                p = line[c]
                sound &= p == p
                if p < threshold:
                    continue
                if n == k:
                    least = line[items[0]]
                    if p + np.float32(1e-5) < (least + np.float32(1e-5)) * np.float32(0.9999):
                        continue  # the logarithm, rounded, is less too
                value = _log(p)
                if n == k and value < values[0]:
                    continue
                n = _offer(values, items, n, k, value, np.int32(c))
            _finish(values, items, n)
        at = _write(values, items, n, labels, found, at)
        ends[b + 1] = at
    return sound


@kernel
def best_leaves(hidden, output, folded, offsets, left, right, k, threshold, labels, found, ends):
    """The same from a Huffman tree, as ``HierarchicalSoftmaxLoss::dfs`` walks it.

    Args:
        hidden: float32[B, D] and output float32[C, D]; or, if ``folded``, the nodes' scores float32[B, C].
        left, right: int32[C - 1], children of inner node C + i; below C they are labels.
    """
    osz = len(left) + 1
    values = np.empty(k + 1, np.float32)
    items = np.empty(k + 1, np.int32)
    nodes = np.empty(osz + 1, np.int32)
    sums = np.empty(osz + 1, np.float32)
    low = _log(threshold)
    at, sound = 0, True
    ends[0] = 0
    for b in range(len(hidden)):
        n = 0
        depth = 0
        if offsets[b + 1] > offsets[b]:
            nodes[0], sums[0] = 2 * osz - 2, 0
            depth = 1
        while depth > 0:
            depth -= 1
            node, total = nodes[depth], sums[depth]
            if total < low or (n == k and total < values[0]):
                continue
            if node < osz:
                n = _offer(values, items, n, k, total, node)
                continue
            inner = node - osz
            score = hidden[b, inner] if folded else _dot(hidden[b], output[inner])
            sound &= score == score
            p = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-score)))
            nodes[depth], sums[depth] = right[inner], total + _log(p)
            other = np.float32(1.0 - np.float64(p))
            nodes[depth + 1], sums[depth + 1] = left[inner], total + _log(other)  # walked first
            depth += 2
        _finish(values, items, n)
        at = _write(values, items, n, labels, found, at)
        ends[b + 1] = at
    return sound


@kernel
def _write(values, items, n, labels, found, at):
    for i in range(n):
        p = np.exp(values[i])
        labels[at + i] = items[i]
        found[at + i] = p if not p > 1 else np.float32(1)
    return at + n
