"""A model as fastText's own files hold it: arguments, dictionary, two matrices, dense or quantised.

The meeting point of the file formats, inference and the fastText API: `.bin` and `.ftz` are read into
a `Classic` and written from one, and a trained `ftcore.FastText` becomes one without copying its tables.
Source of the fields: fastText 0.9.3 ``src/args.cc`` (``Args::save``) and ``src/fasttext.cc`` (``saveModel``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.model.quantize import QuantMatrix

LOSSES = ("hs", "ns", "softmax", "ova")  # numbers 1..4 in a file
MODELS = ("cbow", "skipgram", "supervised")  # 1..3


@dataclass(frozen=True)
class Args:
    """Arguments of a training, by fastText's names in snake case. The first thirteen are in a file.

    >>> Args(model="supervised", loss="softmax").dim
    100
    """

    dim: int = 100
    ws: int = 5
    epoch: int = 5
    min_count: int = 5
    neg: int = 5
    word_ngrams: int = 1
    loss: str = "ns"
    model: str = "skipgram"
    bucket: int = 2_000_000
    minn: int = 3
    maxn: int = 6
    lr_update_rate: int = 100
    t: float = 1e-4
    # not in a file; what a loaded model has is fastText's defaults
    lr: float = 0.05
    min_count_label: int = 0
    label: str = "__label__"
    thread: int = 12
    seed: int = 0

    @property
    def supervised(self) -> bool:
        return self.model == "supervised"


@dataclass
class Classic:
    """Everything a `.bin` or `.ftz` holds.

    Attributes:
        args: see `Args`.
        dictionary: words and labels; its ``storage`` says which buckets have a row of `input`:
            all (a file), occurring (trained here), pruned (a cut-off `.ftz`).
        input: float32[dictionary.rows, D] (a memory map, for a large file, and then seldom aligned to
            four bytes), or a `QuantMatrix`.
        output: float32[O, D] or a `QuantMatrix`; O = nlabels (supervised), else nwords.
        seed: makes the initial rows of buckets without one (``storage`` occurring), see `initial_rows`.
        version: of the file read; files are written as 12, or as they were read.
        path: of the file read, for messages.
        kept: values of the file read that mean nothing to the model but are written back as they were:
            ``maxn`` of a supervised model of version 11, ``qout`` of a `.bin`.
    """

    args: Args
    dictionary: Dictionary
    input: np.ndarray | QuantMatrix
    output: np.ndarray | QuantMatrix
    seed: int = 0
    version: int = 12
    path: str = field(default="", compare=False)
    kept: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def quantized(self) -> bool:
        """Whether the input is a product-quantised matrix."""
        return not isinstance(self.input, np.ndarray)
