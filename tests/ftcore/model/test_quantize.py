"""Product quantisation: its parts against slow, obvious ones, and k-means in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.errors import UserError
from ftcore.model import kmeans
from ftcore.model.quantize import ProductQuantizer, QuantMatrix, row_norms

MODULUS = 2**31 - 1


class Minstd:
    """std::minstd_rand and the distributions of libstdc++ on it, in Python integers."""

    def __init__(self) -> None:
        self.x = 1234

    def draw(self) -> int:
        self.x = 48271 * self.x % MODULUS
        return self.x

    def below(self, n: int) -> int:
        scaling = (MODULUS - 2) // n
        while True:
            x = self.draw() - 1
            if x < n * scaling:
                return x // scaling

    def unit(self) -> float:
        low, high = self.draw() - 1, self.draw() - 1
        return (low + high * (MODULUS - 1)) / (MODULUS - 1) ** 2

    def shuffle(self, items: list) -> None:
        n = len(items)
        if (MODULUS - 2) // n < n:
            for i in range(1, n):
                self.swap(items, i, self.below(i + 1))
            return
        i = 1
        if n % 2 == 0:
            self.swap(items, 1, self.below(2))
            i = 2
        while i < n:
            a, b = divmod(self.below((i + 1) * (i + 2)), i + 2)
            self.swap(items, i, a)
            self.swap(items, i + 1, b)
            i += 2

    @staticmethod
    def swap(items: list, a: int, b: int) -> None:
        items[a], items[b] = items[b], items[a]


def slow_centroids(rows: np.ndarray, dsub: int) -> np.ndarray:
    """ProductQuantizer::train, one float32 after another; for at most 65,536 rows."""
    rng, found = Minstd(), []
    for start in range(0, rows.shape[1], dsub):
        x = np.ascontiguousarray(rows[:, start : start + dsub])
        n, d = x.shape
        order = list(range(n))
        rng.shuffle(order)
        c = x[order[:256]].copy()
        for _ in range(25):
            distance = np.zeros((n, 256), np.float32)
            for j in range(d):
                step = x[:, j, None] - c[None, :, j]
                distance += step * step
            codes = distance.argmin(axis=1)  # the first of equal ones
            c[:] = 0
            count = [0] * 256
            for i, k in enumerate(codes.tolist()):
                c[k] += x[i]
                count[k] += 1
            for k in range(256):
                if count[k]:
                    c[k] /= np.float32(count[k])
            for k in range(256):
                if count[k] == 0:
                    m = 0
                    while rng.unit() * (n - 256) >= count[m] - 1:
                        m = (m + 1) % 256
                    sign = np.where(np.arange(d) % 2 == 1, np.float32(1e-7), np.float32(-1e-7))
                    c[k] = c[m] + sign
                    c[m] -= sign
                    count[k] = count[m] // 2
                    count[m] -= count[k]
        found.append(c.ravel())
    return np.concatenate(found)


@pytest.mark.parametrize("rows", ["all different", "many alike", "few values"])
def test_centroids_equal_a_slow_kmeans(rows: str):
    """Rows that are alike leave clusters empty, which draws random numbers and moves every later piece."""
    rng = np.random.default_rng(5)
    table = rng.normal(size=(400, 5)).astype(np.float32)
    if rows == "many alike":
        table[50:] = table[rng.integers(0, 50, 350)]
    if rows == "few values":
        table = np.round(table)
    quantizer = ProductQuantizer.train(table, 2)
    assert (quantizer.nsubq, quantizer.last) == (3, 1)
    assert np.array_equal(quantizer.centroids, slow_centroids(table, 2))
    assert np.array_equal(ProductQuantizer.train(table, 2, threads=3).centroids, quantizer.centroids)


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 1000, 46_340, 46_341, 50_000])
def test_shuffle_is_libstdcpps(n: int):
    """Up to 46,340 items one draw serves two swaps."""
    slow, order = list(range(n)), np.arange(n)
    rng, state = Minstd(), np.array([1234], np.uint64)
    rng.shuffle(slow)
    native.shuffle(order, state)
    assert order.tolist() == slow and int(state[0]) == rng.x


def test_nearest_takes_the_first_of_equal_ones():
    centroids = np.zeros((256, 3), np.float32)
    centroids[:7] = 9
    points = np.float32([[0.5, 0, 0], [9, 9, 9]])
    codes = np.empty(2, np.uint8)
    kmeans.nearest(points, centroids, codes)
    assert codes.tolist() == [7, 0]


@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, 3e38])
def test_nearest_where_something_is_not_a_number(odd: float):
    """`disij < dis` is never true of NaN: such a centroid never wins, unless it is the first."""
    rng = np.random.default_rng(0)
    points, centroids = (
        rng.normal(size=(50, 3)).astype(np.float32),
        rng.normal(size=(256, 3)).astype(np.float32),
    )
    points[::7, 1] = odd
    centroids[3:9, 2] = odd
    codes = np.empty(50, np.uint8)
    kmeans.nearest(points, centroids, codes)
    for point, code in zip(points, codes, strict=True):
        best, least = 0, None
        for k in range(256):
            distance = np.float32(0)
            with np.errstate(all="ignore"):
                for j in range(3):
                    step = point[j] - centroids[k, j]
                    distance += step * step
            if least is None or distance < least:
                best, least = k, distance
        assert code == best


@settings(max_examples=20, deadline=None)
@given(dim=st.integers(1, 9), dsub=st.integers(1, 12), qnorm=st.booleans(), seed=st.integers(0, 99))
def test_a_quantised_table_is_its_centroids(dim: int, dsub: int, qnorm: bool, seed: int):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(300, dim)).astype(np.float32)
    table[rng.integers(0, 300, 5)] = 0
    before = table.copy()
    made = QuantMatrix.train(table, dsub, qnorm, threads=2)
    assert np.array_equal(table, before) and made.shape == (300, dim) and len(made) == 300
    pieces = math.ceil(dim / dsub)
    assert made.codes.shape == (300, pieces) and made.qnorm == qnorm
    rows = np.empty((300, dim), np.float32)
    for i in range(300):
        norm = made.norm_quantizer.centroids[made.norm_codes[i]] if qnorm else np.float32(1)
        for j in range(dim):
            rows[i, j] = norm * made.quantizer.piece(j // dsub)[made.codes[i, j // dsub], j % dsub]
    assert np.array_equal(made.dense(), rows)
    ids = rng.integers(0, 300, 40)
    assert np.array_equal(made.gather(ids), rows[ids])
    hidden = rng.normal(size=(4, dim)).astype(np.float32)
    np.testing.assert_allclose(made.dots(hidden), hidden @ rows.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made.dot(hidden[0]), rows @ hidden[0], rtol=1e-4, atol=1e-4)


def test_rows_come_close_to_what_they_were():
    """The relative error of 256 centroids a pair of columns, in rows of very different length."""
    rng = np.random.default_rng(1)
    table = rng.normal(size=(5000, 8)).astype(np.float32) * rng.exponential(size=(5000, 1)).astype(np.float32)
    errors = {}
    for qnorm in (False, True):
        made = QuantMatrix.train(table, 2, qnorm)
        errors[qnorm] = float(np.linalg.norm(made.dense() - table) / np.linalg.norm(table))
        assert made.nbytes < table.nbytes / 3
    assert errors[True] < 0.1 < errors[False] < 0.2, errors  # lengths vary here: that is what qnorm is for


def test_any_row_source_gives_the_same():
    """Rows may be made when they are asked for, as those of buckets without memory are."""
    table = np.random.default_rng(2).normal(size=(70_000, 3)).astype(np.float32)

    class Made:
        shape = table.shape

        def __getitem__(self, rows):
            return table[rows]

    for qnorm in (False, True):
        one, other = QuantMatrix.train(table, 2, qnorm), QuantMatrix.train(Made(), 2, qnorm)
        assert np.array_equal(one.codes, other.codes)
        assert np.array_equal(one.quantizer.centroids, other.quantizer.centroids)


def test_row_norms_are_rounded_as_the_originals():
    """Squares in float32, their sum in float64, the root in float32."""
    rng = np.random.default_rng(3)
    table = (rng.normal(size=(50, 7)) * 1e-3).astype(np.float32)
    expected = [np.float32(math.sqrt(sum(float(np.float32(x * x)) for x in row))) for row in table]
    assert row_norms(table).tolist() == [float(x) for x in expected]


def test_mistakes_are_told():
    table = np.ones((300, 4), np.float32)
    with pytest.raises(UserError, match="at least 256 rows; this one has 255"):
        QuantMatrix.train(table[:255], 2)
    with pytest.raises(UserError, match="dsub must be at least 1"):
        QuantMatrix.train(table, 0)
    table[3, 1] = np.nan
    with pytest.raises(UserError, match=r"Encountered NaN\."):
        QuantMatrix.train(table, 2, qnorm=True)
    with pytest.raises(UserError, match="belong together"):
        QuantMatrix(
            np.zeros((1, 1), np.uint8),
            ProductQuantizer(1, 1, np.zeros(256, np.float32)),
            np.zeros(1, np.uint8),
        )
