"""jieba's dictionary and model for the native core, whose `native.Lexicon` cuts as jieba 0.42.1 does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from ftcore import native
from ftcore.errors import UnreadableFile, UserError

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
    steps = [trans[a].get(b, MISSING) for a, b in _STEPS]
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
