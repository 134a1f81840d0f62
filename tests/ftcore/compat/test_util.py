"""`util` against the original's functions on the same numbers."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.compat import util
from ftcore.errors import UserError
from tests.reference.peer import run_peer


def test_precision_and_recall_are_the_originals():
    rng = np.random.default_rng(0)
    lines = [
        [
            rng.choice(list("abcd"), rng.integers(0, 4)).tolist(),
            rng.choice(list("abcd"), rng.integers(1, 4)).tolist(),
        ]
        for _ in range(50)
    ]
    found = run_peer(
        "import json\n"
        "from fasttext import util\n"
        "lines = json.loads(str(given['lines']))\n"
        "out['all'] = np.array([util.test(*zip(*lines), k=k) for k in (1, 3)])\n",
        lines=np.array(json.dumps(lines)),
    )
    said, true = zip(*lines, strict=True)
    assert [list(util.test(said, true, k=k)) for k in (1, 3)] == found["all"].tolist()


@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 9), max_size=9))
def test_nearest_neighbor_is_the_largest_product_left(seed: int, banned: set[int]):
    rng = np.random.default_rng(seed)
    vectors, query = rng.normal(size=(10, 3)), rng.normal(size=3)
    best = max((i for i in range(10) if i not in banned), key=lambda i: float(vectors[i] @ query))
    out = np.empty(10)
    assert util.find_nearest_neighbor(query, vectors, banned) == best
    assert util.find_nearest_neighbor(query, vectors, banned, out) == best
    assert np.allclose(out, vectors @ query)


def test_nearest_neighbor_of_banned_rows_only():
    with pytest.raises(UserError, match="all 3 rows are in ban_set"):
        util.find_nearest_neighbor(np.ones(2), np.ones((3, 2)), {0, 1, 2})


def test_download(tmp_path, monkeypatch, capsys):
    with gzip.open(tmp_path / "cc.xx.300.bin.gz", "wb") as file:
        file.write(b"vectors" * 1000)
    monkeypatch.setattr(util, "VECTORS", tmp_path.as_uri())
    monkeypatch.chdir(tmp_path)
    assert util.download_model("xx") == "cc.xx.300.bin"
    assert (tmp_path / "cc.xx.300.bin").read_bytes() == b"vectors" * 1000
    assert util.download_model("xx") is None
    assert "File exists" in capsys.readouterr().out
    assert util.download_model("xx", if_exists="ignore") == "cc.xx.300.bin"
    with pytest.raises(UserError, match="Invalid lang id"):
        util.download_model("../xx")


def test_a_broken_download_leaves_nothing(tmp_path, monkeypatch):
    whole = gzip.compress(bytes(np.random.default_rng(0).bytes(100_000)))
    (tmp_path / "cc.xx.300.bin.gz").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(util, "VECTORS", tmp_path.as_uri())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EOFError):
        util.download_model("xx")
    assert [p.name for p in tmp_path.iterdir()] == ["cc.xx.300.bin.gz"]


def test_the_module_has_its_old_address():
    code = "import ftcore as fasttext, ftcore.util; assert fasttext.util.test is ftcore.util.test"
    subprocess.run([sys.executable, "-c", code], check=True)
