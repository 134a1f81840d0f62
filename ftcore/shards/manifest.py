"""The manifest of a set of shards: what is in it, where it came from, what was dropped and why.

It is written last, so a directory with a manifest is complete. It holds no time, no path of the
machine and nothing of how the work was divided: the same documents and options give the same
bytes, and the SHA-256 of ``manifest.json`` names the set (`ShardSet.digest`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from ftcore.base.files import atomic_write_bytes, canonical_json, sha256_file
from ftcore.errors import UnreadableFile

SCHEMA_VERSION = 1  # of the manifest's fields and of SHARD
MANIFEST, COPIES, QUARANTINE = "manifest.json", "copies.jsonl", "quarantine.jsonl"
DOCS, KEYS = "docs.parquet", "keys.npy"  # of a part that is prepared
NOTED = "noted"  # the step of `counts` for what a user should know of documents that stay: no rejects
SHARD = pa.schema(
    [
        ("id", pa.string()),  # 32 hex digits: xxh3_128 of the normalised text
        ("language", pa.string()),
        ("split", pa.string()),  # train, valid, test (labelled) or unlabelled
        ("labels", pa.list_(pa.string())),
        ("tokens", pa.string()),  # joined by single spaces
        ("source", pa.string()),
    ]
)


SCORED = SHARD.append(pa.field("quality", pa.float32()))  # where `filters.quality` scores documents


class QualityCounts(BaseModel):
    """Scores of the documents: what made them, what a document needs to stay, how they are spread.

    Attributes:
        label: whose probability a score is.
        model: digest of the model.
        thresholds: the least score that stays, by language.
        scores: by language, documents in equal ranges from 0 to 1, those that went among them.
        dropped: how many went, by language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    model: str
    thresholds: dict[str, float]
    scores: dict[str, list[int]]
    dropped: dict[str, int]


class FileEntry(BaseModel):
    """One file beside the manifest: its name, rows (lines for jsonl), bytes and SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    rows: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, rows: int) -> FileEntry:
        """Describe a finished file."""
        return cls(file=path.name, rows=rows, bytes=path.stat().st_size, sha256=sha256_file(path))


class ShardEntry(FileEntry):
    """A shard: its file, the sources of its first and last document, and the digest of its rows.

    `content` is what a shard is taken by from an earlier set (`ftcore.shards.earlier`); "": it is not.
    """

    first: str = ""
    last: str = ""
    content: str = ""


class Manifest(BaseModel):
    """What `commit_shards` promises and `load_manifest` verifies.

    Attributes:
        schema_version: of this file and of the shards' columns.
        kind: "shards".
        inputs: digest of the documents that were read and passed the filters (before duplicates).
        options: digest of the options that shaped them (tokenizer and dictionaries included).
        shards: the Parquet files in order; a file's name is its digest.
        quarantine: quarantine.jsonl, every rejected document with its reason.
        copies: copies.jsonl, which document went for which; None where none did.
        rows: documents in the shards; read = rows + rejected + filtered + duplicates.
        read: documents met in the sources, broken ones included.
        rejected: broken documents, which reading refused.
        filtered: sound documents that the tokenizer, a filter or the split refused.
        duplicates: copies left out.
        counts: {step: {reason: number}} of everything refused or removed.
        documents: {split: {language: documents}}.
        labels: {label: {split: documents}}.
        quality: of the scores; None where there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    kind: str = "shards"
    inputs: str
    options: str
    shards: list[ShardEntry]
    quarantine: FileEntry
    copies: FileEntry | None = None
    rows: int
    read: int
    rejected: int
    filtered: int
    duplicates: int
    counts: dict[str, dict[str, int]]
    documents: dict[str, dict[str, int]]
    labels: dict[str, dict[str, int]]
    quality: QualityCounts | None = None

    def to_bytes(self) -> bytes:
        """The canonical bytes of manifest.json."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of `to_bytes`: the name of this set of shards."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write manifest.json into `folder`, whole or not at all."""
        atomic_write_bytes(folder / MANIFEST, self.to_bytes())


def load_manifest(path: str | Path, verify: bool = True, digest: str = "") -> Manifest:
    """Read a manifest and check that what it promises is there.

    Args:
        path: the directory of the shards (or the manifest.json in it).
        verify: read every file: SHA-256, rows and columns. False: presence and size only.
        digest: expected digest of the manifest itself ("": any).

    Raises:
        UserError: the manifest or a shard is missing, damaged or of another version; the message
            names the file and the remedy.
    """
    folder = Path(path).parent if Path(path).name == MANIFEST else Path(path)
    file = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(_read(file))
    except ValidationError as error:
        version = _version(file)
        if version is not None and version != SCHEMA_VERSION:
            raise _other_version(file, version) from None
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise UnreadableFile(
            f"{file}: not a manifest of shards ({place}: {first['msg']}). {_REMEDY}"
        ) from None
    if manifest.schema_version != SCHEMA_VERSION:
        raise _other_version(file, manifest.schema_version)
    if manifest.kind != "shards":
        raise UnreadableFile(f"{file}: a manifest of kind {manifest.kind!r}, not of shards. {_REMEDY}")
    if digest and sha256_file(file) != digest:
        raise UnreadableFile(f"{file}: changed: SHA-256 {sha256_file(file)}, expected {digest}. {_REMEDY}")
    for entry in filter(None, [*manifest.shards, manifest.quarantine, manifest.copies]):
        _check(folder / entry.file, entry, verify)
    total = sum(entry.rows for entry in manifest.shards)
    if total != manifest.rows:
        raise UnreadableFile(
            f"{file}: shards hold {total} rows, the manifest says {manifest.rows}. {_REMEDY}"
        )
    return manifest


_REMEDY = "Run the preparation again to rebuild the shards"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableFile(
            f"{file}: no manifest: there are no shards here, or their preparation did not finish. {_REMEDY}"
        ) from None


def _version(file: Path) -> int | None:
    try:
        tree = json.loads(file.read_bytes())
    except ValueError:
        return None
    version = tree.get("schema_version") if isinstance(tree, dict) else None
    return version if isinstance(version, int) else None


def _other_version(file: Path, version: int) -> UnreadableFile:
    return UnreadableFile(f"{file}: schema version {version}, this program reads {SCHEMA_VERSION}. {_REMEDY}")


def _check(path: Path, entry: FileEntry, verify: bool) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: missing, though the manifest lists it. {_REMEDY}") from None
    if size != entry.bytes:
        raise UnreadableFile(f"{path}: {size} bytes, the manifest says {entry.bytes}. {_REMEDY}")
    if not verify:
        return
    digest = sha256_file(path)
    if digest != entry.sha256:
        raise UnreadableFile(
            f"{path}: damaged: SHA-256 {digest}, the manifest says {entry.sha256}. {_REMEDY}"
        )
    if path.suffix == ".parquet":
        _check_rows(path, entry)


def _check_rows(path: Path, entry: FileEntry) -> None:
    try:
        with pq.ParquetFile(path) as parquet:
            rows, names = parquet.metadata.num_rows, parquet.schema_arrow.names
    except pa.ArrowInvalid as error:
        raise UnreadableFile(f"{path}: not a Parquet file: {error}. {_REMEDY}") from None
    if rows != entry.rows:
        raise UnreadableFile(f"{path}: {rows} rows, the manifest says {entry.rows}. {_REMEDY}")
    if names not in (SHARD.names, SCORED.names):
        raise UnreadableFile(f"{path}: columns {names}, expected {SHARD.names}. {_REMEDY}")
