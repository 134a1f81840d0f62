"""Training from lists of texts in memory, as estimators do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary, split
from ftcore.dictionary.encode import as_batch, encode_bags, encode_tokens
from ftcore.engines.choice import EngineChoice
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.text.tokenizer import Tokenizer, Whitespace
from ftcore.training.finetune import finetune
from ftcore.training.loop import TrainingResult
from ftcore.training.pretrain import pretrain
from ftcore.training.transfer import transfer


@dataclass(frozen=True)
class Run:
    """How a training runs: what stays the same whatever is trained."""

    tokenizer: Tokenizer | Whitespace
    engine: EngineChoice
    seed: int
    threads: int  # 1: the same bytes for the same seed

    @property
    def arguments(self) -> dict:
        """Of `finetune` and `pretrain`."""
        once = self.threads == 1
        return {"seed": self.seed, "engine": self.engine, "deterministic": once, "threads": self.threads}


def train_classifier(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    options: config.Finetune,
    run: Run,
    *,
    start: FastText | None = None,
    again: bool = False,
    weights: np.ndarray | None = None,
) -> tuple[FastText, TrainingResult]:
    """A classifier of N texts.

    Args:
        labels: N lists. options: its `dim` is that of `start`, if there is one.
        start: a model whose rows are carried over, see `ftcore.training.transfer`.
        again: go on training `start`: its labels and its options of the dictionary stay.
        weights: float[N] of the texts, or None.

    Errors: `UserError` for texts that hold no word at all.
    """
    lines = run.tokenizer.tokenize(texts)
    if not any(map(split, lines)):
        raise UserError(
            f"the {len(lines)} texts are empty: no word is left of any; check the column, or the tokenizer's options"
        )
    dictionary = Dictionary.build(zip(labels, lines, strict=True), options)
    if start is not None:
        old = start.dictionary
        dictionary = old.merge(dictionary, labels=True) if again else dictionary.merge(old)
    bags = encode_bags([as_batch(lines, labels)], dictionary, grow=True)
    tables = frozen = None
    if start is not None:
        made = transfer(
            start.dictionary,
            start.tables,
            dictionary,
            seed=run.seed,
            source_seed=start.seed,
            loss=options.loss,
        )
        tables, frozen = made.tables, made.pretrained
    model = FastText.untrained(
        run.tokenizer, dictionary, dim=options.dim, loss=options.loss, seed=run.seed, tables=tables
    )
    model.to(run.engine.device)
    result = finetune(
        model.tables,
        dictionary,
        bags,
        None,
        options,
        frozen=frozen,
        document_weights=weights,
        **run.arguments,
    )
    return model.cpu(), result


def train_vectors(
    texts: Sequence[str], options: config.Pretrain, run: Run
) -> tuple[FastText, TrainingResult]:
    """Word vectors from N texts, a line each."""
    lines = run.tokenizer.tokenize(texts)
    dictionary = Dictionary.build((((), line) for line in lines), options)
    corpus = encode_tokens([as_batch(lines)], dictionary)
    model = FastText.untrained(
        run.tokenizer, dictionary, dim=options.dim, kind=options.model, loss=options.loss, seed=run.seed
    )
    model.to(run.engine.device)
    result = pretrain(model.tables, dictionary, corpus, options, **run.arguments)
    return model.cpu(), result
