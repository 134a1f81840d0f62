"""Words whose label is known beforehand: each is learnt from as if it were a document of one word.

``finetune.lexicon``. Such a document weighs ``finetune.lexicon_weight``, a labelled one 1, so that a lexicon means much
beside few documents and little beside many. With pretrained vectors what a word says spreads to those that are near it.
Only the labelled documents judge what is chosen (strength, weights), where there is no validation set.

Source: labelled features as a prior, after Druck, Mann & McCallum, "Learning from labeled features using generalized
expectation criteria" (SIGIR 2008); as pseudo-documents, Liu et al., "Text classification by labeling words" (AAAI 2004).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.dictionary.additions import add_words
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus, TokenCorpus
from ftcore.errors import InvalidOptions, MissingLabels, UnreadableFile
from ftcore.training.documents import Documents, Tokenized

if TYPE_CHECKING:
    from os import PathLike

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lexicon:
    """Words (or phrases) and the label of each.

    Attributes:
        words: as the text has them: tokens joined by spaces.
        labels: as many, one each.
    """

    words: list[str]
    labels: list[str]

    @classmethod
    def of(cls, given: str | PathLike | Mapping[str, Sequence[str]], tokenizer: Any = None) -> Lexicon:
        """A lexicon from a file (`read_lexicon`) or from a mapping of labels to words.

        Args:
            tokenizer: cuts the words as it cuts the documents; None: they are cut by white space.

        Raises:
            UserError: no such file, something else than words, one word with two labels.
        """
        by_label = given if isinstance(given, Mapping) else read_lexicon(given)
        words, labels = [], []
        for label, own in by_label.items():
            words += list(own)
            labels += [str(label)] * len(own)
        cut = [" ".join(word.split()) for word in words] if tokenizer is None else tokenizer.tokenize(words)
        owner: dict[str, str] = {}
        for word, said, label in zip(cut, words, labels, strict=True):
            if owner.setdefault(word, label) != label:
                raise InvalidOptions(
                    f"lexicon: {said!r} is a word of {owner[word]!r} and of {label!r}; keep it in one of them"
                )
        owner.pop("", None)  # what the tokenizer takes for no word
        return cls(list(owner), list(owner.values()))

    def __len__(self) -> int:
        return len(self.words)


def read_lexicon(path: str | PathLike) -> dict[str, list[str]]:
    """The words of a file by their labels.

    Args:
        path: YAML or JSON (``.yaml``, ``.yml``, ``.json``), ``label: [word, word]``; else lines ``word<TAB>label``.

    Raises:
        UserError: it cannot be read, or is something else; names the line or the label.

    Example:
        ``read_lexicon("examples/sentiment_words.tsv")["positive"][0]`` is ``"good"``
    """
    file = Path(path)
    if file.suffix in (".yaml", ".yml", ".json"):
        from ftcore.base.yaml_tree import read

        return checked(read(file, "file")[0], str(path))
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be read as UTF-8 text ({error}); correct the path") from error
    made: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, tab, label = line.rstrip("\r").partition("\t")
        if not tab or not word.strip() or not label.strip() or "\t" in label:
            raise UnreadableFile(f"{path}:{number}: {line!r} is no word<TAB>label; write it so")
        made.setdefault(label.strip(), []).append(word.strip())
    return made


def checked(found: Any, place: str = "lexicon") -> dict[str, list[str]]:
    """A mapping of labels to lists of words, as text.

    Raises:
        UserError: it is something else; names the label.
    """
    if not isinstance(found, Mapping):
        raise InvalidOptions(f"{place}: a lexicon is written label: [word, word], a line for each label")
    for label, words in found.items():
        if (
            isinstance(words, str)
            or not isinstance(words, Sequence)
            or not all(isinstance(w, str) for w in words)
        ):
            raise InvalidOptions(
                f"{place}: label {label!r} has {words!r}; give a list of words, in quotes where YAML reads "
                "something else (yes, no, 1)"
            )
    return {str(label): list(words) for label, words in found.items()}


def check_words(lexicon: Lexicon, labels: Iterable[str]) -> None:
    """Refuse words of labels that there are not.

    Raises:
        UserError: it names the first.
    """
    known = list(labels)
    if unknown := sorted(set(lexicon.labels) - set(known)):
        raise MissingLabels(
            f"lexicon: no document has the label {unknown[0]!r}; the documents' are "
            f"{', '.join(map(repr, known[:10]))}: name the lexicon's so"
        )


class WithLexicon(Documents):
    """Documents, and behind them each word of a lexicon as one more.

    Args:
        documents: of a classifier.
        lexicon: its labels are among theirs.
        weight: of each word, where a document weighs 1.

    Raises:
        UserError: when they are read: a label that no document has.

    Example:
        learn(WithLexicon(documents, Lexicon.of({"good": ["great"]}), 1.0), options, conditions)
    """

    def __init__(self, documents: Documents, lexicon: Lexicon, weight: float) -> None:
        self.documents, self.lexicon, self.weight = documents, lexicon, weight

    def count(self, options: Any) -> Dictionary:
        """Words and labels of the documents, and the words of the lexicon."""
        words = [part.encode() for word in self.lexicon.words for part in word.split()]
        return add_words(self.documents.count(options), words, b"")

    def bags(self, dictionary: Dictionary, grow: bool) -> BagCorpus:
        """Features and labels of the documents, then of the words."""
        check_words(self.lexicon, dictionary.labels)
        words = Tokenized.of(self.lexicon.words, [[label] for label in self.lexicon.labels])
        # rows of n-grams move when others come between them: all are there before a document is numbered
        if grow:
            words.bags(dictionary, grow=True)
        own = self.documents.bags(dictionary, grow)
        more = words.bags(dictionary, grow=False)
        log.info("lexicon: %d words, %g of a document each", len(self.lexicon), self.weight)
        return joined(own, more)

    def tokens(self, dictionary: Dictionary) -> TokenCorpus:
        """Lines of word ids, the documents' alone."""
        return self.documents.tokens(dictionary)

    def weights(self, documents: int) -> np.ndarray | None:
        """Those of the documents, then of the words."""
        own = self.documents.weights(documents - len(self.lexicon))
        given = np.ones(documents - len(self.lexicon)) if own is None else np.asarray(own, float)
        return np.concatenate([given, np.full(len(self.lexicon), self.weight)])

    def judging(self, documents: int) -> np.ndarray:
        """bool[documents], those of the documents that may, and none of the words."""
        own = self.documents.judging(documents - len(self.lexicon))
        given = np.ones(documents - len(self.lexicon), np.bool_) if own is None else own
        return np.concatenate([given, np.zeros(len(self.lexicon), np.bool_)])

    def origins(self, documents: int) -> np.ndarray | None:
        """Those of the documents; a word is no copy."""
        own = self.documents.origins(documents - len(self.lexicon))
        return None if own is None else np.append(own, np.arange(len(own), documents))


def joined(a: BagCorpus, b: BagCorpus) -> BagCorpus:
    """The documents of both, in memory."""
    return BagCorpus(
        np.concatenate([a.ids, b.ids]),
        np.concatenate([a.offsets, a.offsets[-1] + b.offsets[1:]]),
        np.concatenate([a.targets, b.targets]),
        np.concatenate([a.target_offsets, a.target_offsets[-1] + b.target_offsets[1:]]),
    )
