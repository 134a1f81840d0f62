"""``import ftcore.util``, as ``import fasttext.util``: scores of predictions, nearest neighbour, smaller models, the published vectors.

Source: fastText 0.9.3 ``python/fasttext_module/fasttext/util/util.py``.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from ftcore.errors import UserError

VECTORS = "https://dl.fbaipublicfiles.com/fasttext/vectors-crawl"
_SAMPLE = 100_000  # rows that the principal axes are computed from


def test(predictions: Iterable[Sequence], labels: Iterable[Sequence], k: int = 1) -> tuple[float, float]:
    """Precision at k (over k predictions a line, however many there are) and recall.

    Example:
        >>> test([["a"], ["b"]], [["a", "c"], ["a"]])
        (0.5, 0.3333333333333333)
    """
    hits, examples, gold = 0.0, 0, 0
    for found, true in zip(predictions, labels, strict=False):
        hits += sum(label in true for label in found)
        examples += 1
        gold += len(true)
    return hits / (k * examples), hits / gold


test.__test__ = False  # type: ignore[attr-defined]  # its name makes pytest take it for a test


def find_nearest_neighbor(
    query: np.ndarray, vectors: np.ndarray, ban_set: Collection[int], cossims: np.ndarray | None = None
) -> int:
    """Row of ``vectors`` [N, D] with the largest product with ``query`` [D], banned rows left out.

    Args:
        cossims: [N], where the products are written; spares an allocation.

    Example:
        >>> find_nearest_neighbor(np.array([1.0, 0.0]), np.eye(2), {0})
        1
    """
    cossims = np.matmul(vectors, query, out=cossims)
    left = np.array(cossims, dtype=np.float64)
    left[list(ban_set)] = -np.inf
    best = int(left.argmax())
    if best in ban_set:
        raise UserError(f"all {len(left)} rows are in ban_set; there is no neighbour left")
    return best


def reduce_model(ft_model: Any, target_dim: int) -> Any:
    """Project both matrices of a model, in place, on the input's principal axes; returns the model.

    The original takes the axes in the order its eigenvalue solver leaves them, here the largest come first.

    Args:
        ft_model: of `ftcore.load_model` or a training function.
        target_dim: size of the vectors afterwards.

    Raises:
        UserError: a quantised model, or a ``target_dim`` that is not from 1 up to the model's.
    """
    dim = ft_model.get_dimension()
    if not 1 <= target_dim <= dim:
        raise UserError(f"target_dim = {target_dim}: give a size from 1 up to the model's {dim}")
    input_RD = ft_model.get_input_matrix()
    sample_RD = input_RD[:_SAMPLE]
    sample_RD = sample_RD - sample_RD.mean(axis=0, dtype=np.float32)
    covariance_DD = sample_RD.T @ sample_RD / np.float32(max(len(sample_RD) - 1, 1))
    values_D, axes_DD = np.linalg.eigh(covariance_DD)
    axes = axes_DD[:, np.argsort(-values_D, kind="stable")[:target_dim]]
    ft_model.set_matrices(input_RD @ axes, ft_model.get_output_matrix() @ axes)
    return ft_model


def download_model(lang_id: str, if_exists: str = "strict", dimension: int | None = None) -> str | None:
    """Fetch ``cc.LANG.300.bin``, vectors of Common Crawl and Wikipedia, into the working directory.

    Args:
        lang_id: en, zh, … (157 languages, listed at fasttext.cc).
        if_exists: ignore (take the file that is there), strict (say so, return None), overwrite.
        dimension: without effect, as in the original.

    Returns:
        the file's name.
    """
    if not re.fullmatch(r"[a-z]{2,3}", lang_id):
        raise UserError(f"Invalid lang id {lang_id!r}. Give the code of a language, such as en or zh")
    if if_exists not in ("ignore", "strict", "overwrite"):
        raise UserError(f"if_exists = {if_exists!r}: choose ignore, strict or overwrite")
    name = f"cc.{lang_id}.300.bin"
    if os.path.isfile(name) and if_exists != "overwrite":
        if if_exists == "ignore":
            return name
        print("File exists. Use if_exists='overwrite' to download anyway.")
        return None
    print(f"Downloading {VECTORS}/{name}.gz")
    part = Path(f"{name}.part")
    try:
        with urlopen(f"{VECTORS}/{name}.gz") as packed, gzip.open(packed) as data, part.open("wb") as file:
            shutil.copyfileobj(data, file, 1 << 20)
        part.replace(name)
    finally:
        part.unlink(missing_ok=True)
    return name
