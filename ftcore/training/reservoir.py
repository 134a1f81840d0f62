"""Documents of earlier trainings that are kept to be learnt from again, so that what they taught is not forgotten.

Each label gets an equal part of the places, and of each label every document seen so far has the same chance of being among
those that are kept (Vitter, "Random sampling with a reservoir", ACM TOMS 1985).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.base.files import atomic_file
from ftcore.errors import UnreadableFile, UserError
from ftcore.model.model import Label
from ftcore.training.documents import Tokenized

if TYPE_CHECKING:
    import pyarrow as pa

_LINE = 80  # bytes of a line of the file beside text and label
MOST = 5  # times that a kept text is learnt from, beside one of the new ones
Labelled = tuple[str, Label | list[Label]]


class Reservoir:
    """A bounded sample of all labelled texts seen so far.

    Args:
        capacity: texts kept at most.
        seed: of the draws; the same texts in the same order give the same sample.
        in_bytes: the capacity is bytes of the file that `save` writes, about, instead.

    Raises:
        UserError: a capacity below 1.

    Example:
        >>> kept = Reservoir(2); kept.add([("a", "x"), ("b", "x"), ("c", "y")]); len(kept), sorted({l for _, l in kept})
        (2, ['x', 'y'])
    """

    def __init__(self, capacity: int, seed: int = 0, in_bytes: bool = False) -> None:
        if capacity < 1:
            raise UserError(f"capacity = {capacity}: a reservoir keeps at least one text")
        self.capacity, self.seed, self.in_bytes = capacity, seed, in_bytes
        self._kept: dict[str, list[tuple[float, int, Labelled]]] = {}  # of each label, by their draw
        self._seen = 0
        self._seen_of: dict[str, int] = {}

    @classmethod
    def sized(cls, size: int | str, seed: int = 0) -> Reservoir:
        """Of so many texts, or of so many bytes.

        Raises:
            UserError: neither a number nor one with k, M or G.

        Example:
            >>> Reservoir.sized("20M").capacity, Reservoir.sized(3000).in_bytes
            (20000000, False)
        """
        made = cls(1, seed)
        made.resize(size)
        return made

    def resize(self, size: int | str) -> None:
        """Another room, in texts or with k, M or G in bytes; what does not fit is let go of."""
        from ftcore.training.fitting import parse_size

        self.in_bytes = not str(size).isdecimal()
        self.capacity = parse_size(str(size)) or 1
        self._shrink()

    def add(self, pairs: Iterable[Labelled]) -> None:
        """See more texts.

        Args:
            pairs: (text, label or list of labels); of several labels the first says where it is kept.
        """
        for text, label in pairs:
            first = label[0] if isinstance(label, list) else label
            draw = float(np.random.default_rng([self.seed, self._seen]).random())
            self._kept.setdefault(str(first), []).append((draw, self._seen, (text, label)))
            self._seen += 1
            self._seen_of[str(first)] = self._seen_of.get(str(first), 0) + 1
        self._shrink()

    def _shrink(self) -> None:
        """Each label keeps its smallest draws: places that one does not need are the others'."""
        places = self.capacity
        sizes = sorted((sum(map(self._room, rows)), name) for name, rows in self._kept.items())
        for left, (size, name) in zip(range(len(sizes), 0, -1), sizes, strict=True):
            share = min(size, places // left)
            if share < size:
                rows = sorted(self._kept[name])
                ends = np.cumsum([self._room(row) for row in rows])
                self._kept[name] = rows[: int(np.searchsorted(ends, share, "right"))]
                share = sum(map(self._room, self._kept[name]))
            places -= share

    def _room(self, row: tuple[float, int, Labelled]) -> int:
        """Places that a row takes."""
        text, label = row[2]
        return len(text.encode()) + len(str(label).encode()) + _LINE if self.in_bytes else 1

    def stands_for(self) -> list[float]:
        """How many texts of its label each kept one was drawn from, itself among them, in their order.

        Example:
            >>> kept = Reservoir(2); kept.add([("a", "x"), ("b", "x"), ("c", "y")]); sorted(kept.stands_for())
            [1.0, 2.0]
        """
        shares = {name: self._seen_of[name] / len(rows) for name, rows in self._kept.items() if rows}
        firsts = [label[0] if isinstance(label, list) else label for _, label in self]
        return [shares[str(first)] for first in firsts]

    def __iter__(self) -> Iterator[Labelled]:
        """The texts, in the order in which they were seen."""
        rows = [row for rows in self._kept.values() for row in rows]
        return (pair for _, _, pair in sorted(rows, key=lambda row: row[1]))

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def save(self, path: str | PathLike) -> None:
        """Write it as JSON lines, whole or not at all; the first says what it is."""
        rows = [row for rows in self._kept.values() for row in rows]
        with atomic_file(path) as file:
            about = {
                "capacity": self.capacity,
                "in_bytes": self.in_bytes,
                "seed": self.seed,
                "seen": self._seen,
                "seen_of": self._seen_of,
            }
            file.write(json.dumps(about).encode() + b"\n")
            for draw, place, (text, label) in sorted(rows, key=lambda row: row[1]):
                row = {"text": text, "label": label, "draw": draw, "place": place}
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    @classmethod
    def load(cls, path: str | PathLike) -> Reservoir:
        """Read what `save` wrote.

        Raises:
            UserError: it names the file and the line.
        """
        number = 0
        try:
            with open(Path(path), encoding="utf-8") as file:
                about: dict[str, Any] = json.loads(file.readline())
                made = cls(int(about["capacity"]), int(about["seed"]), bool(about.get("in_bytes")))
                made._seen = int(about["seen"])
                number = 1
                for line in file:
                    number += 1
                    row = json.loads(line)
                    first = row["label"][0] if isinstance(row["label"], list) else row["label"]
                    kept = float(row["draw"]), int(row["place"]), (str(row["text"]), row["label"])
                    made._kept.setdefault(str(first), []).append(kept)
                given = about.get("seen_of", {})  # an older file does not say
                made._seen_of = {
                    name: max(int(given.get(name, 0)), len(rows)) for name, rows in made._kept.items()
                }
        except OSError as error:
            raise UnreadableFile(f"{path}: cannot be read ({error.strerror})") from None
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise UnreadableFile(f"{path}:{max(number, 1)}: this is no reservoir's line ({error})") from None
        return made


def balanced(
    kept: Iterable[Labelled], texts: Sequence[str], labels: Sequence[Sequence[Label]]
) -> list[Labelled]:
    """The kept texts as often as their labels need to have as many as the new ones' have, at most `MOST` times.

    Args:
        kept: of a reservoir.
        texts: the new ones.
        labels: of each.

    Example:
        >>> len(balanced([("a", "x")], ["b", "c", "d"], [["y"], ["y"], ["y"]]))
        3
    """
    pairs = list(kept)
    if not pairs or not texts:
        return pairs
    new = len(texts) / len({label for row in labels for label in row} or {0})
    old = len(pairs) / len({str(label) for _, label in pairs})
    return pairs * min(MOST, max(1, round(new / old)))


class Replayed(Tokenized):
    """Documents and, behind them, kept lines of tokens.

    Args:
        documents: of a classifier.
        kept: lines and their labels.
        costs: of a mistake on each kept line, where one on a document costs 1; None: the same.
    """

    def __init__(self, documents: Tokenized, kept: list[Labelled], costs: Sequence[float] | None) -> None:
        super().__init__(self._batches, documents.out, counted=documents._counted)
        self.documents, self.kept, self.costs = documents, kept, costs
        self.tokenizer, self._pieces = documents.tokenizer, documents._pieces

    def _batches(self) -> Iterator[pa.RecordBatch]:
        from ftcore.dictionary.encode import as_batch

        yield from self.documents.batches()
        if self.kept:
            yield as_batch([text for text, _ in self.kept], [_several(label) for _, label in self.kept])

    def weights(self, documents: int) -> np.ndarray | None:
        """Those of the documents, then of the kept lines; 1 on average where these have costs."""
        own = self.documents.weights(documents - len(self.kept))
        if own is None and self.costs is None:
            return None
        given = np.ones(documents - len(self.kept)) if own is None else np.asarray(own, float)
        made = np.concatenate([given, np.ones(len(self.kept)) if self.costs is None else self.costs])
        return made if self.costs is None else made / made.mean()

    def judging(self, documents: int) -> np.ndarray | None:
        """Those of the documents that may, and all kept lines."""
        own = self.documents.judging(documents - len(self.kept))
        return None if own is None else np.concatenate([own, np.ones(len(self.kept), np.bool_)])


def replayed(documents: Tokenized, kept: Iterable[Labelled], weighed: bool = False) -> Tokenized:
    """Documents and, behind them, kept lines of tokens, `balanced`.

    Args:
        weighed: each kept line once, and what a mistake on it costs is as much as of all that it stands for
            (`Reservoir.stands_for`): what a linear head wants, which has no passes and learns no line by heart.

    Example:
        learn(replayed(Tokenized.of(["new words"], [["new"]]), kept), options, conditions, start=start)
    """
    if weighed and isinstance(kept, Reservoir):
        return Replayed(documents, list(kept), kept.stands_for())
    labels = [row for batch in documents.batches() for row in batch.column("labels").to_pylist()]
    return Replayed(documents, balanced(kept, labels, labels), None)


def keep(kept: Reservoir, documents: Tokenized) -> None:
    """See the lines of tokens of documents that have a label."""
    for batch in documents.batches():
        pairs = zip(batch.column("tokens").to_pylist(), batch.column("labels").to_pylist(), strict=True)
        kept.add((_text(line), labels) for line, labels in pairs if labels)


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode("utf-8", "replace")


def _several(label: Label | list[Label]) -> list[str]:
    return [str(name) for name in (label if isinstance(label, list) else [label])]
