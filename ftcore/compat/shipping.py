"""A model as one string of bytes and back: what `pickle`, joblib and Spark carry.

The bytes are our own format's (`ftcore.formats.container`): arrays and a JSON header. Restoring a model
reads numbers and text and runs nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore import config
from ftcore.compat.arguments import FIELDS, loss_name
from ftcore.corpus.dictionary import Dictionary, label_bytes
from ftcore.errors import UserError
from ftcore.formats.classic import Args, Classic
from ftcore.formats.container import pack_model, unpack_model
from ftcore.model.hashing import pack as pack_words
from ftcore.model.hashing import unpack as unpack_words
from ftcore.model.quantize import ProductQuantizer, QuantMatrix

if TYPE_CHECKING:
    from ftcore.compat.model import _FastText

KIND = "fasttext"  # what kind of model the bytes hold
_QUANTIZERS = ("quantizer", "norm_quantizer")


def pack(model: _FastText) -> bytes:
    """All of a model; buckets without memory stay without."""
    classic, dictionary = model.classic, model.classic.dictionary
    words, word_offsets = pack_words(dictionary.words)
    labels, label_offsets = pack_words([label_bytes(label) for label in dictionary.labels])
    arrays = {
        "words": words, "word_offsets": word_offsets, "counts": dictionary.counts,
        "labels": labels, "label_offsets": label_offsets, "label_counts": dictionary.label_counts,
        "buckets": dictionary.buckets,
    }  # fmt: skip
    if dictionary.prune is not None:
        arrays["prune"] = dictionary.prune
    header: dict[str, Any] = {
        "kind": KIND,
        "args": asdict(classic.args),
        "options": dictionary.options.model_dump(),
        "ntokens": dictionary.ntokens,
        "storage": dictionary.storage,
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
    return pack_model(arrays, header)


def unpack(data: bytes) -> _FastText:
    """The model of `pack`.

    Errors: `UserError` for bytes that are none of `pack`'s, damaged, or of a newer ftcore.
    """
    from ftcore.compat.model import _FastText

    arrays, header = unpack_model(data)
    if header.get("kind") != KIND:
        raise UserError(f"these bytes are a model of kind {header.get('kind')!r}, not {KIND!r}")
    args = Args(**header["args"])
    dictionary = Dictionary(
        unpack_words(arrays["words"], arrays["word_offsets"]),
        [name.decode("utf-8", "surrogateescape") for name in unpack_words(arrays["labels"], arrays["label_offsets"])],
        arrays["counts"],
        arrays["label_counts"],
        header["ntokens"],
        config.Dictionary(),
        arrays["buckets"],
        storage=header["storage"],
        prune=arrays.get("prune"),
    )  # fmt: skip
    # a file's options may be wider than ours (`read_binary`), so they are not judged again
    dictionary.options = config.Dictionary.model_construct(**header["options"])
    version, path, kept = header["file"]
    matrices = [_matrix(arrays, header["quantizers"], name) for name in ("input", "output")]
    classic = Classic(args, dictionary, *matrices, header["seed"], version, path, kept)
    model = _FastText(classic=classic)
    for name, value in header["attributes"].items():
        setattr(model, name, loss_name[value] if name == "loss" else value)
    return model


def _matrix(arrays: dict[str, np.ndarray], quantizers: dict, name: str) -> np.ndarray | QuantMatrix:
    if name in arrays:
        return arrays[name]
    made = [
        ProductQuantizer(*quantizers[key], arrays[key]) if key in quantizers else None
        for key in (f"{name}.{part}" for part in _QUANTIZERS)
    ]
    return QuantMatrix(arrays[f"{name}.codes"], made[0], arrays.get(f"{name}.norm_codes"), made[1])
