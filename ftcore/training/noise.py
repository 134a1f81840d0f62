"""Documents with noise: each is learnt from twice, as it is and as people mistype it.

What the vocabulary is stays a matter of the clean text: a mistyped word is known by its n-grams of characters, which get rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from ftcore.dictionary import encode
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.hashing import EOS
from ftcore.dictionary.lines import Lines
from ftcore.errors import InvalidOptions
from ftcore.native import PAD
from ftcore.text.noise import noisy, uncut
from ftcore.training.documents import Documents, LabelledLines, Tokenized

KIND = "characters"


class NoisyCopies(Documents):
    """Documents and a noisy copy of each behind them, the same ones each time.

    Args:
        documents: with a tokenizer, Chinese noise is cut into words anew, as it will be in use. Of lines in fastText's
            format labels stay as they are.
        share: of the characters of a copy that are changed.
        seed: of the noise.

    Raises:
        UserError: documents of another kind.

    Example:
        learn(NoisyCopies(Tokenized.of(["good film"], [["yes"]]), 0.1), options, conditions)
    """

    def __init__(self, documents: Documents, share: float, seed: int = 0) -> None:
        if not isinstance(documents, Tokenized | LabelledLines):
            raise InvalidOptions(
                f"noise is added to shards, to texts in memory and to lines in fastText's format, not to {type(documents).__name__}; "
                "leave it out"
            )
        self.documents, self.share, self.seed = documents, share, seed

    def count(self, options: Any) -> Dictionary:
        """Its words and labels: those of the clean text."""
        return self.documents.count(options)

    def bags(self, dictionary: Dictionary, grow: bool) -> encode.BagCorpus:
        """Features and labels of the documents, then of the copies."""
        if isinstance(self.documents, LabelledLines):
            own = self.documents
            both = Lines(chain(_lines(own), map(partial(self._noisy_line, label=own.label), _lines(own))))
            return encode.read_bags(both, dictionary, label=own.label, grow=grow, threads=own.threads)
        batches = chain(self.documents.batches(), self._copies(self.documents))
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

    def _noisy_line(self, line: bytes, label: str) -> bytes:
        """A line whose labels, and ends of lines, stand before the words that are mistyped."""
        words, prefix = line.split(), label.encode()
        kept = [word for word in words if word == EOS or (prefix and word.startswith(prefix))]
        rest = b" ".join(word for word in words if word not in kept)
        return b" ".join([*kept, noisy(_text(rest), KIND, self.share, self.seed).encode()])

    def _copies(self, documents: Tokenized) -> Iterator[pa.RecordBatch]:
        cut = documents.tokenizer
        for batch in documents.batches():
            lines = [_text(line) for line in batch.column("tokens").to_pylist()]
            if cut is None:
                made = [noisy(line, KIND, self.share, self.seed) for line in lines]
            else:
                made = cut.tokenize([noisy(uncut(line), KIND, self.share, self.seed) for line in lines])
            place = batch.schema.get_field_index("tokens")
            field = batch.schema.field(place)
            yield batch.set_column(place, field, pa.array(made).cast(field.type))


def _lines(documents: LabelledLines) -> Iterator[bytes]:
    """Every line of a text in fastText's format."""
    for block in documents.lines.blocks():
        yield from block()[:-PAD].tobytes().removesuffix(b"\n").split(b"\n")


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode("utf-8", "replace")
