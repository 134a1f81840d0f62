"""A classifier without a labelled document: seed words of each label, vectors, and documents without labels.

A document begins with the label whose seed words lie nearest to it: the sum of its words' vectors, rare ones weighing
more, by the mean of the seeds' vectors, a prototype (Snell et al., "Prototypical networks", NeurIPS 2017). It then
learns from the documents that it is surest of (`ftcore.training.self_training`). The result is an ordinary model.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.errors import UserError
from ftcore.fewshot.seeds import checked_seeds
from ftcore.training.documents import Tokenized

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.model.model import Model
    from ftcore.training.conditions import Conditions
    from ftcore.training.loop import TrainingResult
    from ftcore.training.start import Start

log = logging.getLogger(__name__)
ROUNDS = 3  # of self-training, where the options name none


def zero_shot(
    lines: Sequence[str],
    seeds: Mapping[str, Sequence[str]],
    start: Start,
    options: Any,
    conditions: Conditions,
) -> tuple[Model, TrainingResult]:
    """Make a classifier of seed words.

    Args:
        lines: documents without labels, tokens joined by spaces: the more and the more alike to those it will be asked,
            the better.
        seeds: one to five words of each label; a text of several words counts as each of them.
        start: vectors of the words, of seeds too: `ftcore.training.start.start_at`.
        options: `ftcore.config.Finetune` or what has its attributes; ``self_training`` rounds, 0 meaning `ROUNDS`.
        conditions: how the trainings run.

    Returns:
        a model, which takes lines of tokens, and the history of its last training. Its probabilities say which
        documents it is surer of than of others; no label has judged how sure it may be.

    Raises:
        UserError: no vectors, seeds that make no sense or of which no vector is known.

    Example:
        zero_shot(lines, {"good": ["great"], "bad": ["awful"]}, start_at("v.vec"), Finetune(head="linear"), conditions)
    """
    from ftcore.training import recipe
    from ftcore.training.self_training import self_train

    seeds = checked_seeds(seeds)
    options = recipe.with_dim(
        options.model_copy(update={"self_training": options.self_training or ROUNDS}), start
    )
    words = {label: [part for word in given for part in word.split()] for label, given in seeds.items()}
    documents = Tokenized.of(
        [*lines, *(" ".join(own) for own in words.values())],
        [[] for _ in lines] + [[label] for label in words],
    )
    prepared = recipe.numbered(recipe.prepare(documents, options, start), options, start)
    first = by_prototypes(prepared.dictionary, words, start, options, conditions.seed)
    once = replace(conditions, checkpoint=None)
    return self_train(
        prepared,
        options,
        lambda some, with_: recipe.train(some, with_, once, start),
        conditions.seed,
        teacher=first,
    )


def by_prototypes(
    dictionary: Dictionary, words: Mapping[str, Sequence[str]], start: Start, options: Any, seed: int = 0
) -> Model:
    """The model that says the label whose words' vectors are nearest to a document's.

    It is linear in the sum of a document's vectors, and so an ordinary model: the row of a word is its product with each
    label's prototype, the head is the identity.

    Raises:
        UserError: no vectors, or none of a label's words.
    """
    from ftcore.model.matrices import Matrices
    from ftcore.training.recipe import as_model

    vectors = start.pretrained_rows(dictionary, options, seed)
    if vectors is None:
        raise UserError(
            "seed words need vectors of words; name some: -pretrainedVectors with a .vec, a .bin or a folder"
        )
    prototypes = np.zeros((dictionary.nlabels, vectors.shape[1]))
    for number, label in enumerate(dictionary.labels):
        ids = dictionary.word_ids([word.encode() for word in words[label]])
        rows = vectors[ids[ids >= 0]].astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        known = rows[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
        if not len(known):
            raise UserError(
                f"no seed word of label {label!r} has a vector ({', '.join(words[label])}); give other words, as they "
                "are written in the text after it is cut into words"
            )
        mean = known.mean(axis=0)
        prototypes[number] = mean / max(np.linalg.norm(mean), 1e-12)
    rows = vectors @ (prototypes - prototypes.mean(axis=0)).T
    tables = Matrices(rows.astype(np.float32), np.eye(dictionary.nlabels, dtype=np.float32))
    return as_model(dictionary, tables, options, seed)
