"""How much noise costs: the accuracy on texts as people mistype, mishear and misread them.

Example:
    >>> [(row.kind, row.share) for row in robustness(classifier, texts, gold, shares=[0.1])][:2]
    [('none', 0.0), ('characters', 0.1)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.errors import MissingLabels, UserError
from ftcore.inference.classifier import Classifier
from ftcore.model.model import Label
from ftcore.text.noise import CHINESE, ENGLISH, is_han, noisy_all
from ftcore.text.noise_tables import has_pinyin

SHARES = (0.05, 0.1)


@dataclass(frozen=True)
class NoiseCost:
    """The accuracy under one kind of noise.

    Attributes:
        kind: of `ftcore.text.noise.KINDS`; none is the text as it is.
        share: of the characters (words) that are changed.
        changed: the share of texts that are not as they were.
        accuracy: of the best label.
        lost: of the accuracy on the texts as they are.
    """

    kind: str
    share: float
    changed: float
    accuracy: float
    lost: float


def robustness(
    classifier: Classifier,
    texts: Sequence[str],
    gold: Sequence[Sequence[Label]],
    *,
    shares: Sequence[float] = SHARES,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> list[NoiseCost]:
    """The accuracy under each kind of noise and each share of it, the clean text first.

    Args:
        texts: raw.
        gold: the labels of each; an answer is right where it is one of them. Texts without one are left out.
        shares: of the characters.
        kinds: default those that the texts' languages have.
        seed: of the noise.

    Raises:
        UserError: no text has a label, texts and labels differ in number, another kind or share.
    """
    if len(texts) != len(gold):
        raise UserError(f"{len(texts)} texts and {len(gold)} lists of labels; give each text its own")
    some = [n for n, row in enumerate(gold) if row]
    if not some:
        raise MissingLabels("no text has a label; there is no accuracy to lose")
    texts, wanted = [texts[n] for n in some], [{str(label) for label in gold[n]} for n in some]
    clean = _accuracy(classifier, texts, wanted)
    made = [NoiseCost("none", 0.0, 0.0, clean, 0.0)]
    for kind in kinds if kinds is not None else kinds_of(texts):
        for share in shares:
            changed = noisy_all(texts, kind, share, seed)
            found = _accuracy(classifier, changed, wanted)
            differ = float(np.mean([a != b for a, b in zip(texts, changed, strict=True)]))
            made.append(NoiseCost(kind, share, differ, found, clean - found))
    return made


def kinds_of(texts: Sequence[str]) -> list[str]:
    """The kinds of noise that the languages of texts have.

    Example:
        >>> kinds_of(["good"])[:3], "sound" in kinds_of(["好看"])
        (['characters', 'swap', 'drop'], True)
    """
    sample = "".join(texts[:1000])
    chinese = any(map(is_han, sample))
    english = any("a" <= character <= "z" for character in sample.lower())
    more = ("homophone",) if has_pinyin() else ()  # who has not installed it is not asked for it
    return list(dict.fromkeys((*(ENGLISH if english else ()), *((*CHINESE, *more) if chinese else ()))))


def _accuracy(classifier: Classifier, texts: Sequence[str], wanted: Sequence[set[str]]) -> float:
    known, rows = classifier.answers(texts)
    names = np.array([str(label) for label in classifier.labels], object)
    best = np.full(len(texts), None, object)
    if len(rows):
        best[known] = names[rows.argmax(axis=1)]
    return float(np.mean([found in labels for found, labels in zip(best.tolist(), wanted, strict=True)]))
