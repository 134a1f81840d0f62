"""Cutting text into tokens: jieba for Chinese, one regular expression for the rest.

`WordTable.cut` is jieba 0.42.1's ``lcut``, token for token (the tests compare the two), in the native
core (`native/cutting/lexicon.h`). jieba itself is the ``reference`` engine, one setting away.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftcore.config import Segment
from ftcore.errors import UnreadableFile
from ftcore.text import protect
from ftcore.text.language import HAN
from ftcore.text.lexicon import plain_words

UserWord = tuple[str, int | None, str | None]
"""(word, frequency or None for one that makes the word win, part of speech or None)"""

_HAS_HAN = re.compile(HAN).search
USER_LINE = re.compile(r"^(.+?)( [0-9]+)?( [a-z]+)?$")  # jieba's
_SURROGATE = re.compile("([\ud800-\udfff])")


def read_user_dict(path: str) -> list[UserWord]:
    """Words of a jieba user dictionary: lines of ``word [frequency] [part of speech]`` in UTF-8.

    Raises:
        UserError: the file is missing or a line cannot be read.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFile(f"text.segment.user_dict: {path}: {error.strerror}; check the path") from None
    words: list[UserWord] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            text = line.decode().lstrip("\ufeff").strip()
            text.encode()
        except UnicodeDecodeError:
            raise UnreadableFile(
                f"{path}, line {number}: not UTF-8; a user dictionary must be UTF-8"
            ) from None
        if text:
            match = USER_LINE.match(text)
            assert match is not None  # one character is enough
            word, frequency, tag = match.groups()
            words.append((word, int(frequency) if frequency else None, tag.strip() if tag else None))
    return words


class WordTable:
    """jieba's dictionary with the user's words, and its two ways of cutting.

    About 20 MB. Get it from `word_table`, which keeps the last one.

    Attributes:
        lexicon: for whoever cuts columns.
    """

    def __init__(self, user_words: Iterable[UserWord] = ()) -> None:
        words, user_words = plain_words(), tuple(user_words)
        if user_words:
            words = words.copy()
            for word, frequency, _ in user_words:
                words.add(word, frequency)
        self.lexicon = words.lexicon

    def cut(self, text: str, hmm: bool = True) -> list[str]:
        """jieba's ``lcut(text, HMM=hmm)`` without the tokens that are white space.

        Example:
            >>> word_table().cut("我来到北京清华大学")
            ['我', '来到', '北京', '清华大学']
        """
        try:
            return self.lexicon.cut(text, hmm, False)
        except UnicodeEncodeError:  # a lone surrogate is in no word, and jieba's token by itself
            return [token for part in _SURROGATE.split(text) for token in self._part(part, hmm)]

    def _part(self, text: str, hmm: bool) -> list[str]:
        return [text] if _SURROGATE.fullmatch(text) else self.lexicon.cut(text, hmm, False)


def word_table(user_words: Sequence[UserWord] = ()) -> WordTable:
    """The table for these user words; the last one asked for is kept."""
    return _word_table(tuple(user_words))


@lru_cache(maxsize=1)
def _word_table(user_words: tuple[UserWord, ...]) -> WordTable:
    # behind `word_table`, since to lru_cache f() and f(()) are two calls, which would push each other out
    return WordTable(user_words)


class JiebaTable:
    """The same by jieba itself, of which `WordTable` is the faster copy: the ``reference`` engine.

    Words of frequency 0 go into jieba's set of words to split, which the process has one of.
    """

    def __init__(self, user_words: Iterable[UserWord] = ()) -> None:
        self._tokenizer = _start(_import_jieba())
        for word, frequency, _ in user_words:
            self._tokenizer.add_word(word, frequency)

    def cut(self, text: str, hmm: bool = True) -> list[str]:
        """Like `WordTable.cut`."""
        return [token for token in self._tokenizer.lcut(text, HMM=hmm) if not token.isspace()]


class Segmenter:
    """Text to tokens by the options in `config.Segment` (punctuation is the tokenizer's business).

    With `protect`, spans of `protect.SPANS` are tokens and the rest goes to jieba, text without
    Han characters never does. Without, tokens are jieba's own. Both work between white space, since
    neither jieba nor a protected span looks across it.

    Args:
        wide: of the protected spans, see `protect.pieces`.
    """

    def __init__(self, options: Segment, user_words: Sequence[UserWord] = (), wide: bool = True) -> None:
        self._protect, self._hmm, self._wide = options.protect, options.hmm, wide
        self._user_words = tuple(user_words)
        self._engine = options.engine
        self._table: WordTable | JiebaTable | None = None  # loaded at the first Chinese text

    def cut(self, text: str) -> list[str]:
        """Tokens of a text, in order; white space is not a token.

        Example:
            >>> Segmenter(Segment()).cut("我用C++写 state-of-the-art 程序")
            ['我用', 'C++', '写', 'state-of-the-art', '程序']
        """
        return [token for chunk in text.split() for token in self.cut_chunk(chunk)]

    def cut_chunk(self, chunk: str) -> list[str]:
        """Tokens of what stands between white space."""
        if not self._protect:
            return self._jieba(chunk)
        if not _HAS_HAN(chunk):
            return [_straight(token) for token in protect.tokens(chunk, self._wide)]
        tokens: list[str] = []
        for piece, protected in protect.pieces(chunk, self._wide):
            if protected:
                tokens.append(_straight(piece))
            else:
                tokens += self._jieba(piece)
        return tokens

    def _jieba(self, text: str) -> list[str]:
        if self._table is None:
            native = self._engine == "native"
            self._table = word_table(self._user_words) if native else JiebaTable(self._user_words)
        return self._table.cut(text, self._hmm)


def _straight(token: str) -> str:
    """don’t and don't are one word."""
    return token.replace("’", "'") if "’" in token and len(token) > 1 else token


def _import_jieba() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources and of escapes in jieba's patterns
        import jieba
    return jieba


def _start(jieba: Any) -> Any:
    """A `jieba.Tokenizer` of our own, loaded from its dictionary, without its chatter on stderr.

    jieba would keep a marshalled copy in the shared temporary folder and trust whatever lies there
    under that name; an impossible folder makes it go without (0.4 s more at the start).
    """
    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = "/nonexistent"
    logger = logging.getLogger("jieba")
    level, logger.disabled = logger.disabled, True
    try:
        tokenizer.initialize()
    finally:
        logger.disabled = level
    return tokenizer
