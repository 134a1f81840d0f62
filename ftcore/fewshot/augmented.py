"""A file of documents in, augmented ones out, as Parquet with where each comes from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftcore.errors import InvalidOptions, UserError
from ftcore.fewshot.augmentation import OPERATIONS, Augmenter, Synonyms, variants

PREFIX = "__label__"
_BATCH = 2000  # documents changed at a time


@dataclass(frozen=True)
class Augmented:
    """What was written.

    Attributes:
        documents: that were read.
        written: augmented ones.
        by_operation: how many each operation made.
    """

    documents: int
    written: int
    by_operation: dict[str, int]


def augment_file(
    source: str,
    output: str,
    *,
    text: str = "text",
    label: str = "label",
    operations: Sequence[str] = ("drop", "noise"),
    share: float = 0.1,
    copies: int = 1,
    seed: int = 0,
    vectors: str = "",
    model: Any = "",
) -> Augmented:
    """Write the augmented documents of a file or folder: text, label, row, operation, seed, of adversarial ones also said and now.

    Args:
        source: .txt (fastText's format, or text alone), .jsonl, .csv, .tsv or .parquet, packed or not, or a folder of them.
        output: a .parquet.
        text: the column with the text.
        label: that with the label, where there is one.
        vectors: path of the vectors that find synonyms.
        model: a classifier (`ftcore.inference.classifier.Classifier`) or the path of one; only texts that change its answer are written.

    Raises:
        UserError: a file or column that is not there, options out of range, no document.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ftcore.base.files import atomic_file
    from ftcore.inference.scored import check_place
    from ftcore.text.tokenizer import Tokenizer

    check(output, operations, vectors)
    check_place(source, output)
    classifier = model or None
    if isinstance(model, str) and model:
        from ftcore.formats.opening import read_model
        from ftcore.inference.classifier import Classifier

        classifier = Classifier(read_model(model))
    own = classifier.model.tokenizer if classifier is not None else None
    augmenter = Augmenter(own or Tokenizer(), share, _synonyms(vectors) if "synonym" in operations else None)
    fields = [("text", pa.string()), ("label", pa.string()), ("row", pa.int64()), ("operation", pa.string())]
    fields += [("seed", pa.int64())] + ([("said", pa.string()), ("now", pa.string())] if model else [])
    schema, documents, counts = pa.schema(fields), 0, dict.fromkeys(operations, 0)
    with atomic_file(output) as file, pq.ParquetWriter(file, schema) as writer:
        for texts, labels in _documents(source, text, label):
            found = variants(texts, augmenter, operations, copies, seed, classifier)
            rows: dict[str, list[Any]] = {name: [] for name, _ in fields}
            for one in found:
                said = {"said": one.said[0], "now": one.said[1]} if one.said else {}
                values = asdict(one) | said | {"label": labels[one.row], "row": documents + one.row}
                for name, column in rows.items():
                    column.append(values[name])
                counts[one.operation] += 1
            if found:
                writer.write_batch(pa.RecordBatch.from_pydict(rows, schema=schema))
            documents += len(texts)
        if not documents:
            raise UserError(f"{source}: holds no document")
    return Augmented(documents, sum(counts.values()), counts)


def check(output: str, operations: Sequence[str], vectors: str) -> None:
    """Refuse what cannot work, before anything is read.

    Raises:
        UserError: an output that is no Parquet, an unknown operation, synonyms without vectors.
    """
    if Path(output).suffix != ".parquet":
        raise InvalidOptions(f"output {output}: give a name ending in .parquet")
    unknown = [name for name in operations if name not in OPERATIONS]
    if unknown:
        raise InvalidOptions(f"operation {unknown[0]!r}: choose of {', '.join(OPERATIONS)}")
    if "synonym" in operations and not vectors:
        raise InvalidOptions(
            "operation synonym: synonyms are found by vectors of words; name some with --vectors"
        )
    if vectors and "synonym" not in operations:
        raise InvalidOptions("--vectors find synonyms; add --operation synonym, or leave them out")
    if vectors and not os.path.exists(vectors):
        raise UserError(f"--vectors: there is no file {vectors}; correct the path")


def _synonyms(path: str) -> Synonyms:
    from ftcore.formats.vec import read_vec

    if path.endswith(".vec"):
        return Synonyms(*read_vec(path))
    from ftcore.formats.opening import read_model

    model = read_model(path)
    dictionary = model.dictionary
    return Synonyms(dictionary.words, model.dense[0][: dictionary.nwords])


def _documents(source: str, text: str, label: str) -> Any:
    """Batches of raw texts and their labels (None where there is none)."""
    from ftcore.reading.rows import open_rows

    lines = ".txt" in Path(source).suffixes
    rows = open_rows(source, [text], option="--text")
    labelled = not lines and label in rows.schema.names
    for some in rows.read():
        for begin in range(0, len(some), _BATCH):
            texts = some.texts[begin : begin + _BATCH]
            if lines:
                yield _of_lines(texts)
            elif labelled:
                records = some.as_records()[begin : begin + _BATCH]
                yield texts, [None if record.get(label) is None else str(record[label]) for record in records]
            else:
                yield texts, [None] * len(texts)


def _of_lines(lines: Sequence[str]) -> tuple[list[str], list[str | None]]:
    """Texts and labels of lines in fastText's format; several labels of a line are joined by spaces."""
    cut = [line.split() for line in lines]
    names = [[word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)] for words in cut]
    texts = [" ".join(word for word in words if not word.startswith(PREFIX)) for words in cut]
    return texts, [" ".join(own) if own else None for own in names]
