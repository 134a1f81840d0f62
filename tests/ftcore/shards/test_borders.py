"""Where shards end, against the plain rule, and that a change moves the borders near it alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.shards.borders import shard_borders


def plainly(hashes, rows):
    """The rule, a document at a time."""
    n, half = len(hashes), max(1, rows // 2)
    least = [
        i
        for i in range(half, n - half)
        if all(hashes[i] < other for other in hashes[i - half : i])
        and all(hashes[i] <= other for other in hashes[i + 1 : i + half + 1])
    ]
    borders = [0]
    for border in [*least, n]:
        while border - borders[-1] > 4 * rows:
            borders.append(borders[-1] + rows)
        borders.append(border)
    return borders


@settings(deadline=None, max_examples=200)
@given(hashes=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 3), max_size=120), rows=st.integers(1, 30))
def test_the_rule(hashes, rows):
    assert shard_borders(np.array(hashes, np.uint32), rows) == plainly(hashes, rows)


def test_sizes():
    hashes = np.random.default_rng(1).integers(0, 2**32, 200_000, dtype=np.uint32)
    borders = shard_borders(hashes, 1000)
    sizes = np.diff(borders)
    assert borders[0] == 0 and borders[-1] == len(hashes)
    assert sizes.min() >= 500 and sizes.max() <= 4000 and 900 < sizes.mean() < 1100
    assert shard_borders(np.zeros(100_000, np.uint32), 1000)[:4] == [
        0,
        1000,
        2000,
        3000,
    ]  # one text over and over


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 1000),
    where=st.floats(0, 1),
    gone=st.integers(0, 60),
    new=st.lists(st.integers(0, 2**32 - 1), max_size=60),
)
def test_a_change_moves_near_borders_alone(seed, where, gone, new):
    rows = 40
    hashes = np.random.default_rng(seed).integers(0, 2**32, 3000, dtype=np.uint32)
    at = int(where * len(hashes))
    changed = np.concatenate([hashes[:at], np.array(new, np.uint32), hashes[at + gone :]])
    before, after = shard_borders(hashes, rows), shard_borders(changed, rows)
    shift = len(changed) - len(hashes)
    assert [b for b in before if b < at - rows] == [b for b in after if b < at - rows]
    behind = at + gone + rows
    assert [b + shift for b in before if b > behind] == [b for b in after if b > behind + shift]
