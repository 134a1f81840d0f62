"""How good a document is: the probability of a label, by a classifier that was named or that is learnt here.

The recipe by which corpora for language models are filtered: good documents against random ones of a crawl, a linear
model of word n-grams, the best by its score stay (GPT-3: T. Brown et al., 2020, appendix A; DCLM: J. Li et al., 2024,
with fastText; ChineseWebText: J. Chen et al., 2023).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa

from ftcore.base.files import sha256_file
from ftcore.config import Config, Finetune, Ingest, Language, Source, digest
from ftcore.curation.sample import sampled
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.formats.directory import write_directory
from ftcore.formats.opening import read_model
from ftcore.inference.classifier import Classifier
from ftcore.model.model import Model
from ftcore.shards.prepare import key_numbers
from ftcore.shards.quality import Qualities, best_share
from ftcore.shards.shards import iter_file
from ftcore.text.filters import make_filter
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn

log = logging.getLogger("ftcore.quality")
GOOD, OTHER = "good", "other"
HELD_OUT = 10  # every so many-th document is not learnt from but scored


@dataclass(frozen=True)
class HeldOut:
    """How well the classes are told apart in documents that were not learnt from.

    Attributes:
        learnt: documents by language, of either class.
        documents: held out.
        auc: the chance that a good document scores higher than another one.
        accuracy: at a score of .5.
    """

    learnt: dict[str, int]
    documents: int
    auc: float
    accuracy: float


class QualityModel:
    """Scores documents by their tokens.

    Args:
        model: a classifier.
        label: one of its labels.
        identity: digest of its files.
        held_out: how well it did, where it was learnt here.

    Raises:
        UserError: it has no such label.
    """

    def __init__(self, model: Model, label: str, identity: str, held_out: HeldOut | None = None) -> None:
        self.classifier = Classifier(model)
        self.label, self.identity, self.held_out = label, identity, held_out
        names = [str(name) for name in self.classifier.labels]
        if label not in names:
            shown = ", ".join(names[:10])
            raise UserError(f"filters.quality.label: the model has no label {label!r}; it has {shown}")
        self._column = names.index(label)

    def scores(self, tokens: Sequence[str]) -> np.ndarray:
        """The label's probability in each line of tokens, 0 where the model knows no word of it: float32 [n]."""
        told, found = self.classifier.told(tokens)
        return np.where(told, found[:, self._column], 0).clip(0, 1).astype(np.float32)


def quality_model(options: Config, keep: Path | None = None) -> QualityModel:
    """The model that `filters.quality` names, or one that is learnt from its good and other documents.

    Args:
        options: a configuration.
        keep: a folder that a model is written to that was learnt here.

    Raises:
        UserError: the model cannot be read, has another label or another tokenizer; too few documents to learn from.
    """
    quality = options.filters.quality
    if not quality.model:
        return _learnt(options, keep)
    path = Path(quality.model)
    model = read_model(path)
    wanted = Tokenizer(options.text).digest
    if model.tokenizer is not None and model.tokenizer.digest != wanted:
        raise UserError(
            f"filters.quality.model: {path} cuts text in another way than `text` of this configuration; give it the "
            "options of the model's training, or learn one here (filters.quality.good)"
        )
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return QualityModel(model, quality.label, digest([sha256_file(file) for file in files]))


def qualities(
    judge: QualityModel, options: Config, parts: Sequence[Path], gone: Path | None, out: Path
) -> Qualities:
    """Score every document of the prepared parts, and find the scores that are enough.

    Memory: a batch, and 4 bytes a document of the part at hand.

    Args:
        judge: from `quality_model`.
        options: the configuration.
        parts: folders of `prepare_part`.
        gone: folder of `drop_copies`, which count for no share.
        out: a folder for the scores; made if need be.
    """
    out.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts):
        found = [np.zeros(0, np.float32)]
        for batch in iter_file(part / "docs.parquet", ["tokens"], rows=1 << 12):
            found.append(judge.scores(batch.column("tokens").to_pylist()))
        np.save(out / f"{number}.npy", np.concatenate(found))
    quality = options.filters.quality
    thresholds = by_language(quality.keep_above)
    if quality.keep_share is not None:
        thresholds = best_share(parts, gone, out, by_language(quality.keep_share))
    made = Qualities(out, judge.label, judge.identity, thresholds)
    made.mark(parts)
    return made


def by_language(given: float | dict[str, float] | None) -> dict[str, float]:
    """An option as one number for each language that has one.

    Example:
        >>> by_language(0.5), by_language({"zh": 0.1}), by_language(None)
        ({'zh': 0.5, 'en': 0.5, 'mixed': 0.5}, {'zh': 0.1}, {})
    """
    if given is None:
        return {}
    return dict(given) if isinstance(given, dict) else dict.fromkeys(get_args(Language), given)


# ------------------------------------------------------------------------------------------ learning
@dataclass(frozen=True)
class _Class:
    """Documents of one class in one language: tokens and ids, by rising id."""

    tokens: list[str]
    keys: np.ndarray  # uint64 [n], the low half


def _learnt(options: Config, keep: Path | None) -> QualityModel:
    quality, tokenizer = options.filters.quality, Tokenizer(options.text)
    good = _drawn(options, quality.good, tokenizer, {})
    other = _drawn(options, quality.other, tokenizer, good)
    lines: list[str] = []
    labels: list[str] = []
    held: list[tuple[str, str]] = []
    learnt = {}
    for language in get_args(Language):
        many = min(len(cls.get(language, _NONE).tokens) for cls in (good, other))
        if not many:
            _say_missing(language, good, other)
            continue
        learnt[language] = many
        # as many of either class, or the language itself would be the best sign of quality
        for label, cls in ((GOOD, good), (OTHER, other)):
            for number, tokens in enumerate(cls[language].tokens[:many]):
                if number % HELD_OUT == HELD_OUT - 1:
                    held.append((tokens, label))
                else:
                    lines.append(tokens)
                    labels.append(label)
    if not learnt:
        raise UserError(
            "filters.quality: no language has both good and other documents, so there is nothing to tell apart; "
            "name more sources in filters.quality.good and filters.quality.other"
        )
    wanted = Finetune(
        dim=quality.dim, epoch=quality.epoch, lr=quality.lr, word_ngrams=quality.word_ngrams, bucket=200_000
    )
    documents = Tokenized.of(lines, [[label] for label in labels])
    conditions = Conditions(choose_engine(options.engine, options.device, "supervised"), options.seed)
    model, _ = learn(documents, wanted, conditions)
    model = replace(model, tokenizer=tokenizer)
    about = digest(
        [wanted.model_dump(mode="json"), options.seed, tokenizer.digest, labels, digest("\n".join(lines))]
    )
    judge = QualityModel(model, GOOD, about)
    judge.held_out = _judged(judge, held, learnt)
    if keep is not None:
        write_directory(keep, model)
    log.warning(
        "quality model: %s documents of either class; of %s others AUC %.3f, accuracy %.3f",
        ", ".join(f"{n:,} {language}" for language, n in learnt.items()),
        f"{judge.held_out.documents:,}",
        judge.held_out.auc,
        judge.held_out.accuracy,
    )
    return judge


_NONE = _Class([], np.zeros(0, np.uint64))


def _say_missing(language: str, good: dict[str, _Class], other: dict[str, _Class]) -> None:
    """A language that has one class only is not learnt; its documents are scored all the same."""
    if language in good or language in other:
        which = GOOD if language in good else OTHER
        log.warning(
            "filters.quality: all documents in %s are %r ones: the model learns nothing of that language, and its "
            "scores there mean little",
            language,
            which,
        )


def _drawn(
    options: Config, sources: list[Source], tokenizer: Tokenizer, apart: dict[str, _Class]
) -> dict[str, _Class]:
    """Up to `documents` of each language, by the lowest ids; those of the corpus pass its filters first.

    Args:
        apart: what the other class has, which is no example of this one.
    """
    quality = options.filters.quality
    own = options.ingest.model_copy(update={"sources": sources}) if sources else options.ingest
    keep = None if sources else make_filter(options.filters)
    taken = {int(key) for cls in apart.values() for key in cls.keys}
    found: dict[str, dict[int, str]] = {}
    for batch in _batches(own, options, tokenizer, 4 * quality.documents):
        kept = batch if keep is None else keep(batch)[0]
        keys = key_numbers(kept.column("key"))[:, 1].tolist()
        rows = zip(keys, kept.column("language").to_pylist(), kept.column("tokens").to_pylist(), strict=True)
        for key, language, tokens in rows:
            if tokens and key not in taken:
                found.setdefault(language, {})[key] = tokens
    drawn = {}
    for language, mine in found.items():
        keys = sorted(mine)[: quality.documents]
        drawn[language] = _Class([mine[key] for key in keys], np.array(keys, np.uint64))
    return drawn


def _batches(ingest: Ingest, options: Config, tokenizer: Tokenizer, most: int) -> Iterator[pa.RecordBatch]:
    """A sample of every source, so that each is in it."""
    for source in ingest.sources:
        yield from sampled(ingest.model_copy(update={"sources": [source]}), options.data, tokenizer, most)


def _judged(judge: QualityModel, held: Sequence[tuple[str, str]], learnt: dict[str, int]) -> HeldOut:
    """How well the documents are told apart that were held out."""
    if not held:
        return HeldOut(learnt, 0, float("nan"), float("nan"))
    scores = judge.scores([tokens for tokens, _ in held])
    good = np.array([label == GOOD for _, label in held])
    return HeldOut(learnt, len(held), auc(scores, good), float(np.mean((scores > 0.5) == good)))


def auc(scores: np.ndarray, good: np.ndarray) -> float:
    """The chance that a good one scores higher than another one; equal scores count half.

    Example:
        >>> auc(np.array([0.1, 0.9, 0.9]), np.array([False, True, False]))
        0.75
    """
    values, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n = int(good.sum())
    others = len(good) - n
    if not n or not others:
        return float("nan")
    return float((ranks[good].sum() - n * (n + 1) / 2) / (n * others))
