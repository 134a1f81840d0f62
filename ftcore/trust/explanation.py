"""Why a text got a label: what each of its words and n-grams adds to the score, exactly.

A fastText classifier is linear in its features: the hidden vector is the mean of their rows, a label's score its
product with the label's row. So the score is a sum, a feature's part being its row times the label's, divided by how
many features there are. Nothing is estimated, and nothing is left over.

Of a hierarchical softmax this holds for each node of the tree, and a label's probability is the product of a sigmoid at each
node of its path. The score is then the logarithm of that probability above the path's without any text, where each branch has
one half. What a node adds to it, log sigmoid(s) - log 1/2, is shared out as the parts of s are: integrated gradients along the
line from no text to this one (Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017), which for a node has
a closed form. Again they sum to the score.

Example:
    >>> found = explain(classifier, "a good film")
    >>> found.label, abs(sum(part.value for part in found.parts) - found.score) < 1e-5
    ('good', True)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ftcore.dictionary.hashing import char_ngrams
from ftcore.dictionary.tokens import EOS
from ftcore.errors import UserError
from ftcore.given import shown
from ftcore.inference.classifier import Classifier
from ftcore.model.huffman import leaf_paths, log_leaves
from ftcore.model.model import Label, Model
from ftcore.text.normalize import normalize
from ftcore.trust.places import Place, places

_SPACES = re.compile(r"[ \n\r\t\v\f\0]+")  # what fastText cuts words at
_NEAR = 1e-6  # a node's score that is as good as none: the gain's slope there is one half
END = "end of line"  # every text has this feature; a linear head keeps its intercept there


@dataclass(frozen=True)
class Contribution:
    """One feature of a text and what it adds to the score.

    Attributes:
        name: a word, an n-gram of characters (``<goo``, a border is < or >), words with spaces between, or `END`.
        kind: word, characters, words or end.
        tokens: the first token that it is of, and the one behind the last.
        value: in logits.
    """

    name: str
    kind: str
    tokens: Place
    value: float


@dataclass(frozen=True)
class Mark:
    """A stretch of a text and what it adds to the score; 0 between tokens.

    Attributes:
        text: the stretch, as it was written.
        value: the sum over a token: its word, its n-grams of characters, its share of n-grams of words.
    """

    text: str
    value: float


@dataclass(frozen=True)
class Explanation:
    """A label's score for a text, taken apart.

    Attributes:
        text: as it was written.
        tokens: what the model's tokenizer made of it.
        places: of each token in the text; None where it does not stand there as it is.
        label: whose score it is.
        against: where the score is a difference, the label whose own is taken off; else None.
        score: the logit, or the difference of two; of a hierarchical softmax see above.
        probability: of the label, as `predict` gives it.
        parts: in the order of the features; they sum to the score.
        rules: of the model's `rules`, those whose pattern is found in the text, as text.
        silent: why the model gives no answer to the text; "" where it does.
    """

    text: str
    tokens: list[str]
    places: list[Place | None]
    label: Label
    against: Label | None
    score: float
    probability: float
    parts: list[Contribution]
    rules: tuple[str, ...] = ()
    silent: str = ""

    @property
    def words(self) -> list[float]:
        """For each token: its word, its n-grams of characters, and its share of n-grams of words."""
        made = [0.0] * len(self.tokens)
        for part in self.parts:
            first, last = part.tokens
            for place in range(first, last):
                made[place] += part.value / (last - first)
        return made

    @property
    def rest(self) -> float:
        """What is of no token: the end of line, and its share of n-grams of words."""
        return sum(part.value for part in self.parts) - sum(self.words)

    def strongest(self, count: int) -> list[Contribution]:
        """The features that weigh most, equal ones (a repeated word) added up, the largest first."""
        found: dict[tuple[str, str], list[Contribution]] = defaultdict(list)
        for part in self.parts:
            found[part.kind, part.name].append(part)
        sums = [
            Contribution(name, kind, same[0].tokens, sum(part.value for part in same))
            for (kind, name), same in found.items()
        ]
        return sorted(sums, key=lambda part: (-abs(part.value), part.name))[:count]

    def marks(self) -> list[Mark]:
        """The text cut at its tokens, each with what it adds; joined they are the text."""
        made, at = [], 0
        for place, value in zip(self.places, self.words, strict=True):
            if place is None:
                continue
            if place[0] > at:
                made.append(Mark(self.text[at : place[0]], 0.0))
            made.append(Mark(self.text[place[0] : place[1]], value))
            at = place[1]
        return [*made, Mark(self.text[at:], 0.0)] if at < len(self.text) else made

    def state(self) -> dict[str, Any]:
        """Everything as JSON holds it."""
        return {
            "text": self.text, "label": self.label, "against": self.against, "score": self.score,
            "probability": self.probability, "rest": self.rest,
            "words": [
                {"token": token, "place": place and list(place), "value": value}
                for token, place, value in zip(self.tokens, self.places, self.words, strict=True)
            ],
            "parts": [{"name": part.name, "kind": part.kind, "value": part.value} for part in self.parts],
            "rules": list(self.rules),
            "silent": self.silent,
        }  # fmt: skip


def explain(
    classifier: Classifier,
    text: str,
    label: Label | None = None,
    against: Label | None = None,
    *,
    tokens: str | None = None,
) -> Explanation:
    """What each word and n-gram of a text adds to the score of a label.

    Under softmax a score means something beside the others' only: `against` takes one of them off.

    Args:
        text: raw, in the model's own language.
        label: default the most probable one.
        against: another label, whose score is taken off.
        tokens: the text's tokens, where they are known; by default the model's tokenizer makes them.

    Raises:
        UserError: an unknown label, a text without any feature.
    """
    model = classifier.model
    if not isinstance(text, str):
        raise UserError(f"explain takes one text, not {shown(text)}")
    line = classifier.tokens([text])[0] if tokens is None else tokens
    dictionary, prefix = model.dictionary, model.args.label
    ids, _ = dictionary.features_of([line], label=prefix or None)
    named = list(_named(classifier, line))
    assert len(named) == len(ids), "features are named in the order in which they are made"
    tables = classifier.predictor.tables
    if tables.pruned:
        rows = dictionary.to_rows(ids)
        named = [about for about, row in zip(named, rows.tolist(), strict=True) if row >= 0]
        ids = rows[rows >= 0]
    _, found = classifier.predictor.raw([line])
    nodes = found[0].astype(np.float64)
    tree = model.args.loss == "hs"
    if tree:
        found = log_leaves(found, dictionary.label_counts)
    scores = found[0].astype(np.float64)
    speaking = tuple(map(str, classifier.rules.speaking(line))) if classifier.rules is not None else ()
    if not len(ids) and not speaking:
        raise UserError(
            f"{text[:60]!r} has no word or n-gram that the model knows; there is nothing to explain"
        )
    told, rows = classifier.told([line])
    shares = rows[0]
    chosen = int(shares.argmax()) if label is None else _number(classifier, "label", label)
    output = classifier.predictor.output.astype(np.float64)
    weigh = (
        partial(_along_path, model, output, nodes) if tree else lambda label: (output[label], scores[label])
    )
    weight, score = weigh(chosen)
    if against is not None:
        weight_against, score_against = weigh(_number(classifier, "against", against))
        weight, score = weight - weight_against, score - score_against
    values = tables.gather(ids).astype(np.float64) @ weight / max(len(ids), 1)
    parts = [Contribution(*about, value) for about, value in zip(named, values.tolist(), strict=True)]
    words = _words(line)
    return Explanation(
        text=text,
        tokens=words,
        places=places(text, words, _spelling(classifier)),
        label=classifier.labels[chosen],
        against=against,
        score=float(score),
        probability=float(shares[chosen]),
        parts=parts,
        rules=speaking,
        silent=_silence(classifier, line, told, rows),
    )


def _silence(classifier: Classifier, line: str, told: np.ndarray, rows: np.ndarray) -> str:
    if not told[0]:
        return "the model knows no word or n-gram of the text"
    if not classifier.certain(told, rows, [line])[0][0]:
        return "the model is not certain enough of a label"
    return ""


def _along_path(model: Model, output: np.ndarray, nodes: np.ndarray, label: int) -> tuple[np.ndarray, float]:
    """float64[D] and the score: what each number of the hidden vector counts, node by node of a label's path.

    Args:
        nodes: float64[O], hidden times each node's row.
    """
    paths, sides, *_ = leaf_paths(model.dictionary.label_counts)
    path, signs = paths[label][sides[label] != 0], sides[label][sides[label] != 0].astype(np.float64)
    values = nodes[path]
    gains = np.log(2) - np.logaddexp(0, -signs * values)  # log sigmoid(sign s) - log 1/2
    near = np.abs(values) < _NEAR
    slopes = np.where(near, signs / 2, gains / np.where(near, 1, values))
    return slopes @ output[path], float(gains.sum())


def _number(classifier: Classifier, name: str, label: Label) -> int:
    labels = classifier.labels
    if label in labels:
        return labels.index(label)
    same = [place for place, own in enumerate(labels) if str(own) == str(label)]
    if same:
        return same[0]
    known = ", ".join(map(str, labels[:8])) + (" …" if len(labels) > 8 else "")
    raise UserError(f"{name} = {shown(label)}: the model has no such label; it knows {known}")


def _named(classifier: Classifier, line: str) -> Iterator[tuple[str, str, Place]]:
    """Name, kind and tokens of each feature of a line, in fastText's order (``Dictionary::getLine``)."""
    model = classifier.model
    dictionary, options = model.dictionary, model.dictionary.options
    prefix = model.args.label.encode()
    words, at = [], []  # the tokens that are words, and which they are
    for place, token in enumerate(_words(line)):
        data = token.encode("utf-8", "surrogateescape")
        if data == EOS:
            break
        if not _is_label(dictionary, data, prefix):
            words.append(data)
            at.append(place)
    known = dictionary.word_ids([*words, EOS])
    for word, place, number in zip(words, at, known[:-1].tolist(), strict=True):
        if number >= 0:
            yield _text(word), "word", (place, place + 1)
        if dictionary.bucket:
            for ngram in char_ngrams(word, options.minn, options.maxn):
                yield _text(ngram), "characters", (place, place + 1)
    if known[-1] >= 0:
        yield END, "end", (0, 0)
    if dictionary.bucket and options.word_ngrams > 1:
        names = [*map(_text, words), END]
        cuts = [*at, (at[-1] + 1) if at else 0]
        for first in range(len(names)):
            for last in range(first + 1, min(first + options.word_ngrams, len(names))):
                inside = min(last + 1, len(words))
                yield " ".join(names[first : last + 1]), "words", (cuts[first], at[inside - 1] + 1)


def _words(line: str) -> list[str]:
    return [word for word in _SPACES.split(line) if word]


def _is_label(dictionary: Any, word: bytes, prefix: bytes) -> bool:
    return bool(prefix) and word.startswith(prefix) and dictionary.word_id(word) < 0


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _spelling(classifier: Classifier) -> Any:
    """What the tokenizer's normalisation makes of a character."""
    tokenizer = classifier.model.tokenizer
    options = getattr(getattr(tokenizer, "text", None), "normalize", None)
    if options is None:
        return lambda character: character
    plain = options.model_copy(
        update={"html": False, "urls": "keep", "emails": "keep", "mask": [], "width": True}
    )

    def spelled(character: str) -> str:
        made = normalize([character], plain).to_pylist()[0]
        return made if made and not made.isspace() else character

    return spelled
