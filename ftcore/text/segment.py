"""Cutting text into tokens: jieba for Chinese, one regular expression for the rest.

`WordTable.cut` is jieba 0.42.1's ``lcut``, token for token (the tests compare the two), over the
dictionary of a `jieba.Tokenizer`. It differs in time only: jieba copies the path at every step of its
HMM, which is quadratic in a run of unknown characters (64,000 of them take it 18 s).
"""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from ftcore.config import Segment
from ftcore.errors import UnreadableFile
from ftcore.text import protect
from ftcore.text.language import HAN

UserWord = tuple[str, int | None, str | None]
"""(word, frequency or None for one that makes the word win, part of speech or None)"""

_HAS_HAN = re.compile(HAN).search
_USER_LINE = re.compile(r"^(.+?)( [0-9]+)?( [a-z]+)?$")  # jieba's
_BLOCKS = re.compile("([\u4e00-\u9fd5a-zA-Z0-9+#&\\._%\\-]+)")  # jieba's re_han_default
_HMM_BLOCKS = re.compile("([\u4e00-\u9fd5]+)")  # jieba.finalseg's
_HMM_SKIP = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")
_ENGLISH = re.compile("[a-zA-Z0-9]")
_PREFIX = 1.0  # in the table: begins a word but is none (log probabilities are never positive)


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
            match = _USER_LINE.match(text)
            assert match is not None  # one character is enough
            word, frequency, tag = match.groups()
            words.append((word, int(frequency) if frequency else None, tag.strip() if tag else None))
    return words


class WordTable:
    """jieba's dictionary with the user's words, as log probabilities, and its two ways of cutting.

    About 70 MB. Get it from `word_table`, which keeps the last one.
    """

    def __init__(self, user_words: Iterable[UserWord] = ()) -> None:
        jieba, finalseg = _import_jieba()
        self._forced: set[str] = set()  # words of frequency 0, that the HMM must not join either
        user_words = tuple(user_words)
        plain = None if user_words else _plain_table(jieba)
        self._table, self._unknown = plain or self._with_words(_start(jieba), user_words)
        self._start = tuple(finalseg.start_P[state] for state in "BEMS")
        self._emit = _emissions(finalseg)
        self._missing = (finalseg.MIN_FLOAT,) * 4
        trans = finalseg.trans_P
        steps = ("EB", "SB", "BE", "ME", "BM", "MM", "ES", "SS")  # from, to
        self._trans = tuple(trans[a].get(b, finalseg.MIN_FLOAT) for a, b in steps)

    def _with_words(self, tokenizer, user_words: Sequence[UserWord]) -> tuple[dict[str, float], float]:
        """The table after the user's words are added by jieba's own rules, and the weight of an unknown one."""
        for word, frequency, _ in user_words:
            if frequency == 0:
                # not add_word: that would write into a set of jieba's that is global to the process
                self._forced.add(word)
                tokenizer.FREQ[word] = 0
                for stop in range(1, len(word)):
                    tokenizer.FREQ.setdefault(word[:stop], 0)
            else:
                tokenizer.add_word(word, frequency)
        logtotal = math.log(tokenizer.total)
        table = tokenizer.FREQ
        for word, count in table.items():  # in place: a second table would double the memory
            table[word] = math.log(count) - logtotal if count else _PREFIX
        return table, math.log(1) - logtotal

    def cut(self, text: str, hmm: bool = True) -> list[str]:
        """jieba's ``lcut(text, HMM=hmm)`` without the tokens that are white space.

        Example:
            >>> word_table().cut("我来到北京清华大学")
            ['我', '来到', '北京', '清华大学']
        """
        tokens: list[str] = []
        for number, block in enumerate(_BLOCKS.split(text)):
            if number % 2:
                (self._cut_hmm if hmm else self._cut_plain)(block, tokens)
            else:
                tokens.extend(char for char in block if not char.isspace())
        return tokens

    def _route(self, text: str) -> list[int]:
        """End of the word that starts at each position on the most probable way to the end."""
        get, unknown = self._table.get, self._unknown
        n = len(text)
        best, ends = [0.0] * (n + 1), [0] * n
        for k in range(n - 1, -1, -1):
            stop = k + 1
            weight = get(text[k])
            top, end = None, stop
            while weight is not None:
                if weight != _PREFIX:
                    score = weight + best[stop]
                    if top is None or score >= top:  # among equals jieba takes the longer word
                        top, end = score, stop
                if stop == n:
                    break
                stop += 1
                weight = get(text[k:stop])
            best[k] = unknown + best[k + 1] if top is None else top
            ends[k] = end
        return ends

    def _cut_plain(self, text: str, tokens: list[str]) -> None:
        ends = self._route(text)
        at, english = 0, -1  # where a run of single letters and digits began
        while at < len(text):
            end = ends[at]
            if end - at == 1 and _ENGLISH.match(text, at):
                if english < 0:
                    english = at
            else:
                if english >= 0:
                    tokens.append(text[english:at])
                    english = -1
                tokens.append(text[at:end])
            at = end
        if english >= 0:
            tokens.append(text[english:])

    def _cut_hmm(self, text: str, tokens: list[str]) -> None:
        ends = self._route(text)
        at = begin = 0  # text[begin:at]: single characters, for the HMM to join
        while at < len(text):
            end = ends[at]
            if end - at > 1:
                if begin < at:
                    self._recognize(text[begin:at], tokens)
                tokens.append(text[at:end])
                begin = end
            at = end
        if begin < at:
            self._recognize(text[begin:at], tokens)

    def _recognize(self, text: str, tokens: list[str]) -> None:
        if len(text) == 1:
            tokens.append(text)
        elif self._table.get(text, _PREFIX) != _PREFIX:
            tokens.extend(text)  # a known word that the route did not take: left in characters
        else:
            for number, block in enumerate(_HMM_BLOCKS.split(text)):
                if number % 2:
                    for word in self._viterbi(block):
                        tokens.extend(word) if word in self._forced else tokens.append(word)
                else:
                    tokens.extend(piece for piece in _HMM_SKIP.split(block) if piece)

    def _viterbi(self, text: str) -> list[str]:
        """Most probable cut of unknown characters by the states B(egin) M(iddle) E(nd) S(ingle).

        The sums are jieba's, in jieba's order; among equals the larger of the letters wins.
        """
        eb, sb, be, me, bm, mm, es, ss = self._trans
        emit, missing = self._emit.get, self._missing
        first = emit(text[0], missing)
        b, e, m, s = (start + seen for start, seen in zip(self._start, first, strict=True))
        back: list[tuple[bool, bool, bool, bool]] = []
        for char in text[1:]:
            in_b, in_e, in_m, in_s = emit(char, missing)
            b1, b2 = e + eb + in_b, s + sb + in_b  # from E, from S
            e1, e2 = b + be + in_e, m + me + in_e  # from B, from M
            m1, m2 = b + bm + in_m, m + mm + in_m  # from B, from M
            s1, s2 = e + es + in_s, s + ss + in_s  # from E, from S
            back.append((b2 >= b1, e2 >= e1, m2 >= m1, s2 >= s1))
            b, e, m, s = (
                b2 if b2 >= b1 else b1,
                e2 if e2 >= e1 else e1,
                m2 if m2 >= m1 else m1,
                s2 if s2 >= s1 else s1,
            )
        state = "S" if s >= e else "E"
        words: list[str] = []
        end = len(text)
        for at in range(len(text) - 1, -1, -1):
            if state in "BS":
                words.append(text[at:end])
                end = at
            if at:
                from_b, from_e, from_m, from_s = back[at - 1]
                if state == "B":
                    state = "S" if from_b else "E"
                elif state == "S":
                    state = "S" if from_s else "E"
                else:
                    state = "M" if (from_e if state == "E" else from_m) else "B"
        if end:  # the first character is not a beginning: jieba's E or M there
            words.append(text[:end])
        return words[::-1]


def word_table(user_words: Sequence[UserWord] = ()) -> WordTable:
    """The table for these user words; the last one asked for is kept (0.7 s and 70 MB each)."""
    return _word_table(tuple(user_words))


@lru_cache(maxsize=1)
def _word_table(user_words: tuple[UserWord, ...]) -> WordTable:
    # behind `word_table`, since to lru_cache f() and f(()) are two calls, which would push each other out
    return WordTable(user_words)


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
        self._table: WordTable | None = None  # loaded at the first Chinese text

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
            self._table = word_table(self._user_words)
        return self._table.cut(text, self._hmm)


def _straight(token: str) -> str:
    """don’t and don't are one word."""
    return token.replace("’", "'") if "’" in token and len(token) > 1 else token


def _import_jieba():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources and of escapes in jieba's patterns
        import jieba
        from jieba import finalseg
    return jieba, finalseg


def _plain_table(jieba) -> tuple[dict[str, float], float] | None:
    """Of jieba's dictionary alone, what its own reading gives, in half the time.

    The whole file is read at once, and a logarithm taken for each distinct count; None where the file is not one
    of three fields a line.
    """
    with jieba.Tokenizer().get_dict_file() as file:
        text = file.read().decode()
    fields = text.split()
    words, counts = fields[::3], fields[1::3]
    if len(fields) != 3 * len(text.splitlines()) or not all(map(str.isdecimal, counts)):
        return None
    number = {count: int(count) for count in set(counts)}
    logtotal = math.log(sum(map(number.__getitem__, counts)))
    weight = {count: math.log(n) - logtotal if n else _PREFIX for count, n in number.items()}
    table: dict[str, float] = {}
    for size in range(1, max(map(len, words))):
        table.update(dict.fromkeys([word[:size] for word in words if len(word) > size], _PREFIX))
    table.update(zip(words, map(weight.__getitem__, counts), strict=True))
    return table, math.log(1) - logtotal


def _start(jieba):
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


def _emissions(finalseg) -> dict[str, tuple[float, float, float, float]]:
    """Character -> log probabilities of being seen in the states B, E, M, S."""
    tables = [finalseg.emit_P[state] for state in "BEMS"]
    chars = set().union(*tables)
    return {char: tuple(table.get(char, finalseg.MIN_FLOAT) for table in tables) for char in chars}
