"""The labelled sets of benchmarks as fastText's text files, train and test: made once, kept in a work folder.

English words and punctuation marks are tokens, in lower case; Chinese is segmented by ftcore's own tokenizer.
The training lines are shuffled, because some of the sets are sorted by label and the original's threads
start at different places of the file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import zstandard

from ftcore.errors import UserError
from ftcore.text.tokenizer import Tokenizer

Pairs = list[tuple[str, str]]  # (label, text)
_WORD = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")
_HELD_OUT = 0.2  # of a set that comes undivided


def labelled_files(name: str, data: Path, work: Path) -> tuple[Path, Path]:
    """(train.txt, test.txt) of a set in `SETS`.

    Raises:
        UserError: the set is not in the data folder.
    """
    train, test = (work / f"{name}.{part}.txt" for part in ("train", "test"))
    if not (train.exists() and test.exists()):
        try:
            lines = SETS[name](data)
        except FileNotFoundError as error:
            raise UserError(f"{error.filename}: not there; give the folder of the sets with --data") from None
        random.Random(0).shuffle(lines[0])
        for path, part in zip((train, test), lines, strict=True):
            temporary = path.with_suffix(".part")
            temporary.write_text("".join(f"{line}\n" for line in part), encoding="utf-8", newline="\n")
            os.replace(temporary, path)
    return train, test


def _english(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"__label__{label} {' '.join(_WORD.findall(text.lower()))}" for label, text in pairs]


def _chinese(pairs: Pairs) -> list[str]:
    tokens = Tokenizer().tokenize([text for _, text in pairs])
    return [f"__label__{label} {line}" for (label, _), line in zip(pairs, tokens, strict=True)]


def _imdb(data: Path) -> tuple[list[str], list[str]]:
    def read(part: str) -> list[str]:
        with (data / "imdb" / f"{part}.jsonl.zst").open("rb") as file:
            rows = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            found = [json.loads(row) for row in rows]
        return _english((row["label"], row["text"].replace("<br />", " ")) for row in found)

    return read("train"), read("test")


def _thucnews(data: Path) -> tuple[list[str], list[str]]:
    def read(part: str) -> Pairs:
        text = (data / "thucnews_titles" / f"{part}.txt").read_text(encoding="utf-8")
        rows = [line.rsplit("\t", 1) for line in text.split("\n") if line]
        return [(label, title) for title, label in rows]

    test = read("test")
    seen = {title for _, title in test + read("dev")}  # some titles of train recur there
    return _chinese([pair for pair in read("train_part") if pair[1] not in seen]), _chinese(test)


def _shopping(data: Path) -> tuple[list[str], list[str]]:
    with (data / "chn_sentiment/online_shopping_10_cats.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {row["review"]: row["cat"] for row in csv.DictReader(file) if row["review"].strip()}
    pairs = [(label, text) for text, label in found.items()]  # a text that comes twice, once
    random.Random(1).shuffle(pairs)
    lines, cut = _chinese(pairs), int(len(pairs) * _HELD_OUT)
    return lines[cut:], lines[:cut]


def _ag_news(data: Path) -> tuple[list[str], list[str]]:
    def read(part: str) -> list[str]:
        with (data / "ag_news" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            return _english((row[0], " ".join(row[1:])) for row in csv.reader(file))

    return read("train_subset"), read("test")


def _banking77(data: Path) -> tuple[list[str], list[str]]:
    def read(part: str) -> list[str]:
        with (data / "banking77" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            return _english((row["category"], row["text"]) for row in csv.DictReader(file))

    return read("train"), read("test")


def _cooking(data: Path) -> tuple[list[str], list[str]]:
    def read(part: str) -> list[str]:
        lines = (data / "cooking" / f"cooking.{part}").read_text(encoding="utf-8").lower().split("\n")
        return [re.sub(r"([.!?,'/()])", r" \1 ", line) for line in lines if line]  # as the tutorial does

    return read("train"), read("valid")


SETS: dict[str, Callable[[Path], tuple[list[str], list[str]]]] = {
    "imdb": _imdb,
    "thucnews_titles": _thucnews,
    "online_shopping": _shopping,
    "ag_news": _ag_news,
    "banking77": _banking77,
    "cooking": _cooking,
}
