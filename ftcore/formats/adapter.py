"""An adapter's file: what a task adds to a shared table, in a few hundred KB; nothing is ever unpickled.

Laid out as `ftcore.formats.container`: a header in JSON (labels, numbering of n-grams, tokenizer, the digest of the table it
stands on), then arrays (safetensors): the head in float16, and of every change two bytes of its feature, a byte of its size
and, where there are more than two labels, one or two of its label. Features are sorted; of their numbers the lower 16 bits
are kept, and how many share the upper ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ftcore.base.files import atomic_file
from ftcore.dictionary.bucket_rows import OccurringBuckets
from ftcore.dictionary.numbering import Numbering
from ftcore.dictionary.stored import Stored, restored_options
from ftcore.errors import IncompatibleModel, UnreadableFile, UserError
from ftcore.formats.container import pack_arrays, unpack_arrays
from ftcore.formats.directory import checked
from ftcore.formats.opening import MAGIC
from ftcore.formats.shared import open_shared
from ftcore.model.abstention import Abstention
from ftcore.model.adapted import LEVELS, AdaptedRows, Changes, SharedTable
from ftcore.model.model import Args, Label, Model
from ftcore.model.rules import Rules
from ftcore.model.thresholds import Thresholds
from ftcore.text.tokenizer import Tokenizer, Whitespace

if TYPE_CHECKING:
    from ftcore.dictionary.dictionary import Dictionary

# Rows are made larger and the head smaller by this: a bucket without a row has fastText's random one, in [-1/C, 1/C), which
# then weighs nothing beside those that were learnt.
SCALE = 1e5
_REMEDY = "save the adapter again with this ftcore"
_BYTE = 256
_NONE = Changes(
    np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.int8), 1.0
)


class BaseHeader(BaseModel):
    """The table that an adapter stands on."""

    model_config = ConfigDict(frozen=True, strict=True)

    digest: str
    path: str
    dim: int = Field(ge=1)


class AdapterHeader(BaseModel):
    """The header of an adapter's file (beside the keys of `ftcore.formats.checkpoint`)."""

    model_config = ConfigDict(frozen=True, strict=True)

    adapter: Literal[1]
    base: BaseHeader
    labels: list[str | int]
    label_counts: list[int]
    loss: Literal["softmax", "ova", "ns"]
    seed: int = Field(ge=0, lt=1 << 63)
    options: dict[str, int]
    weighed: bool
    largest: float = Field(gt=0, allow_inf_nan=False)
    unit: float = Field(gt=0, allow_inf_nan=False)
    tokenizer: dict[str, Any] | None
    thresholds: dict[str, Any] | None
    abstention: dict[str, Any] | None
    rules: list[list[str]] | None = None


@dataclass(frozen=True, eq=False)
class Adapter:
    """What a task adds to a shared table.

    Attributes:
        digest: of the shared table.
        path: where it lay when the task was trained.
        labels: as users have them.
        label_counts: int64[C].
        loss: softmax, ova or ns.
        seed: of the model's absent rows.
        options: how n-grams are numbered.
        weighed: see `SharedTable.rows`.
        head: float16[C, D], to be multiplied by `unit`.
        changes: their rows are fastText's numbers of features: a word's id, or words + bucket.
    """

    digest: str
    path: str
    labels: list[Label]
    label_counts: np.ndarray
    loss: str
    seed: int
    options: Numbering
    weighed: bool
    head: np.ndarray
    unit: float
    changes: Changes = _NONE
    tokenizer: Tokenizer | Whitespace | None = None
    thresholds: Thresholds | None = field(default=None, compare=False)
    abstention: Abstention | None = field(default=None, compare=False)
    rules: Rules | None = field(default=None, compare=False)

    @classmethod
    def of(cls, model: Model, shared: SharedTable, weighed: bool, head: np.ndarray) -> Adapter:
        """That of a model, without changes.

        Args:
            head: float32[C, D].
        """
        unit = float(np.abs(head).max(initial=0)) or 1.0
        return cls(
            shared.digest, shared.path, list(model.labels), model.dictionary.label_counts, model.args.loss, model.seed,
            model.dictionary.options, weighed, (head / unit).astype(np.float16), unit, _NONE, model.tokenizer,
        )  # fmt: skip

    @property
    def scores(self) -> np.ndarray:
        """float32[C, D], the head that a row is multiplied by."""
        return self.head.astype(np.float32) * np.float32(self.unit)

    def with_changes(self, changes: Changes, dictionary: Dictionary) -> Adapter:
        """With changes of the rows of a dictionary's table."""
        rows, words = changes.rows, dictionary.nwords
        numbers = rows.copy()
        numbers[rows >= words] = words + dictionary.buckets[rows[rows >= words] - words]
        return replace(self, changes=replace(changes, rows=numbers))

    @property
    def cost(self) -> tuple[int, int]:
        """Bytes of a feature that changes, and of each of its numbers."""
        labels = len(self.labels)
        if labels == 2 and self.loss == "softmax":
            return 2, 1
        return (3, 2) if labels <= _BYTE else (4, 3)

    def to_bytes(self) -> bytes:
        """The file. Equal adapters give equal bytes."""
        changes, labels = self.changes, len(self.labels)
        width = np.uint8 if labels <= _BYTE else np.uint16
        high = changes.rows >> 16
        arrays = {
            "head": self.head,
            "feature": (changes.rows & 0xFFFF).astype(np.uint16),
            "features": np.bincount(high, minlength=1).astype(np.uint32),
            "size": changes.sizes,
        }
        if not self._single:
            arrays["label"] = changes.labels.astype(width)
            arrays["labels"] = (np.diff(changes.offsets) - 1).astype(width)
        header = {
            "adapter": 1,
            "base": {"digest": self.digest, "path": self.path, "dim": self.head.shape[1]},
            "labels": self.labels,
            "label_counts": self.label_counts.tolist(),
            "loss": self.loss,
            "seed": self.seed,
            "options": {name: getattr(self.options, name) for name in Numbering.__dataclass_fields__},
            "weighed": self.weighed,
            "largest": changes.largest,
            "unit": self.unit,
            "tokenizer": self.tokenizer and self.tokenizer.state(),
            "thresholds": self.thresholds and self.thresholds.state(),
            "abstention": self.abstention and self.abstention.state(),
            "rules": self.rules and self.rules.state(),
        }
        return pack_arrays(arrays, header)

    @property
    def _single(self) -> bool:
        """Whether each feature has one number, of the first label."""
        return bool((self.changes.labels == 0).all()) and bool((np.diff(self.changes.offsets) == 1).all())

    def save(self, path: str | PathLike) -> None:
        """Write it; the file appears whole or not at all."""
        with atomic_file(path) as file:
            file.write(self.to_bytes())

    def model(self, shared: SharedTable) -> Model:
        """The classifier on its table, an ordinary `Model` whose rows are made as they are asked for.

        Raises:
            UserError: it is another table than the task was trained on.
        """
        if shared.digest != self.digest:
            raise IncompatibleModel(
                f"{shared.path or 'this table'} is not the one that the adapter was trained on (digest {shared.digest}, not "
                f"{self.digest}); give the table that lay at {self.path}, or train the adapter anew"
            )
        own = shared.dictionary
        numbers = self.changes.rows
        if len(numbers) and numbers[-1] >= own.nwords + self.options.buckets:
            raise UnreadableFile(
                f"the adapter changes feature {numbers[-1]}, which its table has not; {_REMEDY}"
            )
        buckets = (numbers[numbers >= own.nwords] - own.nwords).astype(np.int32)
        rows = own.bucket_rows.grown(buckets, own.bucket) if own.bucket else OccurringBuckets(buckets)
        dictionary = own.changed(
            labels=[str(label) for label in self.labels], label_counts=self.label_counts, options=self.options,
            bucket_rows=rows,
        )  # fmt: skip
        source = None
        if not dictionary.whole:
            places = own.bucket_rows.places(dictionary.buckets.astype(np.int64)) if own.bucket else None
            absent = np.full(len(dictionary.buckets), -1)
            source = absent if places is None else np.where(places < 0, -1, places + own.nwords)
        changes = replace(
            self.changes, rows=dictionary.to_rows(numbers), largest=self.changes.largest * SCALE
        )
        input: Any = AdaptedRows(
            shared, source, self.scores * np.float32(SCALE), changes, dictionary.rows, self.weighed
        )
        args = Args.of(dictionary, len(self.labels), self.loss, "supervised", self.seed)
        output = np.eye(len(self.labels), dtype=np.float32) / np.float32(SCALE)
        return Model(
            args, dictionary, input, output, self.seed, tokenizer=self.tokenizer, values=self.labels,
            thresholds=self.thresholds, abstention=self.abstention, rules=self.rules,
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | PathLike) -> Adapter:
        """Read what `save` wrote.

        Raises:
            UserError: no such file, one that is no adapter, damaged or of a newer version.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UnreadableFile(f"{path}: cannot be read ({error.strerror}); correct the path") from None
        if data[: len(MAGIC)] != MAGIC:
            raise UnreadableFile(
                f"{path}: no adapter, which is a file that finetune.adapter or `Adapter.save` wrote; the table of vectors that it "
                "stands on is another"
            )
        try:
            return cls.from_bytes(data, path)
        except UserError as error:
            raise error.reworded(str(error).replace("these bytes", fspath(path))) from None

    @classmethod
    def from_bytes(cls, data: bytes, place: object = "these bytes") -> Adapter:
        """The inverse of `to_bytes`; everything is checked before it is used."""
        arrays, header = unpack_arrays(data)
        if "adapter" not in header:
            raise UnreadableFile(f"{place}: is a model and no adapter; open it by itself")
        about, stored = checked(AdapterHeader, header, place), Stored(arrays, place, _REMEDY)
        labels = len(about.labels)
        if labels < 2 or len(about.label_counts) != labels or min(about.label_counts) < 0:
            raise stored.fail(
                "label_counts", f"{about.label_counts}"[:60], f"a count of each of {labels} labels"
            )
        head = stored.table("head", (labels, about.base.dim))
        if head.dtype != np.float16:
            raise stored.fail("head", f"of dtype {head.dtype}", "float16")
        numbers = _numbers(stored)
        tokenizer = None
        if about.tokenizer is not None:
            try:
                tokenizer = Tokenizer.from_state(about.tokenizer)
            except UserError as error:
                raise error.reworded(f"{place}: tokenizer: {error}") from None
        return cls(
            about.base.digest, about.base.path, list(about.labels), np.array(about.label_counts, np.int64), about.loss,
            about.seed, restored_options(stored, about.options), about.weighed, head, about.unit,
            _changes(stored, numbers, labels, about.largest), tokenizer,
            None if about.thresholds is None else Thresholds.from_state(about.thresholds, about.labels, place),
            None if about.abstention is None else Abstention.from_state(about.abstention, place),
            None if about.rules is None else Rules.from_state(about.rules, about.labels, place),
        )  # fmt: skip


def _numbers(stored: Stored) -> np.ndarray:
    """int64[k], the features, sorted."""
    low = stored.array("feature", np.uint16)
    high = stored.numbers("features", np.uint32, (None,), 0, 1 << 16)
    if int(high.sum()) != len(low) or len(high) > 1 << 15:
        raise stored.fail("features", f"{int(high.sum())} in {len(high)} parts", f"{len(low)} in all")
    numbers = (np.repeat(np.arange(len(high)), high) << 16) + low
    if (np.diff(numbers) <= 0).any():
        raise stored.fail("feature", "out of order", "each more than the one before")
    return numbers


def _changes(stored: Stored, numbers: np.ndarray, labels: int, largest: float) -> Changes:
    sizes = stored.array("size", np.int8)
    if len(sizes) and int(sizes.min()) < -LEVELS:
        raise stored.fail("size", sizes.min(), f"from -{LEVELS} to {LEVELS}")
    width = np.uint8 if labels <= _BYTE else np.uint16
    if "label" not in stored:
        if len(sizes) != len(numbers):
            raise stored.fail("size", f"of {len(sizes)} numbers", f"one of each of {len(numbers)} features")
        return Changes(numbers, np.arange(len(numbers) + 1), np.zeros(len(sizes), np.uint16), sizes, largest)
    named = stored.numbers("label", width, (len(sizes),), 0, labels - 1).astype(np.uint16)
    counts = stored.array("labels", width, (len(numbers),)).astype(np.int64) + 1
    if int(counts.sum()) != len(sizes):
        raise stored.fail("labels", f"{int(counts.sum())} in all", f"{len(sizes)}")
    offsets = np.append(0, np.cumsum(counts))
    key = np.repeat(numbers, counts) * labels + named
    if (np.diff(key) <= 0).any():
        raise stored.fail("label", "out of order", "each label of a feature once, in their order")
    return Changes(numbers, offsets, named, sizes, largest)


def read_adapted(path: str | PathLike, base: str | PathLike | None = None) -> Model:
    """An adapter on its table, as a model that answers like any other.

    Tasks on one table share it: it is opened once in a process, and mapped where its file is a large `.bin`.

    Args:
        base: where the table lies; default: where it lay when the task was trained, or, under that name, beside the adapter.

    Raises:
        UserError: no such file, another table than the adapter's.

    Example:
        ``Classifier(read_adapted("intents.adapter")).predict(["card is lost"])``
    """
    adapter = Adapter.load(path)
    place = fspath(base) if base is not None else _base_of(adapter, path)
    try:
        made = adapter.model(open_shared(place))
    except UserError as error:
        raise error.reworded(f"{path}: {error}") from None
    return replace(made, path=fspath(path))


def _base_of(adapter: Adapter, path: str | PathLike) -> str:
    beside = Path(path).resolve().parent / Path(adapter.path).name
    places = [adapter.path, str(beside)]
    for place in places:
        if os.path.exists(place):
            return place
    raise UnreadableFile(
        f"{path}: its table is neither at {places[0]} nor at {places[1]}; say where it is (base)"
    )
