"""The dictionary's side of `_FastText`: words, labels, their numbers, lines cut into both.

Source: fastText 0.9.3 ``FastText.py``, and ``getLine``, ``getVocab``, ``getSubwords`` of
``pybind/fasttext_pybind.cc``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ftcore.compat.checks import checked_line, checked_lines, checked_word, is_one
from ftcore.dictionary.dictionary import encode, label_bytes, split
from ftcore.dictionary.hashing import EOS, char_ngrams, fnv1a
from ftcore.errors import IncompatibleModel
from ftcore.given import on_unicode_error as checked_errors
from ftcore.given import shown

if TYPE_CHECKING:
    from ftcore.model.model import Model


class Vocabulary:
    """Methods that need no table."""

    classic: Model

    def is_quantized(self) -> bool:
        """Whether the input matrix is quantised."""
        return self.classic.quantized

    def get_dimension(self) -> int:
        """Size of the vectors."""
        return self.classic.args.dim

    @cached_property
    def words(self) -> list[str]:
        """`get_words`, made once."""
        return self.get_words()  # type: ignore[return-value]  # without counts

    @cached_property
    def labels(self) -> list[str]:
        """`get_labels`, made once."""
        return self.get_labels()  # type: ignore[return-value]

    def get_words(
        self, include_freq: bool = False, on_unicode_error: str = "strict"
    ) -> list[str] | tuple[list[str], np.ndarray]:
        """The vocabulary by id; with counts int64[nwords] if asked.

        Args:
            on_unicode_error: of bytes that are no UTF-8: strict raises, replace shows �, ignore drops them.
        """
        dictionary, errors = self.classic.dictionary, checked_errors(on_unicode_error)
        words = [word.decode("utf-8", errors) for word in dictionary.words]
        return (words, np.array(dictionary.counts)) if include_freq else words

    def get_labels(
        self, include_freq: bool = False, on_unicode_error: str = "strict"
    ) -> list[str] | tuple[list[str], np.ndarray]:
        """Labels by id, prefix included; with counts if asked. The words, of an unsupervised model."""
        if not self.classic.args.supervised:
            return self.get_words(include_freq, on_unicode_error)
        dictionary = self.classic.dictionary
        labels = self._names(on_unicode_error).tolist()
        return (labels, np.array(dictionary.label_counts)) if include_freq else labels

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        """Label -> nwords + label id."""
        dictionary = self.classic.dictionary
        return {label_bytes(label): dictionary.nwords + i for i, label in enumerate(dictionary.labels)}

    def _names(self, errors: str) -> np.ndarray:
        """Names of the labels: object[C]."""
        if errors not in self._decoded:
            labels = self.classic.dictionary.label_bytes
            checked_errors(errors)
            self._decoded[errors] = np.array([label.decode("utf-8", errors) for label in labels], object)
        return self._decoded[errors]

    @cached_property
    def _decoded(self) -> dict[str, np.ndarray]:
        """`_names` by how errors are handled; made once, since every prediction asks."""
        return {}

    def get_word_id(self, word: str) -> int:
        """Id of a word, nwords + label id of a label, -1 of what is in neither."""
        key = checked_word(word)
        found = self.classic.dictionary.word_id(key)
        return found if found >= 0 else self._ids.get(key, -1)

    def get_label_id(self, label: str) -> int:
        """Id of a label, -1 if there is none of that name (a word is none)."""
        found = self._ids.get(checked_word(label, "label"), -1)
        return found if found < 0 else found - self.classic.dictionary.nwords

    def get_subword_id(self, subword: str) -> int:
        """Row of a character n-gram: nwords + hash % bucket.

        Raises:
            UserError: a model without buckets.
        """
        classic, key = self.classic, checked_word(subword, "subword")
        if classic.args.bucket <= 0:
            raise IncompatibleModel(
                f"this model has no buckets (bucket = {classic.args.bucket}), so {subword!r} has no row"
            )
        return classic.dictionary.nwords + fnv1a(key) % classic.args.bucket

    def get_subwords(self, word: str, on_unicode_error: str = "strict") -> tuple[list[str], np.ndarray]:
        """The word, if it has a row, and its character n-grams; and their rows, int64.

        Of a pruned model the names are all n-grams and the rows only those kept, as in the original.
        """
        classic, key = self.classic, checked_word(word)
        dictionary = classic.dictionary
        found = self.get_word_id(word)
        names = [] if found < 0 else [key]
        names += char_ngrams(key, dictionary.options.minn, dictionary.options.maxn)
        rows = dictionary.subwords(key)
        if dictionary.bucket_rows.leaves_out:
            rows = dictionary.to_rows(rows)
            rows = rows[rows >= 0]
        if found >= dictionary.nwords:  # the original answers for a label too
            rows = np.concatenate([[found], rows])
        return [name.decode("utf-8", on_unicode_error) for name in names], rows.astype(np.int64)

    def get_line(self, text: str | list[str], on_unicode_error: str = "strict") -> tuple[list, list]:
        """Words and known labels of a line; of a list of lines, a list of each.

        Example:
            >>> model.get_line("__label__de Guten Tag")
            (['Guten', 'Tag', '</s>'], ['__label__de'])
        """
        if is_one(text):
            return self._split(checked_line(text, "get_line"), on_unicode_error)
        pairs = [self._split(line, on_unicode_error) for line in checked_lines(text, "get_line")]
        return [words for words, _ in pairs], [labels for _, labels in pairs]

    def _split(self, line: str, errors: str, eos: bool = True) -> tuple[list[str], list[str]]:
        prefix = encode(self.classic.args.label)
        tokens = [*split(line), EOS] if eos else split(line)
        tokens = tokens[: tokens.index(EOS) + 1] if EOS in tokens else tokens
        words: list[str] = []
        labels: list[str] = []
        for token, known in zip(tokens, self.classic.dictionary.word_ids(tokens).tolist(), strict=True):
            if known < 0 and token in self._ids:
                labels.append(token.decode("utf-8", errors))
            elif known >= 0 or not token.startswith(prefix):
                words.append(token.decode("utf-8", errors))
        return words, labels

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.classic.dictionary.word_id(encode(word)) >= 0


def tokenize(text: str) -> list[str]:
    r"""Tokens of a text at fastText's separators; each newline is a ``</s>``.

    Example:
        >>> tokenize("one two\n")
        ['one', 'two', '</s>']
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenize takes a str, not {shown(text)}")
    tokens: list[str] = []
    for i, line in enumerate(encode(text).split(b"\n")):
        tokens += ["</s>"] * (i > 0)
        tokens += [token.decode("utf-8", "surrogatepass") for token in split(line)]
    return tokens
