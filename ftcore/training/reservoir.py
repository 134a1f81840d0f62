"""Documents of earlier trainings that are kept to be learnt from again, so that what they taught is not forgotten.

Each label gets an equal part of the places, and of each label every document seen so far has the same chance of being among
those that are kept (Vitter, "Random sampling with a reservoir", ACM TOMS 1985).

The file is JSON lines, compressed by bzip2: what it is, then a line a label. Texts of one label side by side take a sixth to a third
of their bytes, less than anything else that would say as much of them, such as counts of their features (``docs/log.md``).
"""

from __future__ import annotations

import bz2
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

_LEAST_ROOM = 1 / 32  # of a text's bytes in the file; no texts that were measured take less than a tenth
_SAMPLE = 4_000_000  # bytes that are compressed to know what more of them would take
MOST = 5  # times that a kept text is learnt from, beside one of the new ones
Labelled = tuple[str, Label | list[Label]]
_Row = tuple[float, int, Labelled]  # its draw, its place among all that were seen, and the text


class Reservoir:
    """A bounded sample of all labelled texts seen so far.

    Args:
        capacity: texts kept at most.
        seed: of the draws; the same texts in the same order give the same sample.
        in_bytes: the capacity is bytes of the file that `save` writes instead (of a file above 4 MB, about).

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
        self._kept: dict[str, list[_Row]] = {}
        self._seen = 0
        self._seen_of: dict[str, int] = {}
        self._over = False  # bytes were added since it was known to fit

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
            row = self._draw(self._seen), self._seen, (text, label)
            self._kept.setdefault(str(first), []).append(row)
            self._seen += 1
            self._seen_of[str(first)] = self._seen_of.get(str(first), 0) + 1
        self._shrink()

    def _draw(self, place: int) -> float:
        """Of the text that was seen as number `place`."""
        return float(np.random.default_rng([self.seed, place]).random())

    def _shrink(self) -> None:
        """Let go of what there is no room for."""
        if not self.in_bytes:
            self._limit(self.capacity)
            return
        self._limit(int(self.capacity / _LEAST_ROOM))
        self._over = True

    def _rows(self) -> Iterator[_Row]:
        """All of them, once they fit; fewer texts compress less, so that it takes some tries."""
        while self._over:
            room, packed = sum(self._room(row) for rows in self._kept.values() for row in rows), self._bytes()
            self._over = packed > self.capacity and room > 1
            if self._over:
                self._limit(min(int(room * self.capacity / packed), room - 1))
        return (row for rows in self._kept.values() for row in rows)

    def _limit(self, places: int) -> None:
        """Each label keeps its smallest draws: places that one does not need are the others'."""
        sizes = sorted((sum(map(self._room, rows)), name) for name, rows in self._kept.items())
        for left, (size, name) in zip(range(len(sizes), 0, -1), sizes, strict=True):
            share = min(size, places // left)
            if share < size:
                rows = sorted(self._kept[name], key=lambda row: row[:2])
                ends = np.cumsum([self._room(row) for row in rows])
                self._kept[name] = rows[: int(np.searchsorted(ends, share, "right"))]
                share = sum(map(self._room, self._kept[name]))
            places -= share

    def _room(self, row: _Row) -> int:
        """Places that a row takes."""
        return len(row[2][0].encode()) + 2 if self.in_bytes else 1

    def _bytes(self) -> int:
        """Of the file, about where it is large."""
        whole = b"".join(self._lines())
        if len(whole) <= _SAMPLE:
            return len(bz2.compress(whole))
        parts, size = 4, _SAMPLE // 4
        starts = [(len(whole) - size) * part // (parts - 1) for part in range(parts)]
        taken = sum(len(bz2.compress(whole[start : start + size])) for start in starts)
        return taken * len(whole) // _SAMPLE

    def stands_for(self) -> list[float]:
        """How many texts of its label each kept one was drawn from, itself among them, in their order.

        Example:
            >>> kept = Reservoir(2); kept.add([("a", "x"), ("b", "x"), ("c", "y")]); sorted(kept.stands_for())
            [1.0, 2.0]
        """
        self._rows()
        shares = {name: self._seen_of[name] / len(rows) for name, rows in self._kept.items() if rows}
        firsts = [label[0] if isinstance(label, list) else label for _, label in self]
        return [shares[str(first)] for first in firsts]

    def __iter__(self) -> Iterator[Labelled]:
        """The texts, in the order in which they were seen."""
        return (pair for _, _, pair in sorted(self._rows(), key=lambda row: row[1]))

    def __len__(self) -> int:
        return sum(1 for _ in self._rows())

    def save(self, path: str | PathLike) -> None:
        """Write it, whole or not at all: JSON lines compressed by bzip2 (``bzcat`` shows them)."""
        self._rows()
        with atomic_file(path) as file:
            packer = bz2.BZ2Compressor()
            for line in self._lines():
                file.write(packer.compress(line))
            file.write(packer.flush())

    def _lines(self) -> Iterator[bytes]:
        """Of the file: what it is, then of each label its texts, and how far each was seen after the one before."""
        about: dict[str, Any] = {"capacity": self.capacity, "in_bytes": self.in_bytes, "seed": self.seed}
        yield json.dumps(about | {"seen": self._seen}).encode() + b"\n"
        for name, rows in sorted(self._kept.items()):
            rows = sorted(rows, key=lambda row: row[1])
            places = np.diff([row[1] for row in rows], prepend=0).tolist()
            labels = [label for *_, (_, label) in rows]
            if labels and all(label == labels[0] for label in labels):
                labels = labels[:1]  # of all of them
            made = {"first": name, "seen": self._seen_of[name], "labels": labels, "after": places}
            texts = [text for *_, (text, _) in rows]
            yield json.dumps(made | {"texts": texts}, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def load(cls, path: str | PathLike) -> Reservoir:
        """Read what `save` wrote.

        Raises:
            UserError: it names the file and the line.
        """
        number = 0
        try:
            with open(Path(path), "rb") as raw:
                packed = raw.read(3) == b"BZh"
                raw.seek(0)
                file = bz2.BZ2File(raw) if packed else raw
                about: dict[str, Any] = json.loads(file.readline())
                made = cls(int(about["capacity"]), int(about["seed"]), bool(about.get("in_bytes")))
                made._seen = int(about["seen"])
                number = 1
                for line in file:
                    number += 1
                    made._read(json.loads(line))
                made._seen_of |= {
                    name: max(int(seen), len(made._kept[name]))
                    for name, seen in about.get("seen_of", {}).items()
                    if name in made._kept
                }
        except EOFError:
            raise UnreadableFile(f"{path}: ends in the middle; take a whole copy of it") from None
        except OSError as error:
            raise UnreadableFile(f"{path}: cannot be read ({error.strerror or error})") from None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise UnreadableFile(f"{path}:{max(number, 1)}: this is no reservoir's line ({error})") from None
        return made

    def _read(self, line: dict[str, Any]) -> None:
        """A line of the file: a label's texts, or one text, as older files have them."""
        if "text" in line:
            label = line["label"]
            name = str(label[0] if isinstance(label, list) else label)
            row = float(line["draw"]), int(line["place"]), (str(line["text"]), label)
            self._kept.setdefault(name, []).append(row)
            self._seen_of[name] = len(self._kept[name])  # an older file may not say
            return
        name, texts = str(line["first"]), line["texts"]
        labels = line["labels"] * len(texts) if len(line["labels"]) == 1 else line["labels"]
        places = np.cumsum(line["after"], dtype=np.int64).tolist()
        rows = zip(places, texts, labels, strict=True)
        self._kept[name] = [(self._draw(place), place, (str(text), label)) for place, text, label in rows]
        self._seen_of[name] = max(int(line["seen"]), len(texts))


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


def judging(documents: Tokenized, kept: Reservoir) -> Tokenized:
    """Documents that judge and, behind them, each kept line as many times as it stands for (`Reservoir.stands_for`).

    Labels that are new then do not outvote those of which few documents were kept.

    Example:
        learn(replayed(new, kept, weighed=True), options, conditions, start=start, valid=judging(held_out, kept_valid))
    """
    times = [round(count) for count in kept.stands_for()]
    return Replayed(
        documents, [pair for pair, count in zip(kept, times, strict=True) for _ in range(count)], None
    )


def keep(kept: Reservoir, documents: Tokenized) -> None:
    """See the lines of tokens of documents that have a label."""
    for batch in documents.batches():
        pairs = zip(batch.column("tokens").to_pylist(), batch.column("labels").to_pylist(), strict=True)
        kept.add((_text(line), labels) for line, labels in pairs if labels)


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode("utf-8", "replace")


def _several(label: Label | list[Label]) -> list[str]:
    return [str(name) for name in (label if isinstance(label, list) else [label])]
