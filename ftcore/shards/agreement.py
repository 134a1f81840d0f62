"""Copies of one text that are labelled differently: their labels unite, or contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore.shards.manifest import DOCS, KEYS
from ftcore.shards.prepare import PreparedPart
from ftcore.shards.shards import iter_file

_EXAMPLES = 3
Labels = tuple[str, ...]


@dataclass
class Copies:
    """Texts whose copies have other labels than the one that stays.

    Attributes:
        united: low half of a document's id -> the labels of all its copies, those of the first one first.
        differing: copies that bring another label.
        examples: some of them, in words.
    """

    united: dict[int, list[str]] = field(default_factory=dict)
    differing: int = 0
    examples: list[str] = field(default_factory=list)

    def reasons(self, dropped: int, near: int, unite: bool) -> dict[str, int]:
        """Of `dropped` copies, how many for which reason; `near` of them are near copies."""
        what = "duplicate, its labels united" if unite else "duplicate with another label"
        return {
            "duplicate": dropped - near - self.differing,
            what: self.differing,
            "near duplicate": near,
        }


def compare_copies(
    parts: Sequence[PreparedPart], dropped: Sequence[np.ndarray], names: Mapping[str, str]
) -> Copies:
    """Compare the labels of the copies that are dropped with those of the document that stays.

    A copy without a label contradicts nothing, and a document without one takes none from its copies.
    Memory: 16 bytes a copy, and the labels of the texts that differ.

    Args:
        dropped: row numbers of each part, ascending.
        names: labels that are renamed before (`missing.unified_names`).
    """
    found = Copies()
    keys, labels = _of_copies(parts, dropped, names)
    if not len(keys):
        return found
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for part, drop in zip(parts, dropped, strict=True):
        own = np.load(Path(part.path) / KEYS, mmap_mode="r")[:, 1]
        begin, end = np.searchsorted(keys, own), np.searchsorted(keys, own, "right")
        rows = np.setdiff1d(np.flatnonzero(end > begin), drop, assume_unique=True)
        for row, kept, text in _rows(part, rows, names, text=True):
            others = [labels[i] for i in order[begin[row] : end[row]].tolist()]
            differing = [other for other in others if kept and other and set(other) != set(kept)]
            if differing:
                found.differing += len(differing)
                every = dict.fromkeys([*kept, *(label for other in differing for label in other)])
                found.united[int(own[row])] = list(every)
                if len(found.examples) < _EXAMPLES:
                    found.examples.append(f"{text[:60]!r}: {', '.join(every)}")
    return found


def _of_copies(
    parts: Sequence[PreparedPart], dropped: Sequence[np.ndarray], names: Mapping[str, str]
) -> tuple[np.ndarray, list[Labels]]:
    """Low halves of the ids of all copies uint64[n], and the labels of each (equal ones are one object)."""
    keys, labels = [np.zeros(0, np.uint64)], []
    known: dict[Labels, Labels] = {}
    for part, drop in zip(parts, dropped, strict=True):
        if len(drop):
            keys.append(np.asarray(np.load(Path(part.path) / KEYS, mmap_mode="r")[drop, 1]))
            labels += [known.setdefault(found, found) for _, found, _ in _rows(part, drop, names)]
    return np.concatenate(keys), labels


def _rows(
    part: PreparedPart, rows: np.ndarray, names: Mapping[str, str], text: bool = False
) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """(row, labels, beginning of the tokens) of some rows of a part, in their order."""
    if not len(rows):
        return
    start = 0
    columns = ["labels", "tokens"] if text else ["labels"]
    for batch in iter_file(Path(part.path) / DOCS, columns, rows=1 << 14):
        first, last = np.searchsorted(rows, [start, start + len(batch)])
        picked = batch.take(pa.array(rows[first:last] - start, pa.int64()))
        tokens = picked.column("tokens").to_pylist() if text else [""] * len(picked)
        for row, found, token in zip(
            rows[first:last].tolist(), picked.column("labels").to_pylist(), tokens, strict=True
        ):
            yield row, tuple(dict.fromkeys(names.get(label, label) for label in found)), token
        start += len(batch)
