"""A model as one string of bytes and back: what `pickle`, joblib and Spark carry.

The bytes are our own format's (`ftcore.formats.container`): arrays and a JSON header. Restoring a model
reads numbers and text and runs nothing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ftcore.compat.arguments import FIELDS, loss_name
from ftcore.dictionary.dictionary import Dictionary, label_bytes
from ftcore.dictionary.hashing import pack as pack_words
from ftcore.dictionary.stored import Stored
from ftcore.errors import IncompatibleModel
from ftcore.formats.binary import VERSION
from ftcore.formats.container import pack_arrays, unpack_arrays
from ftcore.formats.directory import checked
from ftcore.model.model import LOSSES, MODELS, Args, Model
from ftcore.model.quantize import KSUB, ProductQuantizer, QuantMatrix

if TYPE_CHECKING:
    from ftcore.compat.model import _FastText

KIND = "fasttext"  # what kind of model the bytes hold
_QUANTIZERS = ("quantizer", "norm_quantizer")
_PLACE = "these bytes"
_LONGEST = 1000  # characters or words of an n-gram, as in a `.bin`
_LEAST = {"dim": 1, "minn": -_LONGEST, "maxn": -_LONGEST, "word_ngrams": -_LONGEST}
_MOST = {"minn": _LONGEST, "maxn": _LONGEST, "word_ngrams": _LONGEST, "seed": (1 << 63) - 1}
Kept = Annotated[int, Field(ge=-_LONGEST, le=_LONGEST)]


class Shipped(BaseModel):
    """The JSON of `pack`, in its types."""

    model_config = ConfigDict(frozen=True, strict=True)

    args: dict[str, int | float | str]
    options: dict[str, int]
    ntokens: int = Field(ge=0, lt=1 << 62)
    storage: str
    seed: int = Field(ge=0, lt=1 << 63)
    file: Annotated[
        tuple[Annotated[int, Field(ge=1, le=VERSION)], str, dict[Literal["maxn", "qout"], Kept]],
        Field(strict=False),
    ]
    attributes: dict[str, int | float | str]
    quantizers: dict[str, Annotated[tuple[int, int], Field(strict=False)]]

    @field_validator("attributes")
    @classmethod
    def _known(cls, attributes: dict[str, int | float | str]) -> dict[str, int | float | str]:
        for name, value in attributes.items():
            if name not in (*FIELDS, "verbose") or (name == "loss" and value not in loss_name.__members__):
                raise ValueError(f"{name} = {value!r} is no argument of a training")
        return attributes


def pack(model: _FastText) -> bytes:
    """All of a model; buckets without memory stay without."""
    classic, dictionary = model.classic, model.classic.dictionary
    words, word_offsets = pack_words(dictionary.words)
    labels, label_offsets = pack_words([label_bytes(label) for label in dictionary.labels])
    arrays = {
        "words": words, "word_offsets": word_offsets, "counts": dictionary.counts,
        "labels": labels, "label_offsets": label_offsets, "label_counts": dictionary.label_counts,
        **dictionary.bucket_rows.arrays(),
    }  # fmt: skip
    header: dict[str, Any] = {
        "kind": KIND,
        "args": asdict(classic.args),
        "options": asdict(dictionary.options),
        "ntokens": dictionary.ntokens,
        "storage": dictionary.bucket_rows.name,
        "seed": classic.seed,
        "file": [classic.version, classic.path, classic.kept],
        "attributes": {name: getattr(model, name) for name in FIELDS if hasattr(model, name)},
        "quantizers": {},
    }
    if "loss" in header["attributes"]:
        header["attributes"] |= {"loss": model.loss.name, "verbose": model.verbose}
    for name, matrix in (("input", classic.input), ("output", classic.output)):
        if isinstance(matrix, np.ndarray):
            arrays[name] = matrix
            continue
        arrays[f"{name}.codes"] = matrix.codes
        if matrix.norm_codes is not None:
            arrays[f"{name}.norm_codes"] = matrix.norm_codes
        for part in _QUANTIZERS:
            quantizer = getattr(matrix, part)
            if quantizer is not None:
                arrays[f"{name}.{part}"] = quantizer.centroids
                header["quantizers"][f"{name}.{part}"] = [quantizer.dim, quantizer.dsub]
    return pack_arrays(arrays, header)


def unpack(data: bytes) -> _FastText:
    """The model of `pack`.

    Raises:
        UserError: bytes that are none of `pack`'s, damaged, or of a newer ftcore.
    """
    from ftcore.compat.model import _FastText

    arrays, header = unpack_arrays(data)
    if header.get("kind") != KIND:
        raise IncompatibleModel(f"these bytes are a model of kind {header.get('kind')!r}, not {KIND!r}")
    about = checked(Shipped, header, _PLACE)
    stored = Stored(arrays, _PLACE)
    dictionary = Dictionary.restored(stored, about.options, about.storage, about.ntokens)
    args, (version, path, kept) = _args(stored, about.args), about.file
    outputs = dictionary.nlabels if args.supervised else dictionary.nwords
    unused = (
        dictionary.bucket_rows.whole and dictionary.bucket == 0
    )  # a `.bin` may hold rows that are never used
    rows = None if unused else dictionary.rows
    input = _matrix(stored, about.quantizers, "input", rows, args.dim)
    output = _matrix(stored, about.quantizers, "output", outputs, args.dim)
    model = _FastText(classic=Model(args, dictionary, input, output, about.seed, version, path, kept))
    for name, value in about.attributes.items():
        setattr(model, name, loss_name[value] if name == "loss" else value)
    return model


def _args(stored: Stored, values: dict[str, int | float | str]) -> Args:
    """The arguments, with numbers that a file can hold (`ftcore.formats.binary` asks the same of one)."""
    for field in fields(Args):
        name, value, kind = field.name, values.get(field.name), type(field.default)
        if not (type(value) is kind or (kind is float and type(value) is int)):
            raise stored.fail(f"args.{name}", repr(value), f"of type {kind.__name__}")
        if kind is int and not _LEAST.get(name, 0) <= value <= _MOST.get(name, (1 << 31) - 1):
            raise stored.fail(f"args.{name}", value, f"between {_LEAST.get(name, 0)} and {_MOST.get(name)}")
        if kind is float and not 0 <= value < math.inf:
            raise stored.fail(f"args.{name}", value, "a number from 0 up")
    args = Args(**{field.name: values[field.name] for field in fields(Args)})
    for name, value, known in (("loss", args.loss, LOSSES), ("model", args.model, MODELS)):
        if value not in known:
            raise stored.fail(f"args.{name}", repr(value), f"one of {', '.join(known)}")
    return args


def _matrix(
    stored: Stored, quantizers: dict[str, tuple[int, int]], name: str, rows: int | None, dim: int
) -> np.ndarray | QuantMatrix:
    if name in stored:
        return stored.table(name, (rows, dim)).astype(np.float32, copy=False)
    quantizer = _quantizer(stored, quantizers, f"{name}.quantizer", dim)
    codes = stored.array(f"{name}.codes", np.uint8, (rows, quantizer.nsubq))
    if f"{name}.norm_codes" not in stored:
        return QuantMatrix(codes, quantizer)
    norm_codes = stored.array(f"{name}.norm_codes", np.uint8, (len(codes),))
    return QuantMatrix(
        codes, quantizer, norm_codes, _quantizer(stored, quantizers, f"{name}.norm_quantizer", 1)
    )


def _quantizer(
    stored: Stored, quantizers: dict[str, tuple[int, int]], name: str, dim: int
) -> ProductQuantizer:
    found, dsub = quantizers.get(name, (0, 0))
    if found != dim or not 1 <= dsub < 1 << 31:
        raise stored.fail(f"quantizers.{name}", [found, dsub], f"[{dim}, columns of a piece]")
    return ProductQuantizer(dim, dsub, stored.array(name, np.float32, (dim * KSUB,)))
