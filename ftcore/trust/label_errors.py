"""Labels that are likely wrong: documents whose label a model disagrees with that never saw them.

The documents are cut into folds; each is answered by a model that the others taught. Where another label is more probable
than the given one, the document is a suspect; whose given label is least probable stands first (confident learning:
Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021). A suspect is
*confident* where the suggested label's probability reaches what it usually is among documents that are given that label,
so that a model that is timid about a class, or too sure of one, is heard by its own measure. In a second round the
confident suspects teach no more, the documents are dealt out anew, and all are judged again; what both rounds say counts, as the geometric
mean of the probabilities: models that learnt from other documents err on other documents.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import MissingLabels, UserError
from ftcore.inference.classifier import Classifier
from ftcore.model.abstention import evened
from ftcore.training import recipe
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.start import Start

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.text.tokenizer import Tokenizer

log = logging.getLogger(__name__)
FOLDS, ROUNDS = 5, 2
_LEAST = 1e-30  # a probability whose logarithm is still a number


@dataclass(frozen=True)
class LabelReview:
    """N documents, those whose labels are to be looked at first in front.

    Attributes:
        order: int64[n], the documents whose given label another one beats, the least probable label first.
        margin: float[N], probability of the given label less that of the best other one; below 0 in `order` alone.
        suggested: int64[N], the best label that is not given.
        confident: bool[N], see the module.
        probabilities: float32[N, C], of models that did not see the document.
        labels: the names of the C columns.
    """

    order: np.ndarray
    margin: np.ndarray
    suggested: np.ndarray
    confident: np.ndarray
    probabilities: np.ndarray
    labels: list[str]


def find_label_errors(
    lines: Sequence[str],
    labels: Sequence[Sequence[str]],
    options: config.Finetune,
    conditions: Conditions,
    *,
    start: Start | None = None,
    folds: int = FOLDS,
    rounds: int = ROUNDS,
    tokenizer: Tokenizer | None = None,
) -> LabelReview:
    """Look for labels that are wrong, by the classifier that the options make.

    Args:
        lines: space-joined tokens of each document.
        labels: those of each document; where there are several, the least probable one speaks for all.
        options: of the classifier, as a training takes them.
        conditions: of the trainings; the seed deals the documents out.
        start: pretrained rows.
        folds: parts; a document is judged by what the others teach.
        rounds: how often all are judged; after the first the confident suspects teach no more.
        tokenizer: cut the lines, and cuts the words of `finetune.lexicon` and noisy copies; None: by white space.

    Raises:
        UserError: fewer than two folds, too few documents.

    Example:
        found = find_label_errors(tokens, [["pos"], ["neg"], …], Finetune(head="linear"), conditions)
        [tokens[i] for i in found.order[:20]]
    """
    if folds < 2:
        raise UserError(f"folds = {folds}: at least two parts are needed, one to teach and one to judge")
    given = [row for row in labels if row]
    if len(given) < 2 * folds:
        raise MissingLabels(
            f"{len(given)} documents have a label; {2 * folds} are needed to judge {folds} folds by each other"
        )
    teaches = np.ones(len(lines), np.bool_)
    logs: np.ndarray | float = 0.0
    for number in range(max(1, rounds)):
        anew = replace(conditions, seed=conditions.seed + number)
        answers, names = cross_validated(lines, labels, options, anew, start, folds, teaches, tokenizer)
        logs = logs + np.log(np.maximum(answers.astype(np.float64), _LEAST))
        mean = logs / (number + 1)
        found = review(np.exp(mean) if options.loss in ("ova", "ns") else _shares(mean), labels, names)
        log.info("%d suspects, %d of them confident", len(found.order), int(found.confident.sum()))
        teaches = ~found.confident
    return found


def cross_validated(
    lines: Sequence[str],
    labels: Sequence[Sequence[str]],
    options: config.Finetune,
    conditions: Conditions,
    start: Start | None = None,
    folds: int = FOLDS,
    teaches: np.ndarray | None = None,
    tokenizer: Tokenizer | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Probabilities float32[N, C] of each document by a model that did not see it; the names of the columns.

    The vocabulary is that of all documents, which says nothing of their labels. Copies share a fold. Of a linear head
    they are as if all texts were of one length, see `ftcore.model.abstention.evened`.

    Args:
        teaches: bool[N], the documents that others learn from; default all. What was made of the options (words of a
            lexicon, noisy copies of those that teach) teaches too, and judges nobody.
        tokenizer: see `find_label_errors`.
    """
    options = recipe.with_dim(options, start) if start is not None else options
    options = options if options.dim is not None else options.model_copy(update={"dim": recipe.DIM})
    options = options.model_copy(update={"refit": False})  # what is judged must not have taught
    documents = Tokenized.of(lines, labels)
    documents.tokenizer = tokenizer
    prepared = recipe.prepare(documents, options, start)
    bags = prepared.train
    assert isinstance(bags, BagCorpus)
    part = dealt(lines, labels, folds, conditions.seed)
    answers = np.zeros((len(lines), prepared.dictionary.nlabels), np.float32)
    origin = np.arange(len(bags)) if prepared.origins is None else prepared.origins
    ours = origin < len(lines)  # else a word of the lexicon, which is in no fold
    origin = np.where(ours, origin, 0)
    may = np.ones(len(lines), np.bool_) if teaches is None else teaches
    for fold in range(folds):
        held = np.flatnonzero(part == fold)
        taught = np.flatnonzero(~ours | ((part[origin] != fold) & may[origin]))
        some = replace(prepared.take(taught), valid=bags.take(held))
        model, _ = recipe.train(some, options, replace(conditions, checkpoint=None, listeners=()), start)
        answers[held] = Classifier(model, conditions.threads).probabilities([lines[i] for i in held.tolist()])
        log.info("fold %d of %d: %d documents judged", fold + 1, folds, len(held))
    if options.head == "linear" and options.loss == "softmax":
        sizes = np.diff(np.asarray(bags.offsets[: len(lines) + 1]))
        answers = evened(answers, options.loss, sizes).astype(np.float32)
    return answers, list(prepared.dictionary.labels)


def _shares(logs: np.ndarray) -> np.ndarray:
    """Probabilities float32[N, C] of their logarithms, but for a constant of each row."""
    made = np.exp(logs - logs.max(axis=1, keepdims=True))
    return (made / made.sum(axis=1, keepdims=True)).astype(np.float32)


def review(probabilities: np.ndarray, labels: Sequence[Sequence[str]], names: Sequence[str]) -> LabelReview:
    """Which of N documents have a label that others beat.

    Args:
        probabilities: [N, C], of models that did not see the document.
        labels: those that are given; a document without one is never suspected.
        names: of the C columns.

    Example:
        >>> review(np.array([[.9, .1], [.2, .8], [.6, .4]]), [["a"], ["a"], ["a"]], ["a", "b"]).order.tolist()
        [1]
    """
    number = {name: column for column, name in enumerate(names)}
    given = np.zeros(probabilities.shape, np.bool_)
    for document, row in enumerate(labels):
        given[document, [number[name] for name in row if name in number]] = True
    own = np.where(given, probabilities, np.inf).min(axis=1)
    other = np.where(given, -np.inf, probabilities)
    suggested = other.argmax(axis=1)
    known = given.any(axis=1) & ~given.all(axis=1)
    margin = np.where(known, own - other.max(axis=1), 0.0)
    counts = given.sum(axis=0)
    usual = (probabilities * given).sum(axis=0) / np.maximum(counts, 1)  # of a class, among its own
    rows = np.arange(len(probabilities))
    confident = (margin < 0) & (probabilities[rows, suggested] >= usual[suggested])
    suspects = np.flatnonzero(margin < 0)
    order = suspects[np.argsort(own[suspects], kind="stable")]
    return LabelReview(order, margin, suggested, confident, probabilities, list(names))


def dealt(lines: Sequence[str], labels: Sequence[Sequence[str]], folds: int, seed: int) -> np.ndarray:
    """int64[N], the fold of each document: as many of each label in every one, equal texts in the same."""
    rng = np.random.default_rng([seed, folds])
    first: dict[str, int] = {}
    twin = np.array([first.setdefault(line, place) for place, line in enumerate(lines)], np.int64)
    alone = np.flatnonzero(twin == np.arange(len(lines)))
    alone = rng.permutation(alone)
    key = np.array([labels[i][0] if labels[i] else "" for i in alone.tolist()], object)
    order = np.argsort(key.astype(str), kind="stable")
    part = np.zeros(len(lines), np.int64)
    part[alone[order]] = np.arange(len(alone)) % folds
    return part[twin]
