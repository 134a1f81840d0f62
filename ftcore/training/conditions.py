"""What every training is given besides its options: how it runs, and what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ftcore.engines.choice import EngineChoice, load_engine

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.dictionary.encode import BagCorpus, TokenCorpus
    from ftcore.engines.interface import Engine
    from ftcore.training.checkpoints import Checkpoint
    from ftcore.training.progress import Listener


@dataclass(frozen=True)
class Conditions:
    """How a training runs, whatever is trained.

    Attributes:
        engine: from `ftcore.engines.choice.choose_engine`, or an engine itself.
        seed: of the rows and of every draw.
        threads: of the cpu engine where it need not be deterministic; None takes one a core.
        deterministic: the same bytes for the same seed (one CPU thread).
        checkpoint: where an interrupted training is kept, and resumed from.
        listeners: hear of the progress, in the training's own thread.
        parts: chunks that an epoch of a classifier is cut into at least; listeners hear after each.
        whole: an epoch of word vectors trains as many words as the text has, unknown ones counted too, as
            fastText's does; else the text's known words once.
    """

    engine: EngineChoice | Engine
    seed: int = 0
    threads: int | None = None
    deterministic: bool = True
    checkpoint: Checkpoint | None = None
    listeners: Sequence[Listener] = ()
    parts: int = 1
    whole: bool = False

    def backend(self) -> Engine:
        """The engine, made where only a choice is given."""
        return load_engine(self.engine, self.deterministic, self.threads)


@dataclass(frozen=True)
class Prepared:
    """What is trained on, by the numbers of the model's dictionary.

    Attributes:
        train: bags for a classifier, lines of words for word vectors.
        valid: scored after every epoch of a classifier.
        weights: [B] of the documents, or None.
        judging: bool[B], which training documents may judge what others teach, where there is no validation set;
            None: all. The labels of those that may not were said by a model.
        origins: int64[B], the training document that each is a copy of, which never judges what its copies teach; its own
            number where it is none; None: there are no copies.
    """

    dictionary: Dictionary
    train: BagCorpus | TokenCorpus
    valid: BagCorpus | None = None
    weights: np.ndarray | None = None
    judging: np.ndarray | None = None
    origins: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Prepared:
        """Some of a classifier's training documents, in the given order; the validation set stays.

        Args:
            rows: int64[n]; a copy whose original is not among them is one no more.
        """
        origins = self.origins
        if origins is not None:
            place = np.full(len(origins), -1)
            place[rows] = np.arange(len(rows))
            found = place[origins[rows]]
            origins = np.where(found < 0, np.arange(len(rows)), found)
        bags: BagCorpus = self.train  # type: ignore[assignment]
        weights = None if self.weights is None else np.asarray(self.weights)[rows]
        judging = None if self.judging is None else self.judging[rows]
        return replace(self, train=bags.take(rows), weights=weights, judging=judging, origins=origins)
