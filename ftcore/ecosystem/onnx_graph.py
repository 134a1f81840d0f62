"""The pieces of fastText as ONNX nodes: rows of features, means of bags, probabilities.

Shape suffixes: B bags, N features of all bags, A of them in buckets without a row, C classes, D vector
size, M pieces of a quantised row.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ftcore.formats.classic import Classic
from ftcore.model.losses import huffman_tree
from ftcore.model.quantize import KSUB, QuantMatrix

# of `ftcore.model.init`, whose bits the graph reproduces
_GOLDEN = 0x9E3779B97F4A7C15
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)
_BUCKETS = 1 << 40
_MASK = (1 << 64) - 1


class Graph:
    """Nodes and constants under construction; every method returns the name of a value.

    >>> graph = Graph()
    >>> graph.add("Add", "x", graph.constant(np.array([1], np.int64)))
    'add_1'
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._number = itertools.count()

    def constant(self, array: np.ndarray, name: str = "") -> str:
        """An initializer."""
        name = name or f"constant_{next(self._number)}"
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output."""
        name = name or f"{op.lower()}_{next(self._number)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def ints(self, *values: int) -> str:
        """int64[n]."""
        return self.constant(np.array(values, np.int64))

    def cast(self, value: str, to: int) -> str:
        return self.add("Cast", value, to=to)

    def filled(self, value: float | int, shape: str, dtype: type) -> str:
        """A tensor of this shape full of one value."""
        return self.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.array([value], dtype)))


def bag_of_features(graph: Graph, ids: str, offsets: str) -> str:
    """int64[N]: which bag each feature belongs to, also where bags are empty.

    A bag's start is marked at its place, and the marks up to a feature are counted.
    """
    size = graph.add("Shape", ids)
    marks = graph.filled(0, graph.add("Add", size, graph.ints(1)), np.int64)
    ones = graph.filled(1, graph.add("Shape", offsets), np.int64)
    marks = graph.add("ScatterElements", marks, offsets, ones, axis=0, reduction="add")
    bag = graph.add("CumSum", marks, graph.constant(np.array(0, np.int64)))
    bag = graph.add("Slice", bag, graph.ints(0), size)
    return graph.add("Sub", bag, graph.ints(1))


def mean_of_rows(graph: Graph, rows: str, bag: str, offsets: str, dim: int) -> str:
    """float32[B, D]: mean of each bag's rows; zero for an empty bag."""
    bags = graph.add("Shape", offsets)
    zeros = graph.filled(0, graph.add("Concat", bags, graph.ints(dim), axis=0), np.float32)
    place = graph.add("Expand", graph.add("Unsqueeze", bag, graph.ints(1)), graph.add("Shape", rows))
    total = graph.add("ScatterElements", zeros, place, rows, axis=0, reduction="add")
    ones = graph.filled(1, graph.add("Shape", bag), np.float32)
    counts = graph.filled(0, bags, np.float32)
    counts = graph.add("ScatterElements", counts, bag, ones, axis=0, reduction="add")
    counts = graph.add("Max", counts, graph.constant(np.array(1, np.float32)))
    return graph.add("Div", total, graph.add("Unsqueeze", counts, graph.ints(1)), name="vectors")


def rows_of_features(graph: Graph, classic: Classic, ids: str, bag: str) -> tuple[str, str]:
    """(float32[n, D], int64[n]): rows of the features that count, and their bags.

    A bucket without a row gets the one it would have started from, made in the graph as
    `ftcore.model.init.initial_rows` makes it; in a cut-off model it does not count, as in fastText.
    """
    dictionary = classic.dictionary
    if dictionary.bucket == 0 or dictionary.storage == "all":
        return _table(graph, classic.input, ids), bag
    row_of = np.concatenate([np.arange(dictionary.nwords, dtype=np.int32), dictionary.bucket_rows()])
    row = graph.add("Gather", graph.constant(row_of, "row_of_feature"), ids)
    zero = graph.constant(np.array(0, np.int32))
    has = graph.add("GreaterOrEqual", row, zero)
    rows = _table(graph, classic.input, graph.add("Compress", row, has, axis=0))
    its_bag = graph.add("Compress", bag, has, axis=0)
    if dictionary.prune is not None:
        return rows, its_bag
    lacks = graph.add("Not", has)
    bucket = graph.add("Sub", graph.add("Compress", ids, lacks, axis=0), graph.ints(dictionary.nwords))
    made = _initial_rows(graph, classic.seed, bucket, classic.args.dim)
    rows = graph.add("Concat", rows, made, axis=0)
    return rows, graph.add("Concat", its_bag, graph.add("Compress", bag, lacks, axis=0), axis=0)


def _table(graph: Graph, table: np.ndarray | QuantMatrix, rows: str) -> str:
    """float32[n, D]: rows of a table, a quantised one decoded."""
    if isinstance(table, np.ndarray):
        return graph.add("Gather", graph.constant(np.asarray(table, np.float32), "input"), rows)
    quantizer = table.quantizer
    centroids = np.zeros((quantizer.nsubq, KSUB, quantizer.dsub), np.float32)
    for m in range(quantizer.nsubq):
        piece = quantizer.piece(m)
        centroids[m, :, : piece.shape[1]] = piece
    codes_NM = graph.add("Gather", graph.constant(table.codes, "codes"), rows)
    place_NM = graph.add(
        "Add", graph.cast(codes_NM, TensorProto.INT64), graph.ints(*range(0, KSUB * quantizer.nsubq, KSUB))
    )
    parts = graph.add("Gather", graph.constant(centroids.reshape(-1, quantizer.dsub), "centroids"), place_NM)
    # 0: as it is there, so that no row at all has a shape too
    wide = graph.add("Reshape", parts, graph.ints(0, quantizer.nsubq * quantizer.dsub))
    found_ND = graph.add("Slice", wide, graph.ints(0), graph.ints(quantizer.dim), graph.ints(1))
    if table.norm_codes is None or table.norm_quantizer is None:
        return found_ND
    code_N = graph.add("Gather", graph.constant(table.norm_codes, "norm_codes"), rows)
    norm_N = graph.add(
        "Gather",
        graph.constant(table.norm_quantizer.centroids, "norms"),
        graph.cast(code_N, TensorProto.INT64),
    )
    return graph.add("Mul", found_ND, graph.add("Unsqueeze", norm_N, graph.ints(1)))


# ----------------------------------------------------------------------------------------- initial rows
def _initial_rows(graph: Graph, seed: int, bucket: str, dim: int) -> str:
    """float32[A, D] of the buckets int64[A], by the integer arithmetic of `ftcore.model.init`.

    Sums and products are int64, which wrap as uint64 do; shifts and exclusive ors are uint64.
    """
    start = _mixed((seed + _GOLDEN) & _MASK)
    number = graph.add("Add", bucket, graph.ints(_BUCKETS))
    number = graph.add("Add", graph.add("Mul", number, graph.ints(_signed(_GOLDEN))), graph.ints(1))
    state_A = _mix(graph, _xor(graph, number, graph.constant(np.array([start], np.uint64))))
    steps = [_signed(_GOLDEN * (j + 1) & _MASK) for j in range(dim)]
    state_AD = graph.add("Add", graph.add("Unsqueeze", state_A, graph.ints(1)), graph.ints(*steps))
    bits = _shift(graph, graph.cast(_mix(graph, state_AD), TensorProto.UINT64), 40)
    unit = graph.add(
        "Mul", graph.cast(bits, TensorProto.FLOAT), graph.constant(np.array(2.0**-23, np.float32))
    )
    unit = graph.add("Sub", unit, graph.constant(np.array(1, np.float32)))
    return graph.add("Mul", unit, graph.constant(np.float32(1) / np.array(dim, np.float32)))


def _mix(graph: Graph, value: str) -> str:
    """The finaliser of splitmix64: int64 to int64."""
    for shift, factor in itertools.zip_longest(_SHIFTS, _FACTORS):
        wide = graph.cast(value, TensorProto.UINT64)
        value = _xor(graph, value, _shift(graph, wide, shift))
        if factor is not None:
            value = graph.add("Mul", value, graph.ints(_signed(factor)))
    return value


def _xor(graph: Graph, value: str, other: str) -> str:
    """int64 from an int64 and a uint64."""
    return graph.cast(
        graph.add("BitwiseXor", graph.cast(value, TensorProto.UINT64), other), TensorProto.INT64
    )


def _shift(graph: Graph, value: str, bits: int) -> str:
    return graph.add("BitShift", value, graph.constant(np.array([bits], np.uint64)), direction="RIGHT")


def _mixed(x: int) -> int:
    """`_mix` of a number."""
    for shift, factor in itertools.zip_longest(_SHIFTS, _FACTORS, fillvalue=1):
        x = (x ^ x >> shift) * factor & _MASK
    return x


def _signed(x: int) -> int:
    """The int64 with the bits of a uint64."""
    return x - (1 << 64) if x >= 1 << 63 else x


# ---------------------------------------------------------------------------------------- probabilities
def probabilities(graph: Graph, classic: Classic, vectors: str) -> str:
    """float32[B, C]: exact softmax, sigmoids (ova, ns), or products of them down the tree (hs)."""
    output = classic.output if isinstance(classic.output, np.ndarray) else classic.output.dense()
    scores = graph.add("Gemm", vectors, graph.constant(np.asarray(output, np.float32), "output"), transB=1)
    if classic.args.loss == "softmax":
        return graph.add("Softmax", scores, axis=1, name="probabilities")
    if classic.args.loss != "hs":
        return graph.add("Sigmoid", scores, name="probabilities")
    tree = huffman_tree(classic.dictionary.label_counts)
    sign_CL = tree.signs.numpy()
    path_BCL = graph.add("Gather", scores, graph.constant(tree.paths.numpy(), "paths"), axis=1)
    answer = graph.add("Sigmoid", graph.add("Mul", path_BCL, graph.constant(sign_CL, "signs")))
    answer = graph.add("Where", graph.constant(sign_CL == 0), graph.constant(np.array(1, np.float32)), answer)
    return graph.add("ReduceProd", answer, graph.ints(2), keepdims=0, name="probabilities")
