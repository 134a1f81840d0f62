"""jieba's own interface over the native core: ``import ftcore.jieba as jieba`` and go on.

The same tokens as jieba 0.42.1, token for token, from its dictionary and yours, some thirty times as fast. Besides single
texts, `cut` and its kin take lists and Arrow columns, which all cores work on. What differs:

* a word of frequency 0 is kept apart in its own tokenizer, not in every one of the process;
* a text with a lone surrogate is refused (UserError) and so is a dictionary with one;
* ``FREQ`` is asked by `get_FREQ`; there is no ``get_DAG``, ``calc`` and no paddle mode.

Source: jieba 0.42.1 (MIT), jieba/__init__.py.

Example:
    >>> from ftcore import jieba
    >>> jieba.lcut("我来到北京清华大学")
    ['我', '来到', '北京', '清华大学']
    >>> list(jieba.cut_for_search("清华大学"))
    ['清华', '华大', '大学', '清华大学']
    >>> jieba.lcut(["我们在北京", "好"])
    [['我们', '在', '北京'], ['好']]
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from ftcore.base.cores import usable_threads
from ftcore.base.strings import string_buffers, strings
from ftcore.errors import UnreadableFile, UserError
from ftcore.text.lexicon import JiebaWords, plain_words, read_words
from ftcore.text.segment import USER_LINE

__version__ = "0.42.1"
__all__ = [
    "Tokenizer", "add_word", "cut", "cut_for_search", "del_word", "disable_parallel", "dt", "enable_parallel", "get_FREQ",
    "initialize", "lcut", "lcut_for_search", "load_userdict", "setLogLevel", "set_dictionary", "suggest_freq", "tokenize",
    "user_word_tag_tab",
]  # fmt: skip

Texts = Sequence[str] | pa.Array | pa.ChunkedArray
"""Many texts: a list of str, or an Arrow column of strings, whose nulls have no tokens."""


class JiebaTokenizer:
    """A dictionary that cuts; `jieba.Tokenizer`.

    Args:
        dictionary: a file of ``word frequency [part of speech]`` lines; default: jieba's own.
    """

    def __init__(self, dictionary: str | os.PathLike | None = None) -> None:
        self.dictionary = dictionary
        self.user_word_tag_tab: dict[str, str] = {}
        self.threads: int | None = None  # of lists and columns; default: one a core
        self._words: JiebaWords | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<Tokenizer dictionary={self.dictionary!r}>"

    @property
    def initialized(self) -> bool:
        """Whether the dictionary was read."""
        return self._words is not None

    @property
    def total(self) -> int:
        """Sum of the frequencies."""
        return self._known().total

    def initialize(self, dictionary: str | os.PathLike | None = None) -> None:
        """Read the dictionary now and not at the first text.

        Raises:
            UserError: it is unreadable.
        """
        with self._lock:
            if dictionary is not None and os.path.abspath(dictionary) != self.dictionary:
                self.set_dictionary(dictionary)
            if self._words is None:
                self._words = (
                    plain_words().copy() if self.dictionary is None else read_words(Path(self.dictionary))
                )

    def set_dictionary(self, dictionary_path: str | os.PathLike) -> None:
        """Another dictionary, from the next text on.

        Raises:
            UserError: there is no such file.
        """
        path = os.path.abspath(dictionary_path)
        if not os.path.isfile(path):
            raise UnreadableFile(f"jieba: file does not exist: {path}")
        with self._lock:
            self.dictionary, self._words = path, None

    def cut(
        self, sentence: Any, cut_all: bool = False, HMM: bool = True, use_paddle: bool = False
    ) -> Iterator[Any]:
        """Tokens of a text, one after the other; of a list or an Arrow column what `lcut` gives, a row at a time.

        Args:
            sentence: str, or bytes in UTF-8 or GBK; or `Texts`.
            cut_all: every word that is there, and not the most probable way.
            HMM: join unknown characters by jieba's model.
            use_paddle: not there; refused.

        Raises:
            UserError: a lone surrogate.
        """
        if use_paddle:
            raise UserError("jieba's paddle mode is not there; leave use_paddle out")
        yield from self._cut(sentence, HMM, "all" if cut_all else "default")

    def lcut(self, sentence: Any, cut_all: bool = False, HMM: bool = True, use_paddle: bool = False) -> Any:
        """The tokens as a list; of a list a list of lists, of an Arrow column a column of lists."""
        if use_paddle:
            raise UserError("jieba's paddle mode is not there; leave use_paddle out")
        return self._cut(sentence, HMM, "all" if cut_all else "default")

    def cut_for_search(self, sentence: Any, HMM: bool = True) -> Iterator[Any]:
        """`cut`, and before each longer word the words of two and three characters in it."""
        yield from self._cut(sentence, HMM, "search")

    def lcut_for_search(self, sentence: Any, HMM: bool = True) -> Any:
        """`cut_for_search` as `lcut` gives it."""
        return self._cut(sentence, HMM, "search")

    def tokenize(
        self, unicode_sentence: str, mode: str = "default", HMM: bool = True
    ) -> Iterator[tuple[str, int, int]]:
        """Tokens with the characters they begin and end at; ``mode="search"``: those of `cut_for_search`.

        Raises:
            ValueError: the text is no str.
        """
        if not isinstance(unicode_sentence, str):
            raise ValueError("jieba: the input parameter should be unicode.")
        start = 0
        count = self._known().count
        for word in self._cut(unicode_sentence, HMM, "default"):
            if mode != "default":
                for size in (2, 3):
                    for at in range(len(word) - size + 1 if len(word) > size else 0):
                        part = word[at : at + size]
                        if count(part):
                            yield part, start + at, start + at + size
            yield word, start, start + len(word)
            start += len(word)

    def load_userdict(self, f: str | os.PathLike | IO) -> None:
        """Add the words of a file: lines of ``word [frequency] [part of speech]`` in UTF-8.

        Raises:
            ValueError: it is not UTF-8. OSError: it cannot be opened.
        """
        if isinstance(f, str | os.PathLike):
            with open(f, "rb") as file:
                self._add_lines(file, str(f))
        else:
            self._add_lines(f, getattr(f, "name", repr(f)))

    def add_word(self, word: str | bytes, freq: int | str | None = None, tag: str | None = None) -> None:
        """Add a word; without a frequency it gets one that makes it win; of frequency 0 it is deleted.

        Raises:
            UserError: the frequency is negative; the word holds a lone surrogate.
        """
        word = _decoded(word)
        with self._lock:
            self._known().add(word, None if freq is None else int(freq))
            if tag:
                self.user_word_tag_tab[word] = tag

    def del_word(self, word: str | bytes) -> None:
        """Delete a word: it is cut apart from now on."""
        self.add_word(word, 0)

    def suggest_freq(self, segment: str | Iterable[str | bytes], tune: bool = False) -> int:
        """The frequency that makes a word win (a str), or lets a word of these parts be cut (a tuple).

        Args:
            segment: the word, or its parts.
            tune: add the word with it.
        """
        given = segment if isinstance(segment, str) else tuple(map(_decoded, segment))
        with self._lock:
            frequency = self._known().suggested(given)
            if tune:
                self.add_word(given if isinstance(given, str) else "".join(given), frequency)
        return frequency

    def get_FREQ(self, k: str, d: Any = None) -> Any:
        """How often a word occurs in the dictionary, `d` where it is no entry."""
        found = self._known().count(k)
        return d if found is None else found

    # ------------------------------------------------------------------------------------ inside
    def _known(self) -> JiebaWords:
        if self._words is None:
            self.initialize()
        assert self._words is not None
        return self._words

    def _add_lines(self, lines: Iterable[str | bytes], name: str) -> None:
        for line in lines:
            text = line.strip()
            if isinstance(text, bytes):
                try:
                    text = text.decode().lstrip("\ufeff")
                except UnicodeDecodeError:
                    raise ValueError(f"dictionary file {name} must be utf-8") from None
            if text and (match := USER_LINE.match(text)):
                word, frequency, tag = match.groups()
                self.add_word(word, frequency and frequency.strip(), tag and tag.strip())

    def _cut(self, given: Any, hmm: bool, way: str) -> Any:
        lexicon = self._known().lexicon
        if isinstance(given, str | bytes | bytearray):
            return _refusing(lambda: lexicon.cut(_decoded(given), bool(hmm), True, way))
        if isinstance(given, pa.Array | pa.ChunkedArray):
            return self._column(given, hmm, way)
        if isinstance(given, list | tuple):
            if way == "default":
                column = _refusing(lambda: strings([_decoded(text) for text in given]))
                return self._column(column, hmm, way).to_pylist()
            return [self._cut(_decoded(text), hmm, way) for text in given]
        raise TypeError(f"a str, a list of them or an Arrow column is wanted, not {type(given).__name__}")

    def _column(self, column: pa.Array | pa.ChunkedArray, hmm: bool, way: str) -> pa.Array:
        """Lists of tokens: the tokens of the most probable way are the text's own bytes, cut at their ends."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if way != "default":
            rows = [None if text is None else self._cut(text, hmm, way) for text in column.to_pylist()]
            return pa.array(rows, pa.large_list(pa.large_string()))
        data, offsets = string_buffers(column.cast(pa.large_string()).fill_null(""))
        lexicon, threads = self._known().lexicon, usable_threads(self.threads)
        begins, ends, cuts = lexicon.spans(data, offsets, bool(hmm), True, threads)
        borders = np.concatenate(
            [begins[:1] if len(begins) else offsets[:1], ends]
        )  # tokens touch each other
        kind = pa.large_string()
        tokens = pa.Array.from_buffers(kind, len(ends), [None, pa.py_buffer(borders), pa.py_buffer(data)])
        missing = column.is_null() if column.null_count else None
        return pa.LargeListArray.from_arrays(pa.array(cuts), tokens, mask=missing)


def _refusing(cut: Callable[[], Any]) -> Any:
    try:
        return cut()
    except UnicodeEncodeError as error:
        raise UserError(
            f"the text holds a lone surrogate at character {error.start}, which is in no text; "
            'take it out: text.encode("utf-8", "replace").decode()'
        ) from None


def _decoded(text: Any) -> str:
    """Bytes are UTF-8 or else GBK, as jieba takes them."""
    if isinstance(text, str):
        return text
    if isinstance(text, bytes | bytearray):
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            return text.decode("gbk", "ignore")
    raise TypeError(f"a text is a str or bytes, not {type(text).__name__} ({text!r:.40})")


Tokenizer = JiebaTokenizer  # its name in jieba
dt = Tokenizer()
"""The tokenizer of the functions below."""

add_word = dt.add_word
cut = dt.cut
cut_for_search = dt.cut_for_search
del_word = dt.del_word
get_FREQ = dt.get_FREQ
initialize = dt.initialize
lcut = dt.lcut
lcut_for_search = dt.lcut_for_search
load_userdict = dt.load_userdict
set_dictionary = dt.set_dictionary
suggest_freq = dt.suggest_freq
tokenize = dt.tokenize
user_word_tag_tab = dt.user_word_tag_tab


def enable_parallel(processnum: int | None = None) -> None:
    """Threads for lists and columns, where jieba starts processes; default: one a core."""
    dt.threads = processnum


def disable_parallel() -> None:
    """One thread for lists and columns."""
    dt.threads = 1


def setLogLevel(log_level: int) -> None:
    """Taken and without effect: nothing is logged."""
