"""The k-means of product quantisation, bit for bit the original's, many times faster.

The original's result depends on its generator (minstd from 1234, carried from piece to piece), on
libstdc++'s ``std::shuffle``, on the order of float32 sums and on the first of equally near centroids
winning. All that is kept; the time goes into distances, which are independent of each other and so may
be taken many centroids at a time and by several threads (`ftcore/native/kernels/nearest.h`, `quantize.h`).

Builds of the original differ in one thing: with ``-march=native`` a square is added without being rounded
first. That shows only where centroids lie 1e-7 apart, which they do after an empty cluster was filled.
``fused`` follows such a build, without it the results are those of the plain one that pip makes.

Source: fastText 0.9.3 ``src/productquantizer.cc``; GCC ``libstdc++-v3/include/bits/stl_algo.h``
(``std::shuffle``, ``__gen_two_uniform_ints``), ``bits/uniform_int_dist.h`` and ``bits/random.tcc``
(``generate_canonical``).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ftcore import native

KSUB = 256  # centroids of a piece; a code is one byte
MAX_POINTS = 65_536  # max_points_per_cluster * ksub
_SEED, _ITERATIONS, _EPSILON = 1234, 25, 1e-7


def train_pieces(
    points: Callable[[np.ndarray, int, int], np.ndarray],
    rows: int,
    dim: int,
    dsub: int,
    threads: int = 1,
    fused: bool = False,
) -> np.ndarray:
    """Centroids of every piece of a row: float32[dim * 256], piece after piece (``ProductQuantizer::train``).

    Args:
        points: (row numbers int64[n], first column, columns) -> float32[n, columns], contiguous.
        rows: 256 at least.
        dim: columns of a row.
        dsub: columns of a piece.
        threads: share the search for the nearest centroid; the result does not depend on them.
        fused: see above.
    """
    state = np.array([_SEED], np.uint64)
    order = np.arange(rows)
    centroids = np.zeros(dim * KSUB, np.float32)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, dim, dsub):
            width = min(dsub, dim - start)
            if rows > MAX_POINTS:
                native.shuffle(order, state)
            piece = centroids[start * KSUB : (start + width) * KSUB].reshape(KSUB, width)
            _kmeans(points(order[:MAX_POINTS], start, width), piece, state, pool, threads, fused)
    return centroids


def nearest(points: np.ndarray, centroids: np.ndarray, codes: np.ndarray, fused: bool = False) -> None:
    """The nearest centroid of each point, the first of equally near ones, into ``codes`` uint8[n].

    Args:
        points: float32[n, d].
        centroids: float32[256, d].
    """
    native.nearest(points, centroids, codes, fused)


def _kmeans(
    points: np.ndarray,
    centroids: np.ndarray,
    state: np.ndarray,
    pool: ThreadPoolExecutor,
    threads: int,
    fused: bool,
) -> None:
    order = np.arange(len(points))
    native.shuffle(order, state)
    centroids[:] = points[order[:KSUB]]
    codes = np.empty(len(points), np.uint8)
    cuts = np.linspace(0, len(points), threads + 1).astype(int).tolist()
    parts = [slice(a, b) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    for _ in range(_ITERATIONS):
        jobs = [pool.submit(nearest, points[part], centroids, codes[part], fused) for part in parts[1:]]
        nearest(points[parts[0]], centroids, codes[parts[0]], fused)
        for job in jobs:
            job.result()
        native.move_centroids(points, codes, centroids, state, _EPSILON)
