"""Prepared parts become one verified set of shards.

`check_rejects` decides whether the corpus is sound enough to go on; `commit_shards` streams the
parts in order, leaves duplicates out, and writes shards, the merged quarantine and, last, the
manifest. What comes out depends on the documents alone, not on how files were cut into parts or
how many workers prepared them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ftcore import config
from ftcore.base import files
from ftcore.base.cores import cores
from ftcore.base.threads import ahead
from ftcore.config import Config, Shards, SplitShares
from ftcore.errors import MissingLabels, UserError
from ftcore.reading.missing import unified_names
from ftcore.shards.agreement import Copies, compare_copies
from ftcore.shards.borders import shard_borders
from ftcore.shards.earlier import ContentDigest, EarlierShards
from ftcore.shards.kept import KeptDocuments, rows_to_drop
from ftcore.shards.labels import LabelSurvey, renamed, survey_labels, with_labels
from ftcore.shards.lineage import LINEAGE, Rows, count_sources, write_lineage
from ftcore.shards.manifest import COPIES, NOTED, FileEntry, Manifest, ShardEntry
from ftcore.shards.prepare import (
    QUARANTINE,
    READ,
    REMOVED,
    PreparedPart,
    PrepareOptions,
    key_numbers,
    splits_of,
)  # fmt: skip
from ftcore.shards.quality import STEP, Qualities, Sieve
from ftcore.shards.shards import SHARD, ShardSet, write_shard

log = logging.getLogger("ftcore.commit")
HELD_OUT = ("valid", "test")
LABELLED = ("train", *HELD_OUT)
_SAID = 10  # notes shown at most
_WRITERS = 8  # shards written at once, at most: each holds a row group


class CommitOptions(PrepareOptions):
    """What `commit_shards` reads.

    The options of preparation, the form of the shards, and whether a document may have several labels (as it
    may where one has).
    """

    shards: Shards = Shards()
    multi_label: bool = False

    @classmethod
    def of(cls, config: Config) -> CommitOptions:
        """Take the slices out of a whole configuration."""
        slices = {name: getattr(config, name) for name in cls.model_fields if name != "multi_label"}
        return cls(**slices, multi_label=config.finetune.loss == "ova")


def check_rejects(parts: Sequence[PreparedPart], options: PrepareOptions) -> None:
    """Refuse a corpus that is empty, has only rejects, or too many broken documents.

    Raises:
        UserError: with the figures, the commonest reasons with an example of each, where the
            quarantine lies, and the remedy.
    """
    read, rows = sum(p.read for p in parts), sum(p.rows for p in parts)
    if read == 0:
        places = ", ".join(source.path for source in options.ingest.sources) or "none"
        raise UserError(
            f"empty corpus: the sources hold no document ({places}). "
            "Check ingest.sources: the paths, and that format suits the files"
        )
    if rows == 0:
        reasons: Counter[str] = Counter()
        for part in parts:
            for step, numbers in part.counts.items():
                if step != REMOVED:
                    reasons.update({f"{step}: {reason}": n for reason, n in numbers.items()})
        raise UserError(
            f"no document is left: all {read:,} were rejected.\n{_top(reasons, parts)}\n"
            "Check the format, encoding and columns of ingest.sources, and filters"
        )
    rejected = sum(p.rejected for p in parts)
    lost, size = sum(file[2] for p in parts for file in p.lost), max(1, sum(p.bytes for p in parts))
    share = min(1.0, rejected / read + lost / size)  # what a file would have held is known by its bytes alone
    allowed = options.ingest.max_reject_share
    if share > allowed:
        broken: Counter[str] = Counter()
        for part in parts:
            broken.update(part.counts.get(READ, {}))
        of_files = f" and {lost:,} of {size:,} bytes lie in files that cannot be read" if lost else ""
        raise UserError(
            f"{rejected:,} of {read:,} documents are broken{of_files}: {share:.1%}, "
            f"more than ingest.max_reject_share = {allowed:.1%}.\n{_lost(parts)}{_top(broken, parts)}\n"
            "Mend the sources or their format and encoding, or raise ingest.max_reject_share"
        )
    if lost:
        log.warning("files that are lost, whole or from some place on:\n%s", _lost(parts).rstrip())


def _lost(parts: Sequence[PreparedPart]) -> str:
    """The files that break off, those that lose most first."""
    found = sorted((file for part in parts for file in part.lost), key=lambda file: -file[2])
    lines = [f"  {file}: {reason}: {n:,} bytes lost\n" for file, reason, n in found[:_SAID]]
    return "".join([*lines, f"  and {len(found) - _SAID:,} more files\n"] if len(found) > _SAID else lines)


def _top(reasons: Counter[str], parts: Sequence[PreparedPart]) -> str:
    """The commonest reasons, each with an example, and the quarantine files they stand in."""
    lines, places = [], []
    for reason, number in reasons.most_common(5):
        example, place = _example(reason, parts)
        lines.append(f"  {number:,} × {reason}{example}")
        places.append(place)
    return "\n".join(lines) + f"\n  all of them: {', '.join(dict.fromkeys(filter(None, places)))}"


def _example(reason: str, parts: Sequence[PreparedPart]) -> tuple[str, str]:
    for part in parts:
        path = Path(part.path) / QUARANTINE
        if part.read == part.rows or not path.exists():
            continue
        with open(path, "rb") as lines:
            for line in lines:
                row = json.loads(line)
                if reason in (row["reason"], f"{row['step']}: {row['reason']}"):
                    excerpt = row["excerpt"][:60]
                    return f", e.g. {row['source']}:{row['line']}: {excerpt!r}", str(path)
    return "", ""


def commit_shards(
    parts: Sequence[PreparedPart],
    duplicates: str | Path | None,
    options: CommitOptions,
    out: str | Path,
    *,
    inputs: str = "",
    earlier: Iterable[str | Path] = (),
    min_labels: int = 2,
    allow_empty_splits: bool = False,
    quality: Qualities | None = None,
) -> ShardSet:
    """Write the parts' documents, in order and without duplicates, as verified shards.

    Memory: a row group a core (8 at most), the duplicates of one part, and 12 bytes a document.

    Args:
        parts: in the order of sources, files and lines, which decides the order of documents.
        duplicates: directory of `drop_copies`, made from these parts in this order; None: all stay.
        out: the directory; it appears whole or not at all and replaces an existing one.
        inputs: digest of the inputs for the manifest, one that does not depend on how they were
            cut; default: a digest of ids, sources and labels of the documents before duplicates go.
        earlier: folders of sets of shards; a shard that would come out the same is taken from there.
        min_labels: labels that the train split must have, if there are labelled documents.
        allow_empty_splits: let valid and test be empty (for more training of a trained head).
        quality: the documents' scores, which become a column, and what they need to stay.

    Raises:
        UserError: see `check_rejects`; an expected split without documents; too few labels; the
            disk is full.

    Example:
        ``iter_batches(commit_shards(parts, None, options, Path("shards")), ["train"])``
    """
    check_rejects(parts, options)
    survey = survey_labels(parts)
    names = unified_names(survey.counts)
    noted = _noted(parts, survey, names)
    copies = compare_copies(parts, [rows_to_drop(duplicates, n) for n in range(len(parts))], names)
    unite = options.multi_label or survey.several
    carve = _lacks_validation(parts, survey, options) and not allow_empty_splits
    out = Path(out)
    documents = KeptDocuments(parts, duplicates, quality)
    sieve = None if quality is None else Sieve(quality)
    tally = _Tally()
    digest = _InputDigest()

    def shaped(batch: pa.RecordBatch) -> pa.RecordBatch:
        """The documents as they stand in a shard."""
        batch = _united(renamed(batch, names), copies) if unite else renamed(batch, names)
        return _carved(batch, options.split.valid) if carve else batch

    for batch, mask in documents.all([name for name in SHARD.names if name != "tokens"]):
        digest.add(renamed(batch, names))
        kept = batch if mask.all() else batch.filter(pa.array(mask))
        tally.add(shaped(kept if sieve is None else sieve.sift(kept)))
    tally.check(parts, options, min_labels, allow_empty_splits)
    _say_copies(copies, unite)
    if carve:
        _say_carved(tally.by_split(), options.split.valid)
    low = 0 if sieve is None else sum(sieve.dropped.values())
    dropped = sum(part.rows for part in parts) - len(documents) - low
    with files.atomic_directory(out) as folder:
        shards, made = _write_shards(documents, shaped, options.shards, EarlierShards(earlier), folder)
        quarantine = _merge_quarantine(
            parts, folder / QUARANTINE, () if sieve is None else sieve.lines(documents.low())
        )
        listed, near = _listed(duplicates, folder / COPIES)
        manifest = Manifest(
            inputs=inputs or digest.digest(),
            options=_options_digest(parts, options, quality),
            shards=shards,
            quarantine=quarantine,
            copies=listed,
            rows=sum(entry.rows for entry in shards),
            read=sum(p.read for p in parts),
            rejected=sum(p.rejected for p in parts),
            filtered=sum(p.filtered for p in parts) + low,
            duplicates=dropped,
            counts=_sum_counts(
                [p.counts for p in parts]
                + [{"dedup": copies.reasons(dropped, near, unite), NOTED: noted}]
                + ([] if sieve is None else [{STEP: sieve.reasons()}])
            ),
            documents=tally.by_split(),
            labels=tally.by_label(),
            quality=None if sieve is None else sieve.counts(),
        )
        assert manifest.read == manifest.rows + manifest.rejected + manifest.filtered + dropped
        manifest.write(folder)
    return ShardSet(str(out), manifest.digest, manifest.rows, made)


def _write_shards(
    documents: KeptDocuments,
    shaped: Callable[[pa.RecordBatch], pa.RecordBatch],
    options: Shards,
    earlier: EarlierShards,
    folder: Path,
) -> tuple[list[ShardEntry], int]:
    """All shards and what they were made of; returns them, and how many were not taken from earlier ones."""
    row_group = min(options.row_group, options.rows)
    borders = shard_borders(documents.hashes(), options.rows)
    schema = documents.schema

    def shard(number: int) -> tuple[ShardEntry, Rows, bool]:
        first, last = borders[number : number + 2]
        sources: Rows = {}
        content = ContentDigest(row_group, schema)

        def batches() -> Iterator[pa.RecordBatch]:
            for part, batch in documents.between(first, last):
                made = shaped(batch)
                content.add(made)
                count_sources(sources, part, made)
                yield made

        if len(earlier):
            deque(batches(), maxlen=0)
            if (found := earlier.take(content.hexdigest(), folder)) is not None:
                return found, sources, False
            content, sources = ContentDigest(row_group, schema), {}
        entry = write_shard(folder, number, batches(), row_group, schema)
        return entry.model_copy(update={"content": content.hexdigest()}), sources, True

    entries: list[ShardEntry] = []
    made = 0

    def lines() -> Iterator[tuple[str, Rows]]:
        nonlocal made
        for entry, sources, is_new in ahead(
            shard, ((n,) for n in range(len(borders) - 1)), min(cores(), _WRITERS)
        ):
            entries.append(entry)
            made += is_new
            yield entry.file, sources

    write_lineage(lines(), [Path(part.path) for part in documents.parts], folder / LINEAGE)
    return entries, made


def _noted(parts: Sequence[PreparedPart], survey: LabelSurvey, names: dict[str, str]) -> dict[str, int]:
    """Notes on labels that were renamed; says these and what reading noted."""
    noted = {f"label {old!r} taken for {new!r}": survey.counts[old] for old, new in names.items()}
    met = Counter(noted)
    for part in parts:
        met.update(part.noted)
    for what, n in met.most_common(_SAID):
        log.warning("%s: %s", f"{n:,}", what)
    if len(met) > _SAID:
        log.warning("and %d more notes of this kind; all are in the manifest's counts", len(met) - _SAID)
    return dict(met)


def _lacks_validation(parts: Sequence[PreparedPart], survey: LabelSurvey, options: CommitOptions) -> bool:
    """Whether the sources give each document its split and none is for validation, though a share is wanted."""
    given = survey.splits["train"] and not survey.splits["valid"] and not any(p.hashed for p in parts)
    return bool(given) and options.split.valid > 0


def _carved(batch: pa.RecordBatch, share: float) -> pa.RecordBatch:
    """The batch with this share of its train documents as validation, by their hash."""
    split = batch.column("split").to_numpy(zero_copy_only=False).astype(object)
    low = key_numbers(batch.column("id"))[:, 1]
    split[(split == "train") & (splits_of(low, SplitShares(valid=share, test=0)) == "valid")] = "valid"
    return batch.set_column(batch.schema.get_field_index("split"), "split", pa.array(split, pa.string()))


def _say_carved(documents: dict[str, dict[str, int]], share: float) -> None:
    log.warning(
        "no source says split: valid: %s documents of train (split.valid = %s of them, by their hash) are the "
        "validation set; name one, or set split.valid=0 to train on all",
        f"{sum(documents.get('valid', {}).values()):,}",
        f"{share:.0%}",
    )


def _united(batch: pa.RecordBatch, copies: Copies) -> pa.RecordBatch:
    """The batch with the labels that copies of its documents bring."""
    if not copies.united or not len(batch):
        return batch
    low = key_numbers(batch.column("id"))[:, 1].tolist()
    if copies.united.keys().isdisjoint(low):
        return batch
    rows = batch.column("labels").to_pylist()
    return with_labels(batch, [copies.united.get(key, row) for key, row in zip(low, rows, strict=True)])


def _say_copies(copies: Copies, unite: bool) -> None:
    if copies.united:
        log.warning(
            "%s texts stand on several rows with different labels (%s rows more): %s; e.g. %s",
            f"{len(copies.united):,}",
            f"{copies.differing:,}",
            "their labels are united" if unite else "the first row's label counts, the others are left out",
            "; ".join(copies.examples),
        )


def _listed(duplicates: str | Path | None, path: Path) -> tuple[FileEntry | None, int]:
    """The list of copies, taken along if there are some, and how many of them are near ones."""
    if duplicates is None or not (Path(duplicates) / COPIES).stat().st_size:
        return None, 0
    rows = near = 0
    with open(Path(duplicates) / COPIES, "rb") as lines, files.open_sink(path) as out:
        for line in lines:
            row = json.loads(line)
            rows, near = rows + 1, near + (row["id"] != row["kept_id"])
            out.write(line)
    return FileEntry.of(path, rows), near


def _merge_quarantine(parts: Sequence[PreparedPart], path: Path, low: Iterable[dict]) -> FileEntry:
    """The parts' quarantines, and behind them the documents that score too low."""
    rows = sum(p.read - p.rows for p in parts)
    with files.open_sink(path) as merged:
        for part in parts:
            with open(Path(part.path) / QUARANTINE, "rb") as file:
                shutil.copyfileobj(file, merged, 1 << 20)
        for line in low:
            rows += 1
            merged.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
        merged.flush()
        os.fsync(merged.fileno())
    return FileEntry.of(path, rows)


def _options_digest(parts: Sequence[PreparedPart], options: CommitOptions, quality: Qualities | None) -> str:
    tree = options.shaping() | {
        "dedup": options.filters.dedup,
        "shards": options.shards.model_dump(mode="json"),
        **({} if quality is None else {"quality": [quality.label, quality.model, dict(quality.thresholds)]}),
        "tokenizers": sorted({p.tokenizer for p in parts}),
    }
    return config.digest(tree)


def _sum_counts(all_counts: Sequence[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for counts in all_counts:
        for step, reasons in counts.items():
            total.setdefault(step, Counter()).update({r: n for r, n in reasons.items() if n})
    return {step: dict(reasons) for step, reasons in total.items() if reasons}


class _InputDigest:
    """SHA-256 of ids, sources and labels; a hasher for each, so that borders of batches leave no trace."""

    def __init__(self) -> None:
        self._hashers = [hashlib.sha256() for _ in range(4)]

    def add(self, batch: pa.RecordBatch) -> None:
        labels = batch.column("labels")
        ids, sources, names, lengths = self._hashers
        lengths.update(pc.list_value_length(labels).to_numpy(zero_copy_only=False).astype("<i4").tobytes())
        strings = (batch.column("id"), batch.column("source"), pc.list_flatten(labels))
        for hasher, column in zip((ids, sources, names), strings, strict=True):
            hasher.update("\0".join([*column.to_pylist(), ""]).encode())  # a zero byte behind each

    def digest(self) -> str:
        return config.digest([hasher.hexdigest() for hasher in self._hashers])


class _Tally:
    """How many documents there are per split and language, and per label and split."""

    def __init__(self) -> None:
        self._documents: Counter[tuple[str, str]] = Counter()
        self._labels: Counter[tuple[str, str]] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        split = batch.column("split")
        self._documents.update(zip(split.to_pylist(), batch.column("language").to_pylist(), strict=True))
        labels = batch.column("labels")
        of_label = split.take(pc.list_parent_indices(labels))
        names = pc.list_flatten(labels).to_pylist()
        self._labels.update(zip(names, of_label.to_pylist(), strict=True))

    def by_split(self) -> dict[str, dict[str, int]]:
        return _nested(self._documents)

    def by_label(self) -> dict[str, dict[str, int]]:
        return _nested(self._labels)

    def check(
        self, parts: Sequence[PreparedPart], options: PrepareOptions, min_labels: int, empty: bool
    ) -> None:
        """Refuse splits that came out empty and label sets that teach nothing."""
        sizes = {split: sum(self.by_split().get(split, {}).values()) for split in LABELLED}
        self._check_splits(sizes, parts, options, empty)
        if not any(sizes.values()):
            return
        labels = {label: n["train"] for label, n in self.by_label().items() if "train" in n}
        if len(labels) < min_labels:
            found = ", ".join(f"{label!r} ({n:,} documents)" for label, n in labels.items()) or "none"
            raise MissingLabels(
                f"the train split has {len(labels)} label(s): {found}; a classifier needs {min_labels}. "
                "Check `label` and `label_names` of ingest.sources"
            )

    @staticmethod
    def _check_splits(
        sizes: dict[str, int], parts: Sequence[PreparedPart], options: PrepareOptions, empty: bool
    ) -> None:
        given = {source.split for source in options.ingest.sources}
        hashed = any(part.hashed for part in parts)
        for split in LABELLED:
            by_hash = hashed and split in HELD_OUT and getattr(options.split, split) > 0
            expected = by_hash or (split == "train" and any(sizes.values()))
            expected = expected or (split in given and split in HELD_OUT)
            if sizes[split] or not expected or (empty and split in HELD_OUT):
                continue
            figures = ", ".join(f"{name} {n:,}" for name, n in sizes.items())
            if split == "train":
                remedy = "Add labelled documents, or lower split.valid and split.test"
            elif by_hash:
                remedy = f"Add labelled documents, raise split.{split}, or set split.{split}=0 to do without"
            else:
                remedy = f"Check the sources with split: {split}; their documents need a label"
            raise UserError(f"the {split} split is empty; labelled documents: {figures}. {remedy}")


def _nested(counter: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    tree: dict[str, dict[str, int]] = {}
    for (outer, inner), number in sorted(counter.items()):
        tree.setdefault(outer, {})[inner] = number
    return tree
