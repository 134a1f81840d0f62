"""jieba's dictionary and model for the native core, whose `native.Lexicon` cuts as jieba 0.42.1 does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from ftcore import native
from ftcore.errors import UnreadableFile, UserError
from ftcore.text.kept_lexicon import kept_lexicon

MISSING = -3.14e100  # jieba.finalseg.MIN_FLOAT: of a character never seen in a state, a step never made
_STATES = "BEMS"
_STEPS = ("EB", "SB", "BE", "ME", "BM", "MM", "ES", "SS")  # from, to


def lexicon_of(frequencies: Mapping[str, int], total: int, forced: Iterable[str] = ()) -> native.Lexicon:
    """The lexicon of a live `jieba.Tokenizer`: of its ``FREQ`` and ``total``, with whatever was added to it.

    Args:
        frequencies: word -> how often it occurs, 0 for what only begins words or was deleted.
        total: what they are divided by.
        forced: words that the hidden Markov model must not join, ``jieba.finalseg.Force_Split_Words``.

    Raises:
        UserError: a word holds a lone surrogate, or a count is negative or no number.

    Example:
        >>> lexicon_of({"我": 5, "我们": 2}, 7).cut("我们我", False, False)
        ['我们', '我']
    """
    try:
        blob, offsets = packed(frequencies)
        counts = np.fromiter(frequencies.values(), np.float64, len(frequencies))
        made = native.Lexicon(blob, offsets, counts, logarithms(counts), False, math.log(total), *_model())
        for word in forced:
            made.force_split(word)
    except ValueError as error:  # UnicodeEncodeError is one
        raise UnreadableFile(f"jieba's dictionary: {error}") from None
    return made


class JiebaWords:
    """A lexicon that grows by jieba's rules.

    Args:
        lexicon: of the dictionary; its own from now on.
        total: sum of the dictionary's frequencies.
    """

    def __init__(self, lexicon: native.Lexicon, total: int) -> None:
        self.lexicon, self.total = lexicon, total

    def copy(self) -> JiebaWords:
        """Another with the same words, which grows by itself; what was forced apart is not in it."""
        return JiebaWords(native.load_lexicon(self.lexicon.dump()), self.total)

    def count(self, word: str) -> int | None:
        """How often a word occurs, 0 for what begins words or was deleted; None where it is no entry."""
        found = self.lexicon.count(word)
        return None if found < 0 else int(found)

    def add(self, word: str, frequency: int | None = None) -> None:
        """jieba's ``add_word``; without a frequency, one that makes the word win; 0 deletes the word.

        Raises:
            UserError: the frequency is negative or has more than 53 bits, or the word holds a lone surrogate.
        """
        try:
            if frequency is None:
                frequency = self.suggested(word)
            if not 0 <= frequency < 1 << 53:
                raise UserError(f"frequency of {word!r}: {frequency} is not from 0 to {(1 << 53) - 1}")
            self.lexicon.set(word, frequency, math.log(frequency) if frequency else 0.0, True)
        except UnicodeEncodeError:
            raise UserError(
                f"{word!r} holds a lone surrogate, which no text has; leave the word out"
            ) from None
        self.total += frequency
        if self.total > 0:
            self.lexicon.log_total = math.log(self.total)
        if not frequency:
            self.lexicon.force_split(word)

    def suggested(self, segment: str | tuple[str, ...]) -> int:
        """jieba's ``suggest_freq``: what makes a word win, or what lets a word of these parts be cut."""
        whole = isinstance(segment, str)
        word = segment if isinstance(segment, str) else "".join(segment)
        share = 1.0
        for part in self.lexicon.cut(word, False, True) if whole else segment:
            count = self.count(part)
            share *= (1 if count is None else count) / float(self.total)
        count = self.count(word)
        if whole:
            return max(int(share * self.total) + 1, 1 if count is None else count)
        return min(int(share * self.total), 0 if count is None else count)


_LINE = re.compile(rb"^([^\s]+) ([0-9]{1,15})(?: [^\s]*)?$", re.MULTILINE)


def read_words(path: Path) -> JiebaWords:
    """The words of a dictionary file as jieba reads it: lines of ``word frequency [part of speech]`` in UTF-8.

    Raises:
        UserError: a line is something else.
    """
    raw = path.read_bytes()
    found = _LINE.findall(raw)
    if not found or len(found) != raw.count(b"\n") + (raw[-1:] != b"\n"):
        return _read_slowly(raw, path)
    words, counts = zip(*found, strict=True)
    numbers = np.array(counts).astype(np.int64)
    total = sum(numbers.tolist())
    try:
        blob, offsets = packed([word.decode() for word in words])
    except UnicodeDecodeError:
        return _read_slowly(raw, path)
    given = numbers.astype(np.float64)
    made = native.Lexicon(
        blob, offsets, given, logarithms(given), True, math.log(total) if total else 0.0, *_model()
    )
    return JiebaWords(made, total)


def _read_slowly(raw: bytes, path: Path) -> JiebaWords:
    """By jieba's own steps, line by line, for what `_LINE` does not take."""
    counts: dict[str, int] = {}
    total = 0
    for number, line in enumerate(raw.split(b"\n")[: None if raw[-1:] != b"\n" else -1], 1):
        try:
            word, count = line.strip().decode().split(" ")[:2]
            counts[word] = int(count)
        except ValueError:
            raise UnreadableFile(f"{path}, line {number}: no word with its frequency: {line!r:.60}") from None
        total += counts[word]
        for stop in range(1, len(word) + 1):
            counts.setdefault(word[:stop], 0)
    return JiebaWords(lexicon_of(counts, total), total)


@lru_cache(maxsize=1)
def plain_words() -> JiebaWords:
    """jieba's own dictionary, not to be changed: `JiebaWords.copy` is."""
    folder = jieba_folder()
    path = folder / "dict.txt"
    tables = [folder / "finalseg" / f"prob_{name}.py" for name in ("start", "trans", "emit")]

    def made() -> tuple[native.Lexicon, int]:
        words = read_words(path)
        return words.lexicon, words.total

    return JiebaWords(*kept_lexicon([path, *tables], made))


def packed(words: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Words in UTF-8: (bytes uint8[N], offsets int64[words + 1])."""
    words = list(words)
    blob = np.frombuffer("\n".join(words).encode(), np.uint8)
    ends = np.flatnonzero(blob == ord("\n"))
    if len(ends) != len(words) - 1:  # none, or one that holds a newline
        parts = [word.encode() for word in words]
        blob = np.frombuffer(b"".join(parts), np.uint8)
        return blob, np.cumsum([0, *map(len, parts)], dtype=np.int64)
    kept = blob[blob != ord("\n")]
    return kept, np.concatenate(([0], ends - np.arange(len(ends)), [len(kept)])).astype(np.int64)


def logarithms(counts: np.ndarray) -> np.ndarray:
    """Of each count Python's own, which are jieba's to the bit; 0 of 0."""
    distinct, places = np.unique(counts, return_inverse=True)
    return np.array([math.log(count) if count > 0 else 0.0 for count in distinct.tolist()])[places]


@lru_cache(maxsize=1)
def _model() -> tuple[np.ndarray, np.ndarray, float, np.ndarray, np.ndarray]:
    """jieba's hidden Markov model as `native.Lexicon` takes it: start, steps, missing, characters, emissions."""
    start, trans, emit = (_table(name) for name in ("start", "trans", "emit"))
    steps = [trans[a].get(b, MISSING) for a, b in map(tuple, _STEPS)]
    tables = [emit[state] for state in _STATES]
    characters = sorted(set().union(*tables))
    emissions = np.array([[table.get(char, MISSING) for table in tables] for char in characters])
    codes = np.array([ord(char) for char in characters], np.int32)
    return np.array([start[state] for state in _STATES]), np.array(steps), MISSING, codes, emissions


def _table(name: str) -> dict:
    """One of jieba's tables of probabilities.

    The file is run by itself: importing its package takes jieba's other imports with it.
    """
    path = jieba_folder() / "finalseg" / f"prob_{name}.py"
    spec = spec_from_file_location(f"{__name__}.prob_{name}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.P


def jieba_folder() -> Path:
    """Where the package jieba lies, which is not imported."""
    spec = find_spec("jieba")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("jieba is not installed: pip install jieba")
    return Path(spec.submodule_search_locations[0])
