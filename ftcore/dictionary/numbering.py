"""What a dictionary keeps of its options: how often a word must occur and how n-grams are numbered.

`ftcore.config.DictionaryOptions` judges what a user asks for. This is what a model has, and it needs no pydantic: a file's
values are taken as they are, also those that are wider than ours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Numbering:
    """fastText's options of these names; a bucket count of 0 goes with no n-grams at all.

    Example:
        >>> Numbering(maxn=3).word_ngrams
        1
    """

    min_count: int = 1
    min_count_label: int = 0
    minn: int = 0
    maxn: int = 0
    word_ngrams: int = 1
    bucket: int = 2_000_000

    @property
    def buckets(self) -> int:
        """Number of buckets; 0 where no n-grams are used (``train`` in fasttext.cc sets it so)."""
        return 0 if self.word_ngrams <= 1 and self.maxn == 0 else self.bucket

    @classmethod
    def of(cls, options: Any) -> Numbering:
        """This part of what has attributes of these names: a `config.DictionaryOptions`, `Pretrain` or `Finetune`."""
        if type(options) is cls:
            return options
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})

    def as_json(self) -> bytes:
        """As a stored dictionary has it."""
        import json

        return json.dumps(asdict(self), sort_keys=True).encode()
