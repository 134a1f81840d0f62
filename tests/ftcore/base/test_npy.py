"""A .npy file that grows: what numpy would have written."""

from __future__ import annotations

import numpy as np
import pytest

from ftcore.base.npy import GrowingNpy


@pytest.mark.parametrize(("dtype", "row"), [(np.int32, ()), ("<u8", (2,))])
@pytest.mark.parametrize("sizes", [[], [0], [3, 0, 40_000], [1] * 11])
def test_it_is_the_file_of_the_whole(tmp_path, dtype, row, sizes):
    pieces = [np.random.default_rng(n).integers(0, 1 << 30, (n, *row)).astype(dtype) for n in sizes]
    grown = GrowingNpy(tmp_path / "a.npy", dtype, row)
    for piece in pieces:
        grown.append(piece)
    grown.close()
    whole = np.concatenate([np.zeros((0, *row), dtype), *pieces])
    np.save(tmp_path / "b.npy", whole)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
