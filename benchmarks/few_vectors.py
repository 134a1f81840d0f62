"""Vectors of words for `benchmarks.few_labels`: pretrained once on texts without labels, or static embeddings written out.

Each is a `.vec` in a folder of caches, which the original and ours are given alike.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import zstandard

import ftcore
from benchmarks.corpora import wikipedia
from benchmarks.quality_sets import Split
from ftcore.errors import UserError
from ftcore.formats.static import StaticEmbeddings
from ftcore.formats.vec import read_vec, write_vec
from ftcore.text.tokenizer import Tokenizer

MEGABYTES = 45  # of Chinese Wikipedia beside the titles
SKIPGRAM = {"dim": 100, "epoch": 5, "minCount": 5, "maxn": 0, "verbose": 0}
WINDOWS = {
    "film": 20,
    "titles": 5,
}  # a long document is about one thing, and so are words far from each other
STATIC = "static"
SOURCES = {  # what each set's vectors come from
    "sst2": "film",
    "imdb": "film",
    "thucnews_titles": "titles",
    "ag_news": STATIC,
    "banking77": STATIC,
}


def static_folder(given: Path | None) -> Path | None:
    """A folder of static embeddings: the given one, else that of the package wordllama; None where it is not installed."""
    if given is not None:
        return given
    found = find_spec("wordllama")
    return None if found is None or found.origin is None else Path(found.origin).parent


def vectors_of(split: Split, data: Path, cache: Path, static: StaticEmbeddings | None) -> Path:
    """The `.vec` for a set, made where the cache lacks it.

    Raises:
        UserError: a set whose vectors are static embeddings, and none are given.
    """
    source = SOURCES[split.name]
    name = f"{split.name}-{STATIC}" if source == STATIC else source
    made = cache / f"{name}.vec"
    if made.exists():
        return made
    cache.mkdir(parents=True, exist_ok=True)
    if source == STATIC:
        if static is None:
            raise UserError(
                f"{split.name}: takes static embeddings; give a folder with --static, or pip install wordllama"
            )
        _written_out(static, split, made)
        return made
    lines = list(split.train.tokens) if source == "titles" else []
    for line in _reviews(data) if source == "film" else _wiki(data, cache):
        lines.append(line)
    model = ftcore.train_unsupervised(lines, "skipgram", thread=2, ws=WINDOWS[source], **SKIPGRAM)
    partial = made.with_suffix(".part")
    model.save_vectors(str(partial))
    partial.rename(made)
    return made


def dim(vectors: Path) -> int:
    """Numbers a vector of a `.vec`."""
    with vectors.open("rb") as file:
        return int(file.readline().split()[1])


def narrowed(vectors: Path, split: Split, cache: Path) -> Path:
    """The vectors of the words that a set has, in their order: what reads them once a run then reads less."""
    made = cache / f"{split.name}-narrow.vec"
    if not made.exists():
        texts = (line for part in (split.train, split.valid, split.test) for line in part.tokens)
        own = {word.encode() for line in texts for word in line.split()}
        words, rows = read_vec(vectors)
        kept = [place for place, word in enumerate(words) if word in own]
        write_vec(made, [words[place] for place in kept], rows[kept])
    return made


def _written_out(static: StaticEmbeddings, split: Split, made: Path) -> None:
    """The vectors of the pieces that are words, and of the training set's words by their pieces; frequent ones first."""
    words = list(dict.fromkeys(static.words()[0] + " ".join(split.train.tokens).encode().split()))
    vectors, places = static.vectors(words, root=True)
    known = np.flatnonzero(places < static.size)
    order = known[np.argsort(places[known], kind="stable")]
    write_vec(made, [words[i] for i in order.tolist()], vectors[order])


def _reviews(data: Path) -> Iterator[str]:
    """All of imdb's reviews but those of the test set, without their labels."""
    for part in ("unsup", "train"):
        with (data / "imdb" / f"{part}.jsonl.zst").open("rb") as file:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            yield from Tokenizer().tokenize([json.loads(line)["text"] for line in text])


def _wiki(data: Path, cache: Path) -> Iterator[str]:
    with wikipedia("zh", MEGABYTES, data, cache).open(encoding="utf-8", newline="\n") as file:
        yield from (line.rstrip("\n") for line in file)
