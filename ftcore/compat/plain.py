"""The options of a training without pydantic, whose import takes longer than a small training.

What is plainly within the ranges of `ftcore.compat.ranges` becomes one of these; what is not, or is more than
numbers and words (class weights by label), is judged there, where errors are worded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MOST = (1 << 31) - 1
_LEAST = {
    "minn": 0, "maxn": 0, "word_ngrams": 1, "min_count": 1, "min_count_label": 0, "dim": 1, "epoch": 0, "neg": 0,
    "bucket": 0,
}  # fmt: skip
_MOST = {"bucket": 2_000_000_000, "patience": 1000}
_RATES = ("lr", "t")
_WORDS = {
    "updates": ("auto", "exact", "shared"),
    "freeze": ("none", "words", "all"),
    "class_weights": ("none", "balanced"),
    "model": ("skipgram", "cbow"),
}


@dataclass(frozen=True)
class _Plain:
    min_count: int
    min_count_label: int
    word_ngrams: int
    bucket: int
    minn: int
    maxn: int
    dim: int
    epoch: int
    lr: float
    neg: int
    loss: str
    batch_size: int

    def model_dump_json(self) -> str:
        """As pydantic's: what a checkpoint belongs to."""
        import json

        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True)
class PlainPretrain(_Plain):
    """`ftcore.config.Pretrain`."""

    model: str
    ws: int
    t: float
    updates: str
    enabled: bool = True
    languages: tuple[str, ...] = ("zh", "en", "mixed")


@dataclass(frozen=True)
class PlainFinetune(_Plain):
    """`ftcore.config.Finetune`."""

    class_weights: str
    freeze: str
    patience: int
    keep_best: bool
    lr_head: None = None
    weight_decay: float = 0.0
    dropout: float = 0.0
    clip: float = 0.0
    threshold: str = "auto"


def fit(values: Mapping[str, Any], losses: tuple[str, ...]) -> bool:
    """Whether all of these are plainly what `ranges` allows."""
    for name, value in values.items():
        if name in _RATES:
            good = type(value) is float and 0 <= value < math.inf
        elif name in _WORDS:
            good = isinstance(value, str) and value in _WORDS[name]
        elif name == "loss":
            good = value in losses
        elif name == "keep_best":
            good = type(value) is bool
        else:
            good = type(value) is int and _LEAST.get(name, 0) <= value <= _MOST.get(name, MOST)
        if not good:
            return False
    return (
        values["minn"] <= values["maxn"]
        and (values["bucket"] > 0 or (values["maxn"] == 0 and values["word_ngrams"] == 1))
        and (values["neg"] > 0 or values["loss"] != "ns")
        and values.get("ws", 1) >= 1
    )
