"""Is a classifier as good for one group as for another, and does its answer hang on which group a text names?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.inference.classifier import Classifier
from ftcore.model.model import Label
from ftcore.text.noise import is_han
from ftcore.trust.word_sets import PAIRS

Pair = tuple[str, str]


@dataclass(frozen=True)
class GroupRate:
    """How a classifier does on the texts of one group.

    Attributes:
        group: its name.
        documents: how many of its texts have a label.
        accuracy: of the best label.
        bound: how far from it the true one may be (95 %).
        given: the share of texts that get each label.
    """

    group: str
    documents: int
    accuracy: float
    bound: float
    given: dict[str, float]


@dataclass(frozen=True)
class SwapEffect:
    """What becomes of answers when the words of a pair change places.

    Attributes:
        texts: with such a word. changed: of these, the share that gets another label.
        shift: mean change of the probability of the label that was given before.
        examples: (before, after, label before, label after), where it changed.
    """

    texts: int
    changed: float
    shift: float
    examples: list[tuple[str, str, Label | None, Label | None]]


def group_rates(
    classifier: Classifier,
    texts: Sequence[str],
    gold: Sequence[Sequence[Label]],
    groups: Sequence[Sequence[str]],
) -> list[GroupRate]:
    """The accuracy of each group of texts, the lowest first.

    Args:
        groups: those that each text is of, none or several.
    """
    _, best, _ = _best(classifier, texts)
    by_name: dict[str, list[int]] = {}
    for n, names in enumerate(groups):
        for name in dict.fromkeys(names):
            if gold[n]:
                by_name.setdefault(name, []).append(n)
    made = []
    for name, places in by_name.items():
        right = np.array([str(best[n]) in {str(label) for label in gold[n]} for n in places])
        rate = float(right.mean())
        answered = [str(best[n]) for n in places]
        shares = {label: answered.count(label) / len(places) for label in sorted(set(answered))}
        made.append(
            GroupRate(name, len(places), rate, 1.96 * (rate * (1 - rate) / len(places)) ** 0.5, shares)
        )
    return sorted(made, key=lambda row: (row.accuracy, row.group))


def groups_by_words(texts: Sequence[str], lists: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The groups whose words each text has.

    Example:
        >>> groups_by_words(["She left", "他走了"], {"f": ["she", "她"], "m": ["he", "他"]})
        [['f'], ['m']]
    """
    found = {name: _pattern(words) for name, words in lists.items()}
    return [[name for name, pattern in found.items() if pattern.search(text)] for text in texts]


def swapped(text: str, pairs: Sequence[Pair] | None = None) -> str:
    """A text with the words of each pair in each other's place; capitals stay.

    Args:
        pairs: default those of `ftcore.trust.word_sets`, of both languages. Where a word is in two, the first counts.

    Example:
        >>> swapped("He met his mother. 他和妈妈"), swapped("there")
        ('She met her father. 她和爸爸', 'there')
    """
    pairs = [pair for some in PAIRS.values() for pair in some] if pairs is None else pairs
    other: dict[str, str] = {}
    for a, b in pairs:
        other.setdefault(a.lower(), b)
        other.setdefault(b.lower(), a)

    def turn(match: re.Match[str]) -> str:
        word = match[0]
        made = other[word.lower()]
        return (
            made.upper()
            if len(word) > 1 and word.isupper()
            else made.capitalize()
            if word[0].isupper()
            else made
        )

    return _pattern(list(other)).sub(turn, text)


def swap_effect(
    classifier: Classifier, texts: Sequence[str], pairs: Sequence[Pair] | None = None, examples: int = 10
) -> SwapEffect:
    """What becomes of the answers to texts when `swapped`."""
    turned = [swapped(text, pairs) for text in texts]
    some = [n for n, (a, b) in enumerate(zip(texts, turned, strict=True)) if a != b]
    if not some:
        return SwapEffect(0, 0.0, 0.0, [])
    _, before, rows = _best(classifier, [texts[n] for n in some])
    _, after, others = _best(classifier, [turned[n] for n in some])
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    column = rows.argmax(axis=1)
    at = np.arange(len(some))
    shift = float(np.abs(rows[at, column] - others[at, column]).mean())
    shown = [(texts[some[i]], turned[some[i]], before[i], after[i]) for i in changed[:examples]]
    return SwapEffect(len(some), len(changed) / len(some), shift, shown)


def _best(classifier: Classifier, texts: Sequence[str]) -> tuple[np.ndarray, list[Label | None], np.ndarray]:
    """Which texts have an answer; the best label of each; probabilities [N, C], 0 without an answer."""
    known, rows = classifier.answers(list(texts))
    full = np.zeros((len(texts), len(classifier.labels)))
    full[known] = rows
    best = [classifier.labels[i] if ok else None for i, ok in zip(full.argmax(axis=1), known, strict=True)]
    return known, best, full


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Any of the words: whole ones of letters, anywhere in Chinese; the longest first."""
    made = [
        re.escape(word) if any(map(is_han, word)) else rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"
        for word in sorted(words, key=len, reverse=True)
    ]
    return re.compile("|".join(made) or r"(?!)", re.IGNORECASE)
