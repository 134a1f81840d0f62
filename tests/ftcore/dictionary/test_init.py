"""Initial vectors: pure functions of (seed, number, column), uniform, the same bits everywhere."""

import numpy as np
import pytest

from ftcore.dictionary.init import bucket_numbers, initial_rows, word_numbers


def slow(seed: int, number: int, dim: int) -> list[float]:
    mask = (1 << 64) - 1
    golden = 0x9E3779B97F4A7C15

    def mix(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask
        return x ^ x >> 31

    state = mix(mix(seed + golden & mask) ^ (number * golden + 1 & mask))
    found = []
    for _ in range(dim):
        state = state + golden & mask
        u = (mix(state) >> 40) / 2**23 - 1  # exact in float32 as in float64
        found.append(float(np.float32(u) * (np.float32(1) / np.float32(dim))))
    return found


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_equals_integer_arithmetic(seed):
    numbers = np.concatenate([word_numbers(3), bucket_numbers(np.array([0, 7, 1_999_999_999]))])
    got = initial_rows(seed, numbers, 5)
    assert got.dtype == np.float32
    assert got.tolist() == [slow(seed, int(n), 5) for n in numbers]


def test_rows_do_not_depend_on_each_other():
    numbers = bucket_numbers(np.array([3, 1, 4, 1]))
    whole = initial_rows(5, numbers, 7)
    assert (whole[1] == whole[3]).all()
    for i in range(4):
        assert (initial_rows(5, numbers[i : i + 1], 7)[0] == whole[i]).all()
    assert len(initial_rows(5, numbers[:0], 7)) == 0


def test_words_and_buckets_differ_and_so_do_seeds():
    assert not (
        initial_rows(0, word_numbers(1), 50) == initial_rows(0, bucket_numbers(np.array([0])), 50)
    ).any()
    assert not (initial_rows(0, word_numbers(1), 50) == initial_rows(1, word_numbers(1), 50)).all()


def test_uniform_between_the_bounds():
    dim = 20
    rows = initial_rows(3, word_numbers(20_000), dim) * dim
    assert rows.min() >= -1 and rows.max() < 1
    counts, _ = np.histogram(rows, bins=20, range=(-1, 1))
    expected = rows.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 50  # chi-square, 19 degrees: p = 1e-4 at 50.8
    assert abs(np.corrcoef(rows[:, 0], rows[:, 1])[0, 1]) < 0.03
    assert abs(np.corrcoef(rows[:-1, 0], rows[1:, 0])[0, 1]) < 0.03


def test_threads_fill_the_same_rows():
    numbers = bucket_numbers(np.arange(20_001))
    one, many = (initial_rows(5, numbers, 53, threads=threads) for threads in (1, 3))
    assert one.size > 1 << 20
    assert (one == many).all()
