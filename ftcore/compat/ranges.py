"""The options of a training with the ranges of fastText's API, which are wider than the pipeline's.

The original looks at no value: what it makes sense of is taken here too (a rate of 0 trains nothing, ``neg`` is
not read by a softmax), what it crashes on or runs on for ever is refused (`docs/fasttext.md`).
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import Field, create_model, model_validator

from ftcore import config
from ftcore.option_table import BY_NAME

Kind = TypeVar("Kind", bound=config.DictionaryOptions)


class _Ranges(config.DictionaryOptions):
    @model_validator(mode="after")
    def _negatives_where_they_are_drawn(self) -> _Ranges:
        if getattr(self, "neg", 1) == 0 and getattr(self, "loss", "") == "ns":
            raise ValueError(
                "neg = 0: loss ns needs at least one negative; choose neg=1 or more, or loss softmax"
            )
        return self


def _wide(kind: type[Kind]) -> type[Kind]:
    """The same options, their numbers in the ranges of `ftcore.option_table`."""
    options = [BY_NAME[name] for name in kind.model_fields]
    numbers: dict[str, Any] = {
        o.name: (o.kind, Field(ge=o.least, le=o.most, allow_inf_nan=None if o.kind is int else False))
        for o in options
        if o.least is not None
    }
    bases: Any = _Ranges, kind
    return create_model(f"Wide{kind.__name__}", __base__=bases, **numbers)


WidePretrain = _wide(config.Pretrain)  # of `train_unsupervised`
WideFinetune = _wide(config.Finetune)  # of `train_supervised`
