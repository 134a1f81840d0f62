"""Scores of documents become a column of the shards, and a threshold that the best ones reach.

The scores are made elsewhere (`ftcore.curation.quality`), a file of them for each prepared part. A share of the best is
exact and needs no list of all scores: the bits of a float that is not negative rise with it, so that two counts of
their halves find the one at any place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftcore.reading.documents import excerpt
from ftcore.shards.manifest import DOCS, QualityCounts
from ftcore.shards.shards import iter_file

STEP, COLUMN = "quality", "quality"
BINS = 20  # of the histogram, from 0 to 1


@dataclass(frozen=True)
class Qualities:
    """The scores of all parts, and what a document needs to stay.

    Attributes:
        folder: ``<number>.npy`` of each part, float32, a score for each row; ``<number>.low.npy``, what goes (`mark`).
        label: whose probability a score is. model: digest of what scored.
        thresholds: the least score that stays, by language; none: all stay.
    """

    folder: Path
    label: str
    model: str
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def of(self, number: int) -> np.ndarray:
        """Scores of a part: float32 [rows]."""
        return np.load(self.folder / f"{number}.npy", mmap_mode="r")

    def low(self, number: int) -> np.ndarray:
        """Rows of a part that score too low: int64, ascending."""
        return np.load(self.folder / f"{number}.low.npy")

    def too_low(self, languages: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Which documents score less than their language's threshold: bool [n]."""
        low = np.zeros(len(scores), bool)
        for language, least in self.thresholds.items():
            low |= (scores < np.float32(least)) & (languages == language)
        return low

    def mark(self, parts: Sequence[Path]) -> None:
        """Write the rows of `low` beside the scores; 4 bytes a document of the part at hand, and a batch."""
        for number, part in enumerate(parts):
            scores, start, found = self.of(number), 0, [np.zeros(0, np.int64)]
            for batch in iter_file(part / DOCS, ["language"], rows=1 << 16):
                languages = batch.column("language").to_numpy(zero_copy_only=False)
                low = self.too_low(languages, scores[start : start + len(batch)])
                found.append(np.flatnonzero(low) + start)
                start += len(batch)
            np.save(self.folder / f"{number}.low.npy", np.concatenate(found))


class Sieve:
    """Sifts batches by their scores, and counts; `dropped` has how many went, by language.

    Args:
        qualities: the scores and thresholds.
    """

    def __init__(self, qualities: Qualities) -> None:
        self.qualities = qualities
        self.dropped: Counter[str] = Counter()
        self._scores: dict[str, np.ndarray] = {}

    def sift(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The documents that stay."""
        languages = batch.column("language").to_numpy(zero_copy_only=False)
        scores = batch.column(COLUMN).to_numpy()
        low = self.qualities.too_low(languages, scores)
        for language in np.unique(languages.astype(str)).tolist():
            mine = np.array(histogram(scores[languages == language]))
            self._scores[language] = self._scores.get(language, 0) + mine
        self.dropped.update(languages[low].tolist())
        return batch.filter(pa.array(~low)) if low.any() else batch

    def lines(self, low: Iterable[pa.RecordBatch]) -> Iterator[dict]:
        """Lines of the quarantine for documents that went.

        Their lines in the files are no longer known, so each has its id, and what is shown of them are their tokens.
        """
        for batch in low:
            for row in batch.to_pylist():
                yield {
                    "source": row["source"],
                    "line": 0,
                    "step": STEP,
                    "reason": _reason(row["language"]),
                    "excerpt": excerpt(row["tokens"]),
                    "id": row["id"],
                    "score": round(row[COLUMN], 4),
                }

    def reasons(self) -> dict[str, int]:
        """How many went for which reason."""
        return {_reason(language): n for language, n in sorted(self.dropped.items())}

    def counts(self) -> QualityCounts:
        """For the manifest."""
        return QualityCounts(
            label=self.qualities.label,
            model=self.qualities.model,
            thresholds={
                name: float(np.float32(value)) for name, value in sorted(self.qualities.thresholds.items())
            },
            scores={name: bins.tolist() for name, bins in sorted(self._scores.items())},
            dropped=dict(sorted(self.dropped.items())),
        )


def _reason(language: str) -> str:
    return f"low score ({language})"


def histogram(scores: np.ndarray) -> list[int]:
    """How many scores are in each of `BINS` equal ranges from 0 to 1.

    Example:
        >>> histogram(np.array([0.0, 0.04, 1.0], np.float32))[::19]
        [2, 1]
    """
    return np.bincount(np.minimum(scores * BINS, BINS - 1).astype(np.int64), minlength=BINS).tolist()


def scored(batch: pa.RecordBatch, scores: np.ndarray) -> pa.RecordBatch:
    """The batch with a column of scores."""
    return batch.append_column(pa.field(COLUMN, pa.float32()), pa.array(scores, pa.float32()))


def best_share(
    parts: Sequence[Path], gone: Path | None, folder: Path, shares: Mapping[str, float]
) -> dict[str, float]:
    """The score that so large a share of a language's documents reaches, copies left aside.

    Where several have that very score all of them reach it, so that a little more than the share may stay.

    Args:
        parts: folders of `prepare_part`.
        gone: folder of `drop_copies`; None: no copies were looked for.
        folder: of the scores.
        shares: of each language, from 0 to 1.

    Returns:
        the least score by language; without those of which there is no document.
    """

    def bits() -> Iterator[tuple[str, np.ndarray]]:
        for number, part in enumerate(parts):
            scores = np.load(folder / f"{number}.npy", mmap_mode="r")
            stays = np.ones(len(scores), bool)
            if gone is not None:
                stays[np.load(gone / f"{number}.npy")] = False
            start = 0
            for batch in iter_file(part / DOCS, ["language"], rows=1 << 16):
                stop = start + len(batch)
                languages = batch.column("language").to_numpy(zero_copy_only=False)
                for language in shares:
                    yield (
                        language,
                        scores[start:stop][stays[start:stop] & (languages == language)].view(np.uint32),
                    )
                start = stop

    high = {language: np.zeros(1 << 16, np.int64) for language in shares}
    for language, found in bits():
        high[language] += np.bincount(found >> 16, minlength=1 << 16)
    places = {}  # of the half that is looked into, and how many of it stay
    for language, share in shares.items():
        wanted = -(-Fraction(str(share)) * int(high[language].sum()) // 1)
        if high[language].any():
            places[language] = _reached(high[language], max(1, int(wanted)))
    low = {language: np.zeros(1 << 16, np.int64) for language in places}
    for language, found in bits():
        if language in places:
            mine = found[found >> 16 == places[language][0]] & 0xFFFF
            low[language] += np.bincount(mine, minlength=1 << 16)
    return {
        language: float(np.uint32(half << 16 | _reached(low[language], left)[0]).view(np.float32))
        for language, (half, left) in places.items()
    }


def _reached(counts: np.ndarray, wanted: int) -> tuple[int, int]:
    """The place at which, counted from the end, so many are reached; and how many of it are wanted."""
    above = np.cumsum(counts[::-1])
    place = int(np.searchsorted(above, wanted))
    return len(counts) - 1 - place, wanted - int(above[place] - counts[::-1][place])
