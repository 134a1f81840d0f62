"""Documents that rules have labelled: those without a label in which exactly one label's pattern is found.

Such a label is a guess, so that the document weighs what the user says (``rules.weight``) and never judges what is chosen. Documents that
have a label keep it, whatever the rules say.

Source: weak supervision by labelling functions, after Ratner et al., "Data programming: creating large training sets,
quickly" (NIPS 2016), with one vote a rule and no model of who is right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from ftcore.dictionary import encode
from ftcore.dictionary.dictionary import Dictionary
from ftcore.model.rules import Rules
from ftcore.training.documents import Tokenized

log = logging.getLogger(__name__)


class Ruled(Tokenized):
    """Documents, some of which have their label from a rule.

    Args:
        documents: of a classifier, some without a label.
        rules: their labels are among those of the documents.
        weight: of a document that a rule has labelled, where another weighs 1.
        rest: keep those that no rule labels, too (self-training learns from them).

    Raises:
        UserError: when they are read: a rule for a label that no document has.

    Example:
        learn(Ruled(documents, Rules.of({"refund": ["money back"]}), 0.5), options, conditions)
    """

    def __init__(self, documents: Tokenized, rules: Rules, weight: float = 1.0, rest: bool = False) -> None:
        super().__init__(self._batches, documents.out)
        self.documents, self.rules, self.weight, self.rest = documents, rules, weight, rest
        self.tokenizer = documents.tokenizer
        self._guessed: np.ndarray | None = None  # bool[documents]: which have their label from a rule

    def bags(self, dictionary: Dictionary, grow: bool) -> encode.BagCorpus:
        """Features and labels of the documents."""
        guessed = self._guesses()
        made = super().bags(dictionary, grow)
        log.info("rules: %d of %d documents have their label from one", int(guessed.sum()), len(guessed))
        return made

    def weights(self, documents: int) -> np.ndarray | None:
        """1, and of those that a rule has labelled what was given."""
        return np.where(self._guesses(), self.weight, 1.0)

    def judging(self, documents: int) -> np.ndarray:
        """bool[documents], those whose label is no guess."""
        return ~self._guesses()

    def _guesses(self) -> np.ndarray:
        if self._guessed is None:
            self._guessed = np.concatenate([np.zeros(0, np.bool_), *(guessed for _, guessed in self._read())])
        return self._guessed

    def _batches(self) -> Iterator[pa.RecordBatch]:
        return (batch for batch, _ in self._read())

    def _read(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Batches, and which documents of each have their label from a rule."""
        self._check()
        names = self.rules.labels
        for batch in self.documents.batches():
            place = batch.schema.get_field_index("labels")
            given: list[Any] = batch.column(place).to_pylist()
            open_ = np.flatnonzero([not row for row in given])
            guessed = np.zeros(len(given), np.bool_)
            if len(open_):
                lines = batch.column("tokens").take(pa.array(open_)).to_pylist()
                has, _ = self.rules.said(lines, names)
                alone = has.sum(axis=1) == 1
                for number, label in zip(
                    open_[alone].tolist(), has[alone].argmax(axis=1).tolist(), strict=True
                ):
                    given[number], guessed[number] = [names[label]], True
            field = batch.schema.field(place)
            made = batch.set_column(place, field, pa.array(given, pa.list_(pa.string())).cast(field.type))
            if not self.rest:
                kept = np.array([bool(row) for row in given], np.bool_)
                made, guessed = made.filter(pa.array(kept)), guessed[kept]
            yield made, guessed

    def _check(self) -> None:
        """Refuse rules about labels that no document was given by hand."""
        if self._guessed is None:
            labels = (row for batch in self.documents.batches() for row in batch.column("labels").to_pylist())
            self.rules.check(dict.fromkeys(name for row in labels for name in row or ()))
