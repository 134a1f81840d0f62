"""Documents with noise: each is learnt from twice, as it is and as people mistype it.

What the vocabulary is stays a matter of the clean text: a mistyped word is known by its n-grams of characters, which get rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ftcore.dictionary import encode
from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import InvalidOptions
from ftcore.text.noise import noisy, uncut
from ftcore.training.documents import Documents, Tokenized

KIND = "characters"


class NoisyCopies(Documents):
    """Documents and a noisy copy of each behind them, the same ones each time.

    Args:
        documents: with a tokenizer, Chinese noise is cut into words anew, as it will be in use.
        share: of the characters of a copy that are changed.
        seed: of the noise.

    Raises:
        UserError: documents that are files in fastText's format.

    Example:
        learn(NoisyCopies(Tokenized.of(["good film"], [["yes"]]), 0.1), options, conditions)
    """

    def __init__(self, documents: Documents, share: float, seed: int = 0) -> None:
        if not isinstance(documents, Tokenized):
            raise InvalidOptions("noise is added to shards and to texts in memory; leave it out for files")
        self.documents, self.share, self.seed = documents, share, seed

    def count(self, options: Any) -> Dictionary:
        """Its words and labels: those of the clean text."""
        return self.documents.count(options)

    def bags(self, dictionary: Dictionary, grow: bool) -> encode.BagCorpus:
        """Features and labels of the documents, then of the copies."""
        batches = chain(self.documents.batches(), self._copies())
        return encode.encode_bags(batches, dictionary, self.documents.out, grow)

    def tokens(self, dictionary: Dictionary) -> encode.TokenCorpus:
        """Lines of word ids, without noise."""
        return self.documents.tokens(dictionary)

    def weights(self, documents: int) -> np.ndarray | None:
        """Those of the documents, twice."""
        own = self.documents.weights(documents // 2)
        return None if own is None else np.concatenate([own, own])

    def judging(self, documents: int) -> np.ndarray | None:
        """Those of the documents, twice."""
        own = self.documents.judging(documents // 2)
        return None if own is None else np.concatenate([own, own])

    def origins(self, documents: int) -> np.ndarray:
        """Each document's own number, twice."""
        own = self.documents.origins(documents // 2)
        own = np.arange(documents // 2) if own is None else own
        return np.concatenate([own, own])

    def _copies(self) -> Iterator[pa.RecordBatch]:
        cut = self.documents.tokenizer
        for batch in self.documents.batches():
            lines = [_text(line) for line in batch.column("tokens").to_pylist()]
            if cut is None:
                made = [noisy(line, KIND, self.share, self.seed) for line in lines]
            else:
                made = cut.tokenize([noisy(uncut(line), KIND, self.share, self.seed) for line in lines])
            place = batch.schema.get_field_index("tokens")
            field = batch.schema.field(place)
            yield batch.set_column(place, field, pa.array(made).cast(field.type))


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode("utf-8", "replace")
