"""The pieces of fastText as ONNX nodes: rows of features, means of bags, probabilities.

Shape suffixes: B bags, N features of all bags, A of them in buckets without a row, C classes, D vector
size, M pieces of a quantised row.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ftcore.model.losses import huffman_tree
from ftcore.model.model import Model
from ftcore.model.quantize import KSUB, QuantMatrix

# of `ftcore.dictionary.init`, whose bits the graph reproduces
_GOLDEN = 0x9E3779B97F4A7C15
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)
_BUCKETS = 1 << 40
_MASK = (1 << 64) - 1


class Graph:
    """Nodes and constants under construction; every method returns the name of a value.

    Args:
        prefix: of all names; a graph within another sees that one's values, so that its own differ.

    Example:
        >>> graph = Graph()
        >>> graph.add("Add", "x", graph.constant(np.array([1], np.int64)))
        'add_1'
    """

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._number, self._prefix = itertools.count(), prefix

    def constant(self, array: np.ndarray, name: str = "") -> str:
        """An initializer."""
        name = name or f"{self._prefix}constant_{next(self._number)}"
        self.constants[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output."""
        name = name or f"{self._prefix}{op.lower()}_{next(self._number)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def ints(self, *values: int) -> str:
        """int64[n]."""
        return self.constant(np.array(values, np.int64))

    def cast(self, value: str, to: int) -> str:
        """A value in another type, by ONNX's number of it."""
        return self.add("Cast", value, to=to)


class BagRows(NamedTuple):
    """Rows of features and where each bag's are: values float32[n, D], int64[B], int64[B]."""

    values: str
    starts: str
    ends: str


def means_of_bags(graph: Graph, classic: Model, ids: str, offsets: str) -> str:
    """float32[B, D]: mean of each bag's rows; zero for an empty bag.

    A bucket without a row gets the one it would have started from, made in the graph as
    `ftcore.dictionary.init.initial_rows` makes it; in a cut-off model it does not count, as in fastText.
    """
    size = graph.add("Shape", ids)
    ends = graph.add(
        "Slice",
        graph.add("Concat", offsets, size, axis=0),
        graph.ints(1),
        graph.ints(_MASK >> 1),
        graph.ints(0),
    )
    parts = _parts(graph, classic, ids, offsets, ends)
    counts = [graph.add("Sub", part.ends, part.starts) for part in parts]
    count = counts[0] if len(counts) == 1 else graph.add("Add", *counts)
    count = graph.cast(graph.add("Max", count, graph.ints(1)), TensorProto.FLOAT)
    total = _sums(graph, parts, classic.args.dim)
    return graph.add("Div", total, graph.add("Unsqueeze", count, graph.ints(1)), name="vectors")


def _sums(graph: Graph, parts: list[BagRows], dim: int) -> str:
    """float32[B, D]: sum of each bag's rows, one bag after the other.

    A loop, because the scattering sums of onnxruntime's CPU are either wrong with several threads
    (ScatterND: its issue 18048) or thirty times slower (ScatterElements: 28584), and a loop costs some
    microseconds a bag.
    """
    body = Graph("loop_")
    totals = []
    for part in parts:
        bounds = [
            body.add("Unsqueeze", body.add("Gather", bound, "bag"), body.ints(0))
            for bound in (part.starts, part.ends)
        ]
        rows = body.add("Slice", part.values, *bounds, body.ints(0))
        totals.append(body.add("ReduceSum", rows, body.ints(0), keepdims=0))
    total = totals[0] if len(totals) == 1 else body.add("Add", *totals)
    going = body.add("Identity", "going")
    inner = helper.make_graph(
        body.nodes,
        "sum_of_a_bag",
        [
            helper.make_tensor_value_info("bag", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
        ],
        [
            helper.make_tensor_value_info(going, TensorProto.BOOL, []),
            helper.make_tensor_value_info(total, TensorProto.FLOAT, [dim]),
        ],
        list(body.constants.values()),
    )
    bags = graph.add("Size", parts[0].starts)
    return graph.add("Loop", bags, graph.constant(np.array(True)), body=inner)


def _parts(graph: Graph, classic: Model, ids: str, starts: str, ends: str) -> list[BagRows]:
    """The rows that count: those of the table, and those made for buckets that have none."""
    dictionary = classic.dictionary
    if dictionary.whole:
        return [BagRows(_table(graph, classic.input, ids), starts, ends)]
    row_of = np.concatenate([np.arange(dictionary.nwords, dtype=np.int32), dictionary.row_table()])
    row = graph.add("Gather", graph.constant(row_of, "row_of_feature"), ids)
    has = graph.add("GreaterOrEqual", row, graph.constant(np.array(0, np.int32)))
    first = graph.constant(np.array(0, np.int64))
    before = graph.add("CumSum", graph.cast(has, TensorProto.INT64), first)
    before = graph.add("Pad", before, graph.ints(1, 0))  # rows before each feature: int64[N + 1]
    bounds = [graph.add("Gather", before, bound) for bound in (starts, ends)]
    stored = BagRows(_table(graph, classic.input, graph.add("Compress", row, has, axis=0)), *bounds)
    if dictionary.bucket_rows.leaves_out:
        return [stored]
    lacking = graph.add("Compress", ids, graph.add("Not", has), axis=0)
    bucket = graph.add("Sub", lacking, graph.ints(dictionary.nwords))
    others = [graph.add("Sub", bound, kept) for bound, kept in zip((starts, ends), bounds, strict=True)]
    return [stored, BagRows(_initial_rows(graph, classic.seed, bucket, classic.args.dim), *others)]


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
    """float32[A, D] of the buckets int64[A], by the integer arithmetic of `ftcore.dictionary.init`.

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
def probabilities(graph: Graph, classic: Model, vectors: str) -> str:
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
