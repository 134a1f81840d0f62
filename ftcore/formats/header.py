"""What the JSON and the arrays of a saved `ftcore.FastText` must be: checked once, when a model is read.

The checksums say that the arrays are those that were written, not that they make sense: a header may be
edited, or both come from a stranger.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.stored import Stored
from ftcore.errors import UserError
from ftcore.formats.checkpoint import HEADER, WEIGHTS

Schema = TypeVar("Schema", bound=BaseModel)
_REMEDY = "save it again with this ftcore"


class ModelHeader(BaseModel):
    """``model.json`` of a `FastText` (beside the keys of `ftcore.formats.checkpoint`). Others are passed over."""

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
            raise UserError(f"{place}: the model lacks {name!r}; {_REMEDY}") from None
        shown = repr(first["input"])[:60]
        raise UserError(f"{place}: {name} is {shown}: {first['msg'].lower()}; {_REMEDY}") from None


def check_model(
    arrays: dict[str, np.ndarray], header: dict[str, Any], place: object, directory: bool
) -> tuple[ModelHeader, Dictionary]:
    """Header and dictionary of a model, its tables (``input``, ``output``) fitting both.

    Args:
        place: what the model is read from, for messages. directory: its two files are named, too.

    Errors: `UserError` naming the file and the field.
    """
    about = checked(ModelHeader, header, f"{place}/{HEADER}" if directory else place)
    stored = Stored(arrays, f"{place}/{WEIGHTS}" if directory else place)
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
        raise UserError(f"{place}: labels are {str(names)[:60]} ({len(names)}), not {expected}; {_REMEDY}")
    return about, dictionary
