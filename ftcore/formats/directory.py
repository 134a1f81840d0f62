"""A `Model` as a directory or as bytes: what its JSON and its arrays must be, checked once, when it is read.

The checksums say that the arrays are those that were written, not that they make sense: a header may be
edited, or both come from a stranger. Reading needs no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.stored import Stored
from ftcore.errors import IncompatibleModel, UnreadableFile, UserError
from ftcore.formats.checkpoint import HEADER, WEIGHTS, read_arrays, write_arrays
from ftcore.formats.container import pack_arrays, unpack_arrays
from ftcore.model.model import Args, Model
from ftcore.model.thresholds import Thresholds
from ftcore.text.tokenizer import Tokenizer, Whitespace

Schema = TypeVar("Schema", bound=BaseModel)
_REMEDY = "save it again with this ftcore"


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


def write_directory(directory: Path | str, model: Model) -> None:
    """Write a model to a directory (safetensors and JSON), whole or not at all.

    Raises:
        UserError: a quantised model, a disk that is full.
    """
    write_arrays(directory, *_state(model))


def read_directory(directory: Path | str) -> Model:
    """The model that `write_directory` wrote. Errors: `UserError` naming the file and the remedy."""
    return _model(*read_arrays(directory), directory, f"{directory}/{HEADER}", f"{directory}/{WEIGHTS}")


def to_bytes(model: Model) -> bytes:
    """The same as one piece of bytes, see `ftcore.formats.container`."""
    return pack_arrays(*_state(model))


def from_bytes(data: bytes) -> Model:
    """The model that `to_bytes` wrote. Errors: `UserError` for other bytes."""
    place = "these bytes"
    return _model(*unpack_arrays(data), place, place, place)


def _state(model: Model) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """All there is to save: arrays, and what goes into JSON."""
    if model.quantized or not isinstance(model.output, np.ndarray):
        raise IncompatibleModel("a quantised model is written as .ftz (write_binary), not as a directory")
    arrays = {f"dictionary.{name}": array for name, array in model.dictionary.state().items()}
    arrays |= {"input": model.input, "output": model.output}
    header: dict[str, Any] = {
        "kind": model.args.model, "loss": model.args.loss, "dim": model.args.dim, "seed": model.seed,
        "labels": model.labels, "sparse": model.sparse,
        "tokenizer": (model.tokenizer or Whitespace()).state(),
    }  # fmt: skip
    if model.thresholds is not None:
        header["thresholds"] = model.thresholds.state()
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
    stored = Stored(arrays, weights)
    dictionary = Dictionary.from_state(stored.below("dictionary."))
    supervised = about.kind == "supervised"
    input = stored.table("input", (dictionary.rows, about.dim))
    output = stored.table("output", (dictionary.nlabels if supervised else dictionary.nwords, about.dim))
    if output.dtype != input.dtype:
        raise stored.fail("output", f"of dtype {output.dtype}", f"{input.dtype}, as input is")
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
    args = Args.of(dictionary, about.dim, about.loss, about.kind, about.seed)
    return Model(
        args, dictionary, input, output, about.seed, tokenizer=tokenizer, values=about.labels if supervised else None,
        thresholds=thresholds, sparse=about.sparse,
    )  # fmt: skip
