"""ONNX: a model as a graph from raw feature ids to probabilities, and texts as its inputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore import __version__
from ftcore.base.files import atomic_write_bytes, explain_full_disk
from ftcore.ecosystem.models import AnyModel, features, model_of, need
from ftcore.model.model import Model

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18  # the first with BitwiseXor and ReduceProd's axes as an input
IR_VERSION = 9  # what onnxruntime reads from 1.15 on
LARGEST = 1_900_000_000  # bytes of a model in one file: a protobuf message ends at 2 GiB


def to_onnx(model: AnyModel) -> ModelProto:
    """The graph of a model.

    Inputs:
        ids: int64[N], features of all texts in fastText's numbering: a word's id, or nwords + hash % bucket
            of an n-gram. `onnx_inputs` makes them; any reimplementation of fastText's hashing can.
        offsets: int64[B], where each text's features start.
    Outputs:
        probabilities: float32[B, C], of the labels in the metadata's order (supervised models).
        vectors: float32[B, D], the mean of the features' rows; with a word's subwords its vector.

    Buckets without memory have the rows they would have in the `.bin`, made in the graph; quantised
    tables stay quantised. The metadata (strings, JSON where structured) holds labels, loss, nwords,
    bucket, minn, maxn, word_ngrams, dim.

    Raises:
        UserError: without onnx, or for what is no model.

    Example:
        onnx.save(to_onnx(model), "model.onnx")
        session = onnxruntime.InferenceSession("model.onnx")
        session.run(["probabilities"], onnx_inputs(model, ["好看", "dull"]))
    """
    helper = need("onnx", "onnx").helper
    from onnx import TensorProto

    from ftcore.ecosystem import onnx_graph as pieces

    classic = model_of(model).written_out()
    graph = pieces.Graph()
    vectors = pieces.means_of_bags(graph, classic, "ids", "offsets")
    outputs = [helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["texts", classic.args.dim])]
    if classic.args.supervised:
        found = pieces.probabilities(graph, classic, vectors)
        shape = ["texts", classic.dictionary.nlabels]
        outputs.insert(0, helper.make_tensor_value_info(found, TensorProto.FLOAT, shape))
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["features"]),
        helper.make_tensor_value_info("offsets", TensorProto.INT64, ["texts"]),
    ]
    whole = helper.make_graph(graph.nodes, "fasttext", inputs, outputs, list(graph.constants.values()))
    made = helper.make_model(
        whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="ftcore", producer_version=__version__,
    )  # fmt: skip
    helper.set_model_props(made, _metadata(classic))
    return made


def save_onnx(model: AnyModel, path: str | Path) -> None:
    """Write `to_onnx` of a model; where it is too large for one file, the tables go to ``path.data``.

    Raises:
        UserError: as of `to_onnx`, or the disk is full.
    """
    onnx = need("onnx", "onnx")
    made, path = to_onnx(model), Path(path)
    if sum(len(tensor.raw_data) for tensor in made.graph.initializer) <= LARGEST:
        atomic_write_bytes(path, made.SerializeToString())
        return
    with explain_full_disk(path):
        path.with_name(path.name + ".data").unlink(missing_ok=True)  # onnx would append to it
        onnx.save_model(
            made, path, save_as_external_data=True, all_tensors_to_one_file=True, location=path.name + ".data"
        )


def onnx_inputs(model: AnyModel, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Raw texts as inputs of the graph: ids int64[N], offsets int64[B].

    Texts are tokenised as the model does it (`ftcore.FastText`: by its tokenizer, others: white space), and an
    end of line follows each, as in prediction.

    Example:
        >>> onnx_inputs(model, ["good film", ""])["offsets"].tolist()
        [0, 3]
    """
    ids, offsets = features(model_of(model), texts)
    return {"ids": ids.astype(np.int64), "offsets": np.ascontiguousarray(offsets[:-1], np.int64)}


def _metadata(classic: Model) -> dict[str, str]:
    args, dictionary = classic.args, classic.dictionary
    about = {
        "model": args.model, "loss": args.loss, "dim": args.dim, "nwords": dictionary.nwords,
        "bucket": dictionary.bucket, "minn": dictionary.options.minn, "maxn": dictionary.options.maxn,
        "word_ngrams": dictionary.options.word_ngrams,
    }  # fmt: skip
    labels = [label.encode("utf-8", "replace").decode() for label in dictionary.labels]
    return {
        **{name: str(value) for name, value in about.items()},
        "labels": json.dumps(labels, ensure_ascii=False),
    }
