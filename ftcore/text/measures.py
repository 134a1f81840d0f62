"""What filters measure documents by, for whole columns: shares of characters, lines, repetitions, function words.

The counting is `ftcore.native.measure_texts` over the texts as they were read, and `repeated_ngrams` over their tokens.
Sources: J. Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training Gopher" (2021), A1.1 (words,
symbols, bullets, ellipses, function words, repetitions); G. Penedo et al., "The FineWeb Datasets" (2024: lines that
end, short lines) and "FineWeb2" (2025: Chinese); J. Chen et al., "ChineseWebText" (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from ftcore import native
from ftcore.base.strings import string_buffers
from ftcore.errors import UserError
from ftcore.text.letters import letters

_COUNTS = (
    *(
        "characters",
        "words",
        "alphabetic",
        "han",
        "latin",
        "foreign",
        "digits",
        "marks",
        "hashes",
        "links",
        "lines",
    ),
    *("bullets", "trailing", "ended", "short", "repeated_lines", "in_repeated_lines", "paragraphs"),
    *("repeated_paragraphs", "in_repeated_paragraphs"),
)  # columns of native.measure_texts, in their order
# the eight words of Gopher, and the commonest ones of Chinese that say nothing of a subject, in both its scripts
_STOPWORDS = "the be to of and that have with 的 是 在 了 和 有 不 也 而 与 與 为 為 于 於 被 这 這 他 我 就 都 对 對 之 以 及"
STOPWORDS = tuple(_STOPWORDS.split())
_SHARES = {  # of what there are how many; a text without any has the share 0
    "marks": "characters",
    "digits": "characters",
    "links": "characters",
    "alphabetic": "words",
    "ended": "lines",
    "short": "lines",
    "bullets": "lines",
    "trailing": "lines",
    "repeated_lines": "lines",
    "in_repeated_lines": "characters",
    "repeated_paragraphs": "paragraphs",
    "in_repeated_paragraphs": "characters",
}
COMMON = tuple(f"common_{n}grams" for n in (2, 3, 4))
REPEATED = tuple(f"repeated_{n}grams" for n in range(5, 11))
_LOOKED_AT = 1_000  # characters that lingua is asked about
# the other languages in Latin letters that crawls hold most of; of all 75 lingua knows, its tables take .9 GB
_LANGUAGES = (
    "FRENCH GERMAN SPANISH ITALIAN PORTUGUESE DUTCH SWEDISH DANISH BOKMAL FINNISH POLISH CZECH ROMANIAN HUNGARIAN "
    "TURKISH INDONESIAN VIETNAMESE CATALAN LATIN"
)


class MeasuredBatch:
    """The measures of a batch's documents, float64 [n] by name, each made when it is first asked for.

    Args:
        batch: columns text, language and tokens.
        identifier: ``lingua`` to ask it for the confidence of English.
        blocklist: what `Blocklist` made of one.

    Example:
        >>> from ftcore.base.strings import strings
        >>> columns = {name: strings([value]) for name, value in zip(("text", "language", "tokens"), ("A 12", "en", "a 12"))}
        >>> MeasuredBatch(pa.RecordBatch.from_pydict(columns))["digits"].tolist()
        [0.6666666666666666]
    """

    def __init__(
        self, batch: pa.RecordBatch, identifier: str = "script", blocklist: Blocklist | None = None
    ) -> None:
        self._batch, self._identifier, self._blocklist = batch, identifier, blocklist
        self._made: dict[str, np.ndarray] = {}
        self._counted: np.ndarray | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            self._make(name)
        return self._made[name]

    def _make(self, name: str) -> None:
        made = self._made
        if name in _SHARES:
            made[name] = _share(self._count(name), self._count(_SHARES[name]))
        elif name == "characters":
            made[name] = self._count(name).astype(np.float64)
        elif name == "tokens":
            made[name] = count_tokens(self._batch.column("tokens")).astype(np.float64)
        elif name == "hashes":
            made[name] = _share(self._count("hashes"), self["tokens"])
        elif name == "word_length":
            made[name] = _share(self._count("characters"), self._count("words"))
        elif name in COMMON or name in REPEATED:
            data, offsets = string_buffers(self._batch.column("tokens"))
            shares = np.zeros((len(self._batch), native.REPETITIONS))
            native.repeated_ngrams(data, offsets, shares)
            made |= dict(zip((*COMMON, *REPEATED), shares.T, strict=True))
        elif name == "stopwords":
            made[name] = _found(_stopwords(), self._batch.column("text"))[:, 1].astype(np.float64)
        elif name == "blocked":
            assert self._blocklist is not None
            made[name] = _found(self._blocklist.phrases, self._batch.column("text"))[:, 0].astype(np.float64)
        elif name == "language_score":
            made[name] = self._language_score()
        else:
            raise KeyError(name)

    def _count(self, name: str) -> np.ndarray:
        """A column of `native.measure_texts`, int64 [n]."""
        if self._counted is None:
            data, offsets = string_buffers(self._batch.column("text"))
            self._counted = np.zeros((len(self._batch), native.MEASURES), np.int64)
            native.measure_texts(letters(), data, offsets, self._counted)
        return self._counted[:, _COUNTS.index(name)]

    def _language_score(self) -> np.ndarray:
        """The share of a language's script among Han characters, Latin words and letters of other scripts."""
        han, latin, foreign = (self._count(name) for name in ("han", "latin", "foreign"))
        languages = self._batch.column("language").to_numpy(zero_copy_only=False)
        own = np.where(languages == "zh", han, np.where(languages == "en", latin, han + latin))
        score = _share(own, han + latin + foreign)
        if self._identifier == "lingua":
            english = np.flatnonzero((languages == "en") & (score > 0))
            ask = _lingua()
            texts = self._batch.column("text").take(pa.array(english)).to_pylist()
            score[english] *= [ask(text[:_LOOKED_AT].lower()) for text in texts]
        return score


class Blocklist:
    """Words and phrases, a line each, to be sought in texts.

    Raises:
        UserError: a file is missing, not UTF-8, or holds no word.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        from ftcore.text.stopwords import read_list

        found = [word for path in paths for word in read_list(path, "filters.blocklist")]
        if not found:
            raise UserError(f"filters.blocklist: {', '.join(paths)}: no word in it; fill it, or leave it out")
        self.words = list(dict.fromkeys(found))
        self.phrases = native.Phrases([word.encode() for word in self.words])

    def first(self, texts: pa.Array) -> list[str]:
        """The word that is found first in each text, "" where there is none."""
        return [
            self.words[number] if number >= 0 else "" for number in _found(self.phrases, texts)[:, 2].tolist()
        ]


def count_tokens(tokens: pa.Array) -> np.ndarray:
    """Number of tokens in each space-joined string: int64 [n].

    Example:
        >>> count_tokens(pa.array(["", "a", "a b"])).tolist()
        [0, 1, 2]
    """
    data, offsets = string_buffers(tokens)
    return np.where(np.diff(offsets) > 0, native.count_byte(data, offsets, ord(" ")) + 1, 0)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.maximum(whole, 1)


def _found(phrases: native.Phrases, texts: pa.Array) -> np.ndarray:
    """int64 [n, 3]: occurrences, different ones, the number of the first."""
    data, offsets = string_buffers(texts)
    out = np.zeros((len(texts), 3), np.int64)
    phrases.count(data, offsets, out)
    return out


@lru_cache(maxsize=1)
def _stopwords() -> native.Phrases:
    return native.Phrases([word.encode() for word in STOPWORDS])


@lru_cache(maxsize=1)
def _lingua() -> Callable[[str], float]:
    """How sure lingua is that a text is English and not in the likeliest other language of `_LANGUAGES`."""
    try:
        import lingua
    except ModuleNotFoundError:
        raise UserError(
            "filters.identifier: lingua is not installed; pip install 'ftcore[lingua]', or set filters.identifier=script"
        ) from None
    known = [getattr(lingua.Language, name) for name in _LANGUAGES.split()]
    detector: Any = lingua.LanguageDetectorBuilder.from_languages(lingua.Language.ENGLISH, *known).build()

    def sure(text: str) -> float:
        values = {found.language: found.value for found in detector.compute_language_confidence_values(text)}
        english = values.pop(lingua.Language.ENGLISH)
        return english / max(english + max(values.values()), 1e-12)

    return sure
