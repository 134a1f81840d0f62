"""More documents out of few: the same texts with words left out, words replaced by near ones, or characters mistyped.

Each operation is a pure function of a text, a share and a seed, so that what was written can be made again. Adversarial
texts are the changed ones to which a model gives another answer than to the text itself.

Sources: word dropping and replacing, Wei & Zou, "EDA: easy data augmentation" (EMNLP 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from ftcore.errors import InvalidOptions
from ftcore.text.noise import noisy, uncut

OPERATIONS = ("drop", "synonym", "noise")
NEAREST = 5  # words that one may be replaced by
_BLOCK = 256


class Synonyms:
    """The words whose vectors are nearest to a word's, by their cosine.

    Args:
        words: N of them, frequent ones first, as `read_vec` gives them.
        vectors: float32[N, D].
        least: cosine below which a word is not near.
        most: words that take part, from the first on.

    Example:
        >>> vectors = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
        >>> Synonyms([b"good", b"fine", b"film"], vectors).of(["good", "film", "unknown"])
        [['fine'], [], []]
    """

    def __init__(
        self, words: Sequence[bytes], vectors: np.ndarray, least: float = 0.6, most: int = 50_000
    ) -> None:
        self.least = least
        self.words = [word.decode("utf-8", "replace") for word in words[:most]]
        lengths = np.linalg.norm(vectors[:most], axis=1, keepdims=True)
        self._units = vectors[:most] / np.where(lengths > 0, lengths, 1)
        self._place = {word: i for i, word in enumerate(self.words)}
        self._kept: dict[str, list[str]] = {}

    def of(self, words: Sequence[str]) -> list[list[str]]:
        """The near words of each, the nearest first; none of one that has no vector."""
        asked = [word for word in dict.fromkeys(words) if word not in self._kept and word in self._place]
        for begin in range(0, len(asked), _BLOCK):
            some = asked[begin : begin + _BLOCK]
            rows = [self._place[word] for word in some]
            near = self._units[rows] @ self._units.T
            near[np.arange(len(rows)), rows] = -1
            top = np.argsort(-near, axis=1, kind="stable")[:, :NEAREST]
            for word, row, best in zip(some, near, top, strict=True):
                self._kept[word] = [self.words[i] for i in best.tolist() if row[i] >= self.least]
        return [self._kept.get(word, []) for word in words]


class Augmenter:
    """Changes texts.

    Args:
        tokenizer: cuts texts into words.
        share: of the words (of noise: characters) that are changed, on average; one at least where one can be.
        synonyms: of operation synonym.

    Raises:
        UserError: a share out of range.
    """

    def __init__(self, tokenizer: Any, share: float = 0.1, synonyms: Synonyms | None = None) -> None:
        if not 0 < share <= 0.5:
            raise InvalidOptions(f"share = {share}: give more than 0 and 0.5 at most")
        self.tokenizer, self.share, self.synonyms = tokenizer, share, synonyms

    def varied(self, texts: Sequence[str], operation: str, seed: int = 0) -> list[str | None]:
        """Each text, changed; None where there is nothing to change.

        Args:
            operation: drop (of words), synonym (another word in its place) or noise (characters mistyped). The first
                two give words as they are cut: in lower case, say.
            seed: the same text, operation, share and seed give the same.

        Raises:
            UserError: another operation, synonym without `synonyms`.
        """
        if operation not in OPERATIONS:
            raise InvalidOptions(f"operation = {operation!r}: choose of {', '.join(OPERATIONS)}")
        if operation == "noise":
            made = [noisy(text, "characters", self.share, seed) for text in texts]
            return [new if new != old else None for new, old in zip(made, texts, strict=True)]
        if operation == "synonym" and self.synonyms is None:
            raise InvalidOptions("synonyms are found by vectors of words; name some with --vectors")
        lines = [line.split() for line in self.tokenizer.tokenize(texts)]
        draws = (
            np.random.default_rng([seed, xxh3_64_intdigest(f"{operation}\0{text}".encode())])
            for text in texts
        )
        change = self._dropped if operation == "drop" else self._replaced
        return [change(words, draw) for words, draw in zip(lines, draws, strict=True)]

    def _dropped(self, words: list[str], draw: np.random.Generator) -> str | None:
        if len(words) < 2:
            return None
        gone = self._hit(len(words), draw)
        if gone.all():
            gone[draw.integers(len(words))] = False
        return uncut(" ".join(word for word, out in zip(words, gone.tolist(), strict=True) if not out))

    def _replaced(self, words: list[str], draw: np.random.Generator) -> str | None:
        assert self.synonyms is not None
        near = self.synonyms.of(words)
        able = [i for i, others in enumerate(near) if others]
        if not able:
            return None
        made = words[:]
        for i in np.array(able)[self._hit(len(able), draw)].tolist():
            made[i] = near[i][draw.integers(len(near[i]))]
        return uncut(" ".join(made))

    def _hit(self, count: int, draw: np.random.Generator) -> np.ndarray:
        """bool[count], which are changed; one at least."""
        made = draw.random(count) < self.share
        if not made.any():
            made[draw.integers(count)] = True
        return made


@dataclass(frozen=True)
class Variant:
    """A changed text and where it comes from.

    Attributes:
        text: the changed one.
        row: of the text that it was made of.
        operation: of `OPERATIONS`.
        seed: with which it was made.
        said: labels that the model gives to the text itself and to the changed one; None where no model was asked.
    """

    text: str
    row: int
    operation: str
    seed: int
    said: tuple[str, str] | None = None


def variants(
    texts: Sequence[str],
    augmenter: Augmenter,
    operations: Sequence[str] = ("drop", "noise"),
    copies: int = 1,
    seed: int = 0,
    classifier: Any = None,
) -> list[Variant]:
    """All changed texts, in the order of the rows; those that change nothing are left out.

    Args:
        texts: raw.
        copies: of each operation, with the seeds `seed`, `seed + 1` and so on.
        classifier: `ftcore.inference.classifier.Classifier`; only texts to which it gives another label are kept.

    Raises:
        UserError: as `Augmenter.varied`; copies below 1.
    """
    if copies < 1:
        raise InvalidOptions(f"copies = {copies}: make one at least")
    before = None if classifier is None else answers(classifier, texts)
    found: list[Variant] = []
    for operation in operations:
        for own in range(seed, seed + copies):
            made = [
                (row, new)
                for row, new in enumerate(augmenter.varied(texts, operation, own))
                if new is not None
            ]
            if before is None:
                found += [Variant(new, row, operation, own) for row, new in made]
                continue
            after = answers(classifier, [new for _, new in made])
            found += [
                Variant(new, row, operation, own, (before[row], label))
                for (row, new), label in zip(made, after, strict=True)
                if label and before[row] and label != before[row]
            ]
    return sorted(found, key=lambda one: one.row)  # of one row in the order of operations and seeds


def answers(classifier: Any, texts: Sequence[str]) -> list[str]:
    """The best label of each text; empty where there is none."""
    known, rows = classifier.answers(texts)
    made = [""] * len(texts)
    for row, best in zip(np.flatnonzero(known).tolist(), rows.argmax(axis=1).tolist(), strict=True):
        made[row] = str(classifier.labels[best])
    return made
