"""Arguments for cutting Chinese text."""

from __future__ import annotations

import numpy as np

from tests.ftcore.native.fuzzing import Given
from tests.ftcore.native.makers import maker

_TEXT = "中国人民的我们a1.%-，。 \r\n\u3000é😀龘"


def _string(g: Given, most: int = 30) -> str:
    return "".join(g.random.choices(_TEXT, k=g.size(most)))


def _rows(g: Given) -> tuple[np.ndarray, np.ndarray]:
    parts = [_string(g).encode() for _ in range(g.size(5))]
    offsets = np.cumsum([0, *map(len, parts)]).astype(g.random.choice((np.int32, np.int64)))
    return np.frombuffer(b"".join(parts), np.uint8).copy(), offsets


def _way(g: Given) -> str:
    return g.random.choice(("default", "search", "all"))


@maker
def Lexicon(g: Given) -> list:
    words = [_string(g, 4).encode() for _ in range(g.size(40))]
    offsets = np.cumsum([0, *map(len, words)]).astype(np.int64)
    counts = g.ints(0, 5, len(words)).astype(np.float64)
    weights = g.rng.normal(size=len(words))
    characters = g.ints(0x4E00, 0x9FD6, g.size(20), dtype=np.int32)
    model = g.rng.normal(size=4), g.rng.normal(size=8), -3.14e100
    blob = np.frombuffer(b"".join(words), np.uint8).copy()
    emissions = g.rng.normal(size=(len(characters), 4))
    return [blob, offsets, counts, weights, g.random.random() < 0.5, 3.0, *model, characters, emissions]


@maker
def Lexicon__log_total(g: Given) -> list:
    return []


@maker
def Lexicon__cut(g: Given) -> list:
    return [_string(g), g.random.random() < 0.5, g.random.random() < 0.5, _way(g)]


@maker
def Lexicon__count(g: Given) -> list:
    return [_string(g, 3)]


@maker
def Lexicon__set(g: Given) -> list:
    return [_string(g, 5), float(g.size(3)), g.rng.normal(), g.random.random() < 0.5]


@maker
def Lexicon__erase(g: Given) -> list:
    return [_string(g, 3)]


@maker
def Lexicon__force_split(g: Given) -> list:
    return [_string(g, 3)]


@maker
def Lexicon__join(g: Given) -> list:
    return [*_rows(g), g.random.random() < 0.5, g.size(3, 1), _way(g)]


@maker
def Lexicon__spans(g: Given) -> list:
    return [*_rows(g), g.random.random() < 0.5, g.random.random() < 0.5, g.size(3, 1)]


@maker
def Lexicon__dump(g: Given) -> list:
    return []


@maker
def load_lexicon(g: Given) -> list:
    return [g.made("Lexicon").dump()]
