import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import UserError
from ftcore.shards.dedup import find_duplicates


def save(folder, parts):
    paths = []
    for index, keys in enumerate(parts):
        paths.append(folder / f"keys{index}.npy")
        np.save(paths[-1], np.asarray(keys, np.uint64).reshape(-1, 2))
    return paths


key = st.tuples(st.integers(0, 3).map(lambda x: x << 62 | x << 31), st.integers(0, 2))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(key, max_size=12), max_size=5), st.sampled_from([1, 3, 1 << 18]))
def test_the_first_copy_stays(tmp_path_factory, parts, partition):
    folder = tmp_path_factory.mktemp("keys")
    seen, expected = {}, []
    for row, k in enumerate(k for keys in parts for k in keys):
        if seen.setdefault(k, row) != row:
            expected.append((row, seen[k]))
    found = find_duplicates(save(folder, parts), partition=partition)
    assert list(zip(found.rows.tolist(), found.kept.tolist(), strict=True)) == expected
    assert (found.similarity == 1).all()


def test_keys_that_share_one_half_are_not_copies(tmp_path):
    assert len(find_duplicates(save(tmp_path, [[(1, 2), (1, 3), (2, 2)]])).rows) == 0


def test_memory_is_below_32_bytes_a_document(tmp_path):
    rng = np.random.default_rng(0)
    n = 2_000_000
    keys = rng.integers(0, 1 << 63, (n, 2), np.uint64)
    keys[n // 2 :] = keys[: n // 2]
    paths = save(tmp_path, np.split(keys, 4))
    del keys
    tracemalloc.start()
    assert len(find_duplicates(paths).rows) == n // 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * n


def test_damaged_and_missing_files(tmp_path):
    with pytest.raises(UserError, match="keys9.npy: no such file"):
        find_duplicates([tmp_path / "keys9.npy"])
    (tmp_path / "bad.npy").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="bad.npy: not a file of keys"):
        find_duplicates([tmp_path / "bad.npy"])
    np.save(tmp_path / "flat.npy", np.zeros(4, np.uint64))
    with pytest.raises(UserError, match="flat.npy: keys must be uint64"):
        find_duplicates([tmp_path / "flat.npy"])
