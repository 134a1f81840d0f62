"""Documents of earlier trainings that are kept to be learnt from again, so that what they taught is not forgotten.

Each label gets an equal part of the places, and of each label every document seen so far has the same chance of being among
those that are kept (Vitter, "Random sampling with a reservoir", ACM TOMS 1985).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.base.files import atomic_file
from ftcore.errors import UnreadableFile, UserError
from ftcore.model.model import Label

if TYPE_CHECKING:
    from ftcore.training.documents import Tokenized

MOST = 5  # times that a kept text is learnt from, beside one of the new ones
Labelled = tuple[str, Label | list[Label]]


class Reservoir:
    """A bounded sample of all labelled texts seen so far.

    Args:
        capacity: texts kept at most.
        seed: of the draws; the same texts in the same order give the same sample.

    Raises:
        UserError: a capacity below 1.

    Example:
        >>> kept = Reservoir(2); kept.add([("a", "x"), ("b", "x"), ("c", "y")]); len(kept), sorted({l for _, l in kept})
        (2, ['x', 'y'])
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        if capacity < 1:
            raise UserError(f"capacity = {capacity}: a reservoir keeps at least one text")
        self.capacity, self.seed = capacity, seed
        self._kept: dict[str, list[tuple[float, int, Labelled]]] = {}  # of each label, by their draw
        self._seen = 0

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
        self._shrink()

    def _shrink(self) -> None:
        """Each label keeps its smallest draws: places that one does not need are the others'."""
        places = self.capacity
        sizes = sorted((len(rows), name) for name, rows in self._kept.items())
        for left, (size, name) in zip(range(len(sizes), 0, -1), sizes, strict=True):
            share = min(size, places // left)
            self._kept[name] = sorted(self._kept[name])[:share] if share < size else self._kept[name]
            places -= share

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
            about = {"capacity": self.capacity, "seed": self.seed, "seen": self._seen}
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
                made = cls(int(about["capacity"]), int(about["seed"]))
                made._seen = int(about["seen"])
                number = 1
                for line in file:
                    number += 1
                    row = json.loads(line)
                    first = row["label"][0] if isinstance(row["label"], list) else row["label"]
                    kept = float(row["draw"]), int(row["place"]), (str(row["text"]), row["label"])
                    made._kept.setdefault(str(first), []).append(kept)
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


def replayed(documents: Tokenized, kept: Iterable[Labelled]) -> Tokenized:
    """Documents and, behind them, kept lines of tokens, `balanced`.

    Example:
        learn(replayed(Tokenized.of(["new words"], [["new"]]), kept), options, conditions, start=start)
    """
    from ftcore.dictionary.encode import as_batch

    labels = [row for batch in documents.batches() for row in batch.column("labels").to_pylist()]
    pairs = balanced(kept, labels, labels)
    made = copy(documents)
    if pairs:
        again = as_batch([text for text, _ in pairs], [_several(label) for _, label in pairs])
        made.batches = lambda: chain(documents.batches(), [again])
    return made


def keep(kept: Reservoir, documents: Tokenized) -> None:
    """See the lines of tokens of documents that have a label."""
    for batch in documents.batches():
        pairs = zip(batch.column("tokens").to_pylist(), batch.column("labels").to_pylist(), strict=True)
        kept.add((_text(line), labels) for line, labels in pairs if labels)


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode("utf-8", "replace")


def _several(label: Label | list[Label]) -> list[str]:
    return [str(name) for name in (label if isinstance(label, list) else [label])]
