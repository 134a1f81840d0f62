"""A `Model` as a directory or as bytes: what its JSON and its arrays must be, checked once, when it is read.

The checksums say that the arrays are those that were written, not that they make sense: a header may be
edited, or both come from a stranger. Reading needs no torch. Bytes hold any model, a quantised one and what
is from a file of fastText's too; a directory those that have a tokenizer, or get white space for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from os import PathLike
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.stored import Stored
from ftcore.errors import IncompatibleModel, UnreadableFile, UserError
from ftcore.formats.binary import VERSION
from ftcore.formats.checkpoint import HEADER, WEIGHTS, read_arrays, write_arrays
from ftcore.formats.container import pack_arrays, unpack_arrays
from ftcore.model.abstention import Abstention
from ftcore.model.model import LOSSES, MODELS, Args, Model
from ftcore.model.quantize import KSUB, ProductQuantizer, QuantMatrix
from ftcore.model.rules import Rules
from ftcore.model.thresholds import Thresholds
from ftcore.text.tokenizer import Tokenizer, Whitespace

Schema = TypeVar("Schema", bound=BaseModel)
_REMEDY = "save it again with this ftcore"
_LONGEST = 1000  # characters or words of an n-gram, as in a `.bin`
_LEAST = {"dim": 1, "minn": -_LONGEST, "maxn": -_LONGEST, "word_ngrams": -_LONGEST}
_MOST = {"minn": _LONGEST, "maxn": _LONGEST, "word_ngrams": _LONGEST, "seed": (1 << 63) - 1}
Kept = Annotated[int, Field(ge=-_LONGEST, le=_LONGEST)]


class FileHeader(BaseModel):
    """What a model without a tokenizer has of a file of fastText's, or would have in one."""

    model_config = ConfigDict(frozen=True, strict=True)

    args: dict[str, int | float | str]
    version: int = Field(ge=1, le=VERSION)
    path: str
    kept: dict[Literal["maxn", "qout"], Kept]
    quantizers: dict[str, Annotated[tuple[int, int], Field(strict=False)]]


class ModelHeader(BaseModel):
    """``model.json`` of a `Model` (beside the keys of `ftcore.formats.checkpoint`). Others are passed over."""

    model_config = ConfigDict(frozen=True, strict=True)

    kind: Literal["cbow", "skipgram", "supervised"]
    loss: Literal["hs", "ns", "softmax", "ova"]
    dim: int = Field(ge=1)
    seed: int = Field(ge=0, lt=1 << 63)
    labels: list[str | int]
    sparse: bool
    tokenizer: dict[str, Any]
    thresholds: dict[str, Any] | None = None
    abstention: dict[str, Any] | None = None
    rules: list[list[str]] | None = None
    file: FileHeader | None = None


def checked(schema: type[Schema], header: dict[str, Any], place: object) -> Schema:
    """The header in its types. Errors: `UserError` naming the file and the key."""
    try:
        return schema.model_validate(header)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"][:2]))
        if first["type"] == "missing":
            raise UnreadableFile(f"{place}: the model lacks {name!r}; {_REMEDY}") from None
        shown = repr(first["input"])[:60]
        raise UnreadableFile(f"{place}: {name} is {shown}: {first['msg'].lower()}; {_REMEDY}") from None


def write_directory(directory: str | PathLike, model: Model) -> None:
    """Write a model to a directory (safetensors and JSON), whole or not at all.

    Raises:
        UserError: a quantised model, a disk that is full.
    """
    if model.quantized or not isinstance(model.output, np.ndarray):
        raise IncompatibleModel("a quantised model is written as .ftz (write_binary), not as a directory")
    write_arrays(directory, *_state(model))


def read_directory(directory: str | PathLike) -> Model:
    """The model that `write_directory` wrote. Errors: `UserError` naming the file and the remedy."""
    return _model(*read_arrays(directory), directory, f"{directory}/{HEADER}", f"{directory}/{WEIGHTS}")


def to_bytes(model: Model) -> bytes:
    """The same as one piece of bytes, see `ftcore.formats.container`."""
    arrays, header = _state(model)
    if model.tokenizer is None:
        quantizers = {
            f"{name}.{part}": [quantizer.dim, quantizer.dsub]
            for name in ("input", "output")
            for part, quantizer in _quantizers(getattr(model, name)).items()
        }
        header["labels"] = []  # the dictionary has them, some perhaps as bytes that are no text
        header["file"] = {
            "args": asdict(model.args), "version": model.version, "path": model.path, "kept": model.kept,
            "quantizers": quantizers,
        }  # fmt: skip
    return pack_arrays(arrays, header)


def from_bytes(data: bytes) -> Model:
    """The model that `to_bytes` wrote. Errors: `UserError` for other bytes."""
    place = "these bytes"
    return _model(*unpack_arrays(data), place, place, place)


def _state(model: Model) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All there is to save: arrays, and what goes into JSON."""
    model = model.written_out()
    arrays = {f"dictionary.{name}": array for name, array in model.dictionary.state().items()}
    for name, matrix in (("input", model.input), ("output", model.output)):
        if isinstance(matrix, np.ndarray):
            arrays[name] = matrix
            continue
        arrays[f"{name}.codes"] = matrix.codes
        if matrix.norm_codes is not None:
            arrays[f"{name}.norm_codes"] = matrix.norm_codes
        arrays |= {f"{name}.{part}": quantizer.centroids for part, quantizer in _quantizers(matrix).items()}
    header: dict[str, Any] = {
        "kind": model.args.model, "loss": model.args.loss, "dim": model.args.dim, "seed": model.seed,
        "labels": model.labels, "sparse": model.sparse,
        "tokenizer": (model.tokenizer or Whitespace()).state(),
    }  # fmt: skip
    if model.thresholds is not None:
        header["thresholds"] = model.thresholds.state()
    if model.abstention is not None:
        header["abstention"] = model.abstention.state()
    if model.rules is not None:
        header["rules"] = model.rules.state()
    return arrays, header


def _model(
    arrays: dict[str, np.ndarray], header: dict[str, Any], place: object, json: object, weights: object
) -> Model:
    """The model, its tables (``input``, ``output``) fitting its dictionary.

    Args:
        place: what the model is read from, for messages.
        json: what messages call the header.
        weights: what messages call the arrays.

    Raises:
        UserError: it names the file and the field.
    """
    about = checked(ModelHeader, header, json)
    stored, file = Stored(arrays, weights), about.file
    dictionary = Dictionary.from_state(stored.below("dictionary."))
    if file is None:
        args = Args.of(dictionary, about.dim, about.loss, about.kind, about.seed)
    else:
        args = _args(stored, file.args)
    supervised, quantizers = args.supervised, {} if file is None else file.quantizers
    # a `.bin` may hold rows that are never used
    rows = None if dictionary.bucket_rows.whole and dictionary.bucket == 0 else dictionary.rows
    input = _matrix(stored, quantizers, "input", rows, args.dim)
    outputs = dictionary.nlabels if supervised else dictionary.nwords
    output = _matrix(stored, quantizers, "output", outputs, args.dim)
    if isinstance(input, np.ndarray) and isinstance(output, np.ndarray) and output.dtype != input.dtype:
        raise stored.fail("output", f"of dtype {output.dtype}", f"{input.dtype}, as input is")
    if file is not None:
        return Model(
            args,
            dictionary,
            input,
            output,
            about.seed,
            file.version,
            file.path,
            {str(name): n for name, n in file.kept.items()},
        )
    names = [str(label) for label in about.labels]
    if names != (dictionary.labels if supervised else []):
        expected = (
            f"the dictionary's {dictionary.nlabels}" if supervised else "an empty list, without a classifier"
        )
        raise UnreadableFile(
            f"{place}: labels are {str(names)[:60]} ({len(names)}), not {expected}; {_REMEDY}"
        )
    try:
        tokenizer = Tokenizer.from_state(about.tokenizer)
    except UserError as error:
        raise error.reworded(f"{place}: tokenizer: {error}") from None
    thresholds = None
    if about.thresholds is not None:
        thresholds = Thresholds.from_state(about.thresholds, about.labels, place)
    abstention = None if about.abstention is None else Abstention.from_state(about.abstention, place)
    rules = None if about.rules is None else Rules.from_state(about.rules, about.labels, place)
    return Model(
        args, dictionary, input, output, about.seed, tokenizer=tokenizer, values=about.labels if supervised else None,
        thresholds=thresholds, sparse=about.sparse, abstention=abstention, rules=rules,
    )  # fmt: skip


def _args(stored: Stored, values: Mapping[str, Any]) -> Args:
    """The arguments, with numbers that a file can hold (`ftcore.formats.binary` asks the same of one)."""
    for field in fields(Args):
        name, kind = field.name, type(field.default)
        value: Any = values.get(name)
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits:
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


def _quantizers(matrix: np.ndarray | QuantMatrix) -> dict[str, ProductQuantizer]:
    """Those of a quantised matrix: of its rows, and of their lengths where these are apart."""
    if isinstance(matrix, np.ndarray):
        return {}
    lengths = {} if matrix.norm_quantizer is None else {"norm_quantizer": matrix.norm_quantizer}
    return {"quantizer": matrix.quantizer, **lengths}


def _matrix(
    stored: Stored, quantizers: dict[str, tuple[int, int]], name: str, rows: int | None, dim: int
) -> np.ndarray | QuantMatrix:
    if name in stored:
        return stored.table(name, (rows, dim))
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
