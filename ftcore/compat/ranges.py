"""The options of a training with the ranges of fastText's API, which are wider than the pipeline's.

The original looks at no value: what it makes sense of is taken here too (a rate of 0 trains nothing, ``neg`` is
not read by a softmax), what it crashes on or runs on for ever is refused (`docs/fasttext.md`).
"""

from __future__ import annotations

from pydantic import Field, model_validator

from ftcore import config

MOST = (1 << 31) - 1


class _Ranges(config.DictionaryOptions):
    minn: int = Field(0, ge=0, le=MOST)
    maxn: int = Field(0, ge=0, le=MOST)
    word_ngrams: int = Field(1, ge=1, le=MOST)
    min_count: int = Field(1, ge=1, le=MOST)
    min_count_label: int = Field(0, ge=0, le=MOST)
    dim: int = Field(100, ge=1, le=MOST)
    epoch: int = Field(5, ge=0, le=MOST)
    lr: float = Field(0.05, ge=0, allow_inf_nan=False)
    neg: int = Field(5, ge=0, le=MOST)

    @model_validator(mode="after")
    def _negatives_where_they_are_drawn(self):
        if self.neg == 0 and getattr(self, "loss", "") == "ns":
            raise ValueError(
                "neg = 0: loss ns needs at least one negative; choose neg=1 or more, or loss softmax"
            )
        return self


class WidePretrain(_Ranges, config.Pretrain):
    """`config.Pretrain` for `train_unsupervised`."""

    ws: int = Field(5, ge=1, le=MOST)
    t: float = Field(1e-4, ge=0, allow_inf_nan=False)


class WideFinetune(_Ranges, config.Finetune):
    """`config.Finetune` for `train_supervised`."""
