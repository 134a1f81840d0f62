"""The labelled sets of `benchmarks.quality`: train, valid and test as published, or cut by a seed; as tokens.

Words are this project's tokenizer's, the same for all who take part. Where nothing is set apart for validation, a tenth of
the training set is; online_shopping, which has no published split at all, is cut 80/10/10.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from ftcore.text.tokenizer import Tokenizer

Rows = list[tuple[str, str]]  # (text, label)


@dataclass(frozen=True)
class Part:
    """Some documents: raw texts, their tokens (space-joined), their labels."""

    texts: list[str]
    tokens: list[str]
    labels: list[str]

    def lines(self) -> list[str]:
        """In fastText's format."""
        return [f"__label__{label} {line}" for label, line in zip(self.labels, self.tokens, strict=True)]


@dataclass(frozen=True)
class Split:
    """A set, cut into what teaches, what chooses and what is asked once."""

    name: str
    language: str
    train: Part
    valid: Part
    test: Part

    @property
    def characters(self) -> tuple[int, int]:
        """Shortest and longest character n-grams of its language."""
        return (1, 3) if self.language == "zh" else (2, 5)


def read_split(name: str, data: Path, seed: int) -> Split:
    """A set of `SETS`; the seed cuts what is not published as cut."""
    language, read = SETS[name]
    parts, tokenizer = read(data, random.Random(seed)), Tokenizer()
    made = [
        Part([text for text, _ in part], tokenizer.tokenize([text for text, _ in part]), [y for _, y in part])
        for part in parts
    ]
    return Split(name, language, *made)


def _held_out(rows: Rows, draw: random.Random, share: float = 0.1) -> tuple[Rows, Rows]:
    rows = rows[:]
    draw.shuffle(rows)
    cut = int(len(rows) * share)
    return rows[cut:], rows[:cut]


def _csv(path: Path, encoding: str = "utf-8") -> Iterator[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        yield from csv.DictReader(file)


def _banking77(data: Path, draw: random.Random) -> tuple[Rows, Rows, Rows]:
    train, test = (
        [(row["text"], row["category"]) for row in _csv(data / "banking77" / f"{part}.csv")]
        for part in ("train", "test")
    )
    return *_held_out(train, draw), test


def _sst2(data: Path, _draw: random.Random) -> tuple[Rows, Rows, Rows]:
    def read(part: str) -> Rows:
        with (data / "sst2" / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        ends = [
            (row[1], row[0]) if row[0] in ("0", "1") else (row[0], row[-1]) for row in rows if len(row) > 1
        ]
        return [(text, label) for text, label in ends if label in ("0", "1")]

    return read("train"), read("dev"), read("test")


def _thucnews(data: Path, _draw: random.Random) -> tuple[Rows, Rows, Rows]:
    def read(part: str) -> Rows:
        lines = (data / "thucnews_titles" / f"{part}.txt").read_text(encoding="utf-8").split("\n")
        return [(text, label) for text, label in (line.rsplit("\t", 1) for line in lines if line)]

    valid, test = read("dev"), read("test")
    elsewhere = {text for text, _ in valid + test}
    return [row for row in read("train_part") if row[0] not in elsewhere], valid, test


def _ag_news(data: Path, draw: random.Random) -> tuple[Rows, Rows, Rows]:
    def read(part: str) -> Rows:
        with (data / "ag_news" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            return [(" ".join(row[1:]), row[0]) for row in csv.reader(file) if row[0] in ("1", "2", "3", "4")]

    return *_held_out(read("train_subset"), draw), read("test")


def _imdb(data: Path, draw: random.Random) -> tuple[Rows, Rows, Rows]:
    def read(part: str) -> Rows:
        with (data / "imdb" / f"{part}.jsonl.zst").open("rb") as file:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            return [(row["text"], str(row["label"])) for row in map(json.loads, text)]

    return *_held_out(read("train"), draw), read("test")


def _shopping(column: str) -> Callable[[Path, random.Random], tuple[Rows, Rows, Rows]]:
    def read(data: Path, draw: random.Random) -> tuple[Rows, Rows, Rows]:
        file = data / "chn_sentiment" / "online_shopping_10_cats.csv"
        rows = [(row["review"], row[column]) for row in _csv(file, "utf-8-sig") if row["review"].strip()]
        rest, test = _held_out(rows, draw)
        tenth = len(rows) // 10
        return rest[tenth:], rest[:tenth], test

    return read


SETS: dict[str, tuple[str, Callable[[Path, random.Random], tuple[Rows, Rows, Rows]]]] = {
    "banking77": ("en", _banking77),
    "sst2": ("en", _sst2),
    "thucnews_titles": ("zh", _thucnews),
    "ag_news": ("en", _ag_news),
    "shopping_sentiment": ("zh", _shopping("label")),
    "shopping_category": ("zh", _shopping("cat")),
    "imdb": ("en", _imdb),
}
UNCUT = ("sst2", "thucnews_titles")  # published with their validation split: no seed cuts them
