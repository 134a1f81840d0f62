"""fastText's training, one pair at a time in plain Python and float64: slow, obvious, the yardstick.

Written from `fasttext.cc`, `model.cc` and `loss.cc`; sigmoid and logarithm are exact where the original
reads tables. (`table_sigmoid` reads the sigmoid's too.) Random numbers come from outside: the discards, windows, negatives and label draws.
"""

import math

import numpy as np


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def table_sigmoid(x: float) -> float:
    """The original's: 512 bins over [-8, 8], read at a bin's lower edge (loss.cc)."""
    if abs(x) > 8:
        return float(x > 0)
    return sigmoid(int((x + 8) * 512 / 16) * 16 / 512 - 8)


class Model:
    """Two matrices, a loss, and one `update`: model.cc's `Model::update`."""

    def __init__(self, input, output, loss, counts, divide, sigmoid=sigmoid):
        self.input = np.array(input, dtype=np.float64)
        self.output = np.array(output, dtype=np.float64)
        self.loss, self.divide, self.sigmoid = loss, divide, sigmoid
        self.paths = tree_paths(list(counts)) if loss == "hs" else None

    def update(self, rows, target, lr, negatives=(), lr_head=None, weight=1.0):
        """`rows`: the bag. `target`: a row of the output, or a list of them for ova."""
        if len(rows) == 0:
            return
        head = lr if lr_head is None else lr_head
        hidden = np.mean([self.input[r] for r in rows], axis=0)
        grad = np.zeros_like(hidden)  # of the loss, to be subtracted
        if self.loss == "ns":
            grad += self.logistic(hidden, target, 1.0, head, weight)
            for negative in negatives:  # one after another: a row drawn twice is moved twice
                grad += self.logistic(hidden, negative, 0.0, head, weight)
        elif self.loss == "hs":
            for node, code in self.paths[target]:
                grad += self.logistic(hidden, node, code, head, weight)
        elif self.loss == "ova":
            for row in range(len(self.output)):
                grad += self.logistic(hidden, row, float(row in target), head, weight)
        else:
            score = self.output @ hidden
            p = np.exp(score - score.max())
            p /= p.sum()
            for row in range(len(self.output)):
                error = weight * (p[row] - (row == target))
                grad += error * self.output[row]
                self.output[row] -= head * error * hidden
        if self.divide:
            grad /= len(rows)
        for r in rows:
            self.input[r] -= lr * grad

    def logistic(self, hidden, row, truth, lr, weight):
        error = weight * (self.sigmoid(self.output[row] @ hidden) - truth)
        grad = error * self.output[row]
        self.output[row] -= lr * error * hidden
        return grad


def tree_paths(counts):
    """[(node, code), ...] from each leaf up: `HierarchicalSoftmaxLoss::buildTree`."""
    n = len(counts)
    count = counts + [10**15] * (n - 1)
    parent, code = [-1] * (2 * n - 1), [0] * (2 * n - 1)
    leaf, node = n - 1, n
    for i in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and count[leaf] < count[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        count[i] = count[pair[0]] + count[pair[1]]
        parent[pair[0]] = parent[pair[1]] = i
        code[pair[1]] = 1
    paths = []
    for i in range(n):
        path, j = [], i
        while parent[j] >= 0:
            path.append((parent[j] - n, float(code[j])))
            j = parent[j]
        paths.append(path)
    return paths


def kept_tokens(lines, counts, ntokens, t, uniforms):
    """[(word, tokens before it)] per line after the discard; one uniform draw per token."""
    kept, seen = [], 0
    for line in lines:
        now = []
        for word in line:
            share = counts[word] / ntokens
            if uniforms[seen] <= math.sqrt(t / share) + t / share:
                now.append((word, seen))
            seen += 1
        kept.append(now)
    return kept


def windows_of(kept, widths):
    """[(place, centre, [context words])] in order; one width per kept token."""
    found, k = [], 0
    for line in kept:
        for i, (word, place) in enumerate(line):
            width = widths[k]
            k += 1
            context = [line[j][0] for j in range(i - width, i + width + 1) if j != i and 0 <= j < len(line)]
            found.append((place, word, context))
    return found
