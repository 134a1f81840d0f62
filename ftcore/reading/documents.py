"""What walks through the room: batches of documents, and batches of what was rejected and why.

Schemas are contracts: `DOCUMENT` before tokenisation, `TOKENIZED` after it, `REJECTED` for every
document that does not go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

DOCUMENT = pa.schema(
    [
        ("source", pa.string()),  # "{source.name}:{path below the source's root}"
        ("line", pa.int64()),  # 1-based line where the document starts (row in Parquet)
        ("text", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("language", pa.string()),  # "" until known
        ("split", pa.string()),  # "" until known
    ]
)
TOKENIZED = pa.schema([*DOCUMENT, ("tokens", pa.string()), ("key", pa.string())])
REJECTED = pa.schema(
    [
        ("source", pa.string()),
        ("line", pa.int64()),
        ("step", pa.string()),
        ("reason", pa.string()),
        ("excerpt", pa.string()),
    ]
)
Step = Callable[[pa.RecordBatch], tuple[pa.RecordBatch, pa.RecordBatch]]
"""``batch -> (kept, rejected)``: nothing is dropped in silence."""

EXCERPT = 80  # characters of a rejected document that are kept to recognise it by
BATCH_ROWS = 2_000
BATCH_BYTES = 1 << 20  # bounds memory where documents are long


def excerpt(raw: str | bytes) -> str:
    r"""The beginning of a document, printable and on one line.

    Example:
        >>> excerpt(b"caf\xe9\n\x00 au lait")
        'caf\ufffd \ufffd au lait'
    """
    text = raw[: 4 * EXCERPT].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[: 4 * EXCERPT]
    text = " ".join(text.split())[:EXCERPT]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)  # lone surrogates and controls too


def empty(schema: pa.Schema) -> pa.RecordBatch:
    """A batch of `schema` without rows."""
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def rejected_rows(
    batch: pa.RecordBatch, rows: Sequence[int], step: str, reasons: Sequence[str]
) -> pa.RecordBatch:
    """`REJECTED` rows for the given row numbers of a document batch."""
    picked = batch.select(["source", "line", "text"]).take(pa.array(rows, pa.int64()))
    texts = [excerpt(text) for text in picked.column("text").to_pylist()]
    columns = [
        picked.column("source"),
        picked.column("line"),
        pa.array([step] * len(rows), pa.string()),
        pa.array(list(reasons), pa.string()),
        pa.array(texts, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=REJECTED)


@dataclass
class Notes:
    """What reading has to say beside its documents and rejects.

    Attributes:
        counts: what was met and how often, as ``{source name}: {what}``.
        bytes: of the files, as they lie on the disk.
        lost: of every file that breaks off or cannot be read: [file, reason, bytes that are lost].
    """

    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    lost: list[tuple[str, str, int]] = field(default_factory=list)


class BatchBuilder:
    """Collects documents and rejects and hands them out in bounded batches.

    Args:
        source: the ``source`` column of the rows that follow; set anew where the next file begins.
        language: default of this column; "" for unknown.
        split: default of this column; "" for unknown.
        limit: bytes of UTF-8; longer documents are rejected.
        labels: of documents that bring none of their own.
        notes: where `note` counts.
    """

    def __init__(
        self,
        source: str,
        language: str,
        split: str,
        limit: int,
        labels: Sequence[str] = (),
        notes: Notes | None = None,
    ) -> None:
        self.source, self.language, self.split, self.limit = source, language, split, limit
        self.labels, self.notes = list(labels), Notes() if notes is None else notes
        self.taken, self.broken = 0, ""  # documents so far; why the file broke off, if it did
        self._clear()

    def _clear(self) -> None:
        self._sources: list[str] = []
        self._lines: list[int] = []
        self._texts: list[bytes] = []
        self._labels: list[list[str]] = []
        self._splits: list[str] = []
        self._rejects: list[tuple[str, int, str, str, str]] = []
        self._bytes = 0

    def add(self, line: int, text: str, labels: list[str] | None = None, split: str | None = None) -> bool:
        """Take a document (True), or reject it for what no later step could handle."""
        labels = self.labels if labels is None else labels
        try:
            raw = text.encode()
            for label in labels:
                label.encode()
        except UnicodeEncodeError:
            return self.reject(line, "lone surrogate", text)
        if len(raw) > self.limit:
            return self.reject(line, "longer than max_document_bytes", text)
        if b"\0" in raw or any("\0" in label for label in labels):
            return self.reject(line, "NUL byte", text)
        if not raw.strip():
            return self.reject(line, "empty", text, step="filters")  # not damage: nothing to read
        self._sources.append(self.source)
        self._lines.append(line)
        self._texts.append(raw)
        self._labels.append(labels)
        self._splits.append(self.split if split is None else split)
        self._bytes += len(raw) + 8
        self.taken += 1
        return True

    def add_plain(self, lines: Sequence[int], texts: Sequence[bytes]) -> None:
        """Take documents that a reader has looked through: UTF-8, neither blank nor too long, no NUL; no labels of theirs."""
        n = len(lines)
        self._sources += [self.source] * n
        self._lines += lines
        self._texts += texts
        self._labels += [self.labels] * n
        self._splits += [self.split] * n
        self._bytes += sum(map(len, texts)) + 8 * n
        self.taken += n

    def reject(self, line: int, reason: str, raw: str | bytes = b"", step: str = "read") -> bool:
        """Put a document aside that cannot be read; False, for `add`."""
        self._rejects.append((self.source, line, step, reason, excerpt(raw)))
        return False

    def break_off(self, line: int, reason: str) -> None:
        """The file ends before its time, at this line; what follows is lost."""
        self.broken = reason
        self.reject(line, reason)

    def note(self, what: str) -> None:
        """Count something that a user should know of, though nothing is lost by it."""
        self.notes.counts[f"{self.source.partition(':')[0]}: {what}"] += 1

    # what a reader tells beside, for a builder that keeps whole rows (`rows.RowBuilder`)
    def header(self, names: Sequence[str]) -> None:
        """The names of the columns, before the first record; [] where a file has none."""

    def beside(self, record: dict | Sequence) -> None:
        """The whole record whose text is added or rejected next."""

    def blank(self, line: int) -> None:
        """A line without a document."""

    @property
    def full(self) -> bool:
        """True when it is time to `take`."""
        rows = max(len(self._lines), len(self._rejects))
        return rows >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def take(self) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Yield (documents, rejected) once if there is anything, and start over."""
        if not self._lines and not self._rejects:
            return
        n = len(self._lines)
        documents = pa.RecordBatch.from_arrays(
            [
                pa.array(self._sources, pa.string()),
                pa.array(self._lines, pa.int64()),
                pa.array(self._texts, pa.binary()).view(pa.string()),  # valid UTF-8 by construction
                pa.array(self._labels, pa.list_(pa.string())),
                pa.array([self.language] * n, pa.string()),
                pa.array(self._splits, pa.string()),
            ],
            schema=DOCUMENT,
        )
        columns = zip(*self._rejects, strict=True) if self._rejects else ((),) * 5
        rejected = pa.RecordBatch.from_arrays(
            [pa.array(values, field.type) for values, field in zip(columns, REJECTED, strict=True)],
            schema=REJECTED,
        )
        self._clear()
        yield documents, rejected
