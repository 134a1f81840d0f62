"""fastText's own model files: `.bin` (dense) and `.ftz` (product-quantised), read and written.

Layout, little-endian: magic, version, arguments, dictionary, "quantised?", input, "output quantised
too?", output. Rows of a dense matrix start wherever the vocabulary ends, which is seldom a multiple of
four bytes. Source: fastText 0.9.3 ``src/fasttext.cc`` (``saveModel``, ``loadModel``), ``src/args.cc``
(``save``), ``src/dictionary.cc`` (``save``), ``src/densematrix.cc`` and ``src/quantmatrix.cc`` (``save``).
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from os import PathLike
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ftcore.dictionary.bucket_rows import EveryBucket, KeptBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.lookup import Words
from ftcore.dictionary.numbering import Numbering
from ftcore.errors import IncompatibleModel, UnreadableFile
from ftcore.formats.cursor import REMEDY, Cursor
from ftcore.formats.entries import LABEL, WORD, pack_entries, read_entries
from ftcore.model.model import IN_FILE, LOSSES, MODELS, Args, Model

if TYPE_CHECKING:
    from ftcore.model.quantize import ProductQuantizer, QuantMatrix

MAGIC, VERSION = 793712314, 12
COPY_BELOW = 64 << 20  # bytes of a file whose matrices are copied to memory even with mmap=True
_HEADER = IN_FILE[:-1]  # int32 each, the last being the double ``t``
_LONGEST = 1000  # characters or words of an n-gram; beyond, a file is taken for damaged


# ------------------------------------------------------------------------------------------------ read
def read_binary(path: str | PathLike, *, mmap: bool = True) -> Model:
    """Read a `.bin` or `.ftz` of version 12 or older.

    Args:
        path: of the file.
        mmap: leave the matrices of a large `.bin` (from 64 MB) in the file and map them: nothing of them
            is read before it is used, and processes share the memory. Such an array is usually not
            aligned: index it (``input[ids]``), but not with ``np.take``, which would copy it whole.
            The file must not be overwritten in place meanwhile (`write_binary` replaces it, which is fine).

    Returns:
        a `Model` with rows for `EveryBucket`, or `KeptBuckets` for a cut-off `.ftz`. A model without any
        n-grams may have rows for buckets behind its words all the same, which then are never used.

    Raises:
        UserError: no such file, no model, cut off, or impossible values; names the field and the byte.

    Example:
        ``read_binary("cc.en.300.bin").input[:3]``
    """
    cursor = Cursor.open(path)
    magic, version = cursor.ints("magic number", "version") if cursor.left >= 8 else (0, 0)
    if magic != MAGIC:
        raise UnreadableFile(
            f"{path} has wrong file format! Magic number at byte 0 is not {MAGIC}; give a .bin or .ftz of fastText"
        )
    if not 0 < version <= VERSION:
        raise IncompatibleModel(
            f"{path} has wrong file format! Version at byte 4 is {version}, not between 1 and {VERSION}; "
            "a newer fastText may have written it: save it with version 0.9.3"
        )
    args, kept = _read_args(cursor, version)
    dictionary = _read_dictionary(cursor, args)
    copy = not mmap or len(cursor.data) < COPY_BELOW
    quantized = cursor.flag("flag of a quantised input")
    if dictionary.bucket_rows.leaves_out and not quantized:
        raise cursor.fail("flag of a quantised input", 0, "1, as a pruned dictionary asks for", cursor.at - 1)
    rows = dictionary.nwords + dictionary.bucket_rows.count(args.bucket)
    read = _read_quantized if quantized else _read_dense
    table = read(cursor, "input", rows, args.dim, copy)
    qout = cursor.flag("flag of a quantised output")
    if qout and not quantized:
        kept["qout"] = 1  # a `.bin` of a training that was given -qout: the output is dense
    rows = dictionary.nlabels if args.supervised else dictionary.nwords
    read = _read_quantized if quantized and qout else _read_dense
    output = read(cursor, "output", rows, args.dim, copy)
    if cursor.left:
        raise UnreadableFile(
            f"{path}: {cursor.left} bytes follow the model's end at byte {cursor.at}; {REMEDY}"
        )
    return Model(args, dictionary, table, output, version=version, path=str(path), kept=kept)


def _read_args(cursor: Cursor, version: int) -> tuple[Args, dict[str, int]]:
    start = cursor.at
    values: dict[str, Any] = dict(zip(_HEADER, cursor.ints(*_HEADER), strict=True))

    def wrong(name: str, expected: str) -> UnreadableFile:
        return cursor.fail(name, values[name], expected, start + 4 * _HEADER.index(name))

    if not 0 < values["dim"] <= len(cursor.data) // 4:
        raise wrong("dim", "between 1 and what the file has room for")
    for name in ("ws", "epoch", "min_count", "neg", "bucket", "lr_update_rate"):
        if values[name] < 0:
            raise wrong(name, "0 or more")
    for name in ("word_ngrams", "minn", "maxn"):
        if abs(values[name]) > _LONGEST:
            raise wrong(name, f"{_LONGEST} or less")
    if not 1 <= values["loss"] <= len(LOSSES):
        raise wrong("loss", f"1 to {len(LOSSES)} ({', '.join(LOSSES)})")
    if not 1 <= values["model"] <= len(MODELS):
        raise wrong("model", f"1 to {len(MODELS)} ({', '.join(MODELS)})")
    (t,) = cursor.unpack("d", "t")
    if not (math.isfinite(t) and t >= 0):
        raise cursor.fail("t", t, "a number from 0 up", cursor.at - 8)
    loss, model = LOSSES[values.pop("loss") - 1], MODELS[values.pop("model") - 1]
    kept = {}
    if version == 11 and model == "supervised" and values["maxn"] != 0:
        kept["maxn"] = values["maxn"]  # such models do not use character n-grams (loadModel)
        values["maxn"] = 0
    if values["bucket"] == 0 and (values["maxn"] > 0 or values["word_ngrams"] > 1):
        raise cursor.fail(
            "bucket", 0, "a number of buckets for the n-grams", start + 4 * _HEADER.index("bucket")
        )
    return Args(**values, loss=loss, model=model, t=t), kept


def _read_dictionary(cursor: Cursor, args: Args) -> Dictionary:
    at = cursor.at
    size, nwords, nlabels = cursor.ints("size of the dictionary", "nwords", "nlabels")
    if nwords < 0:
        raise cursor.fail("nwords", nwords, "0 or more", at + 4)
    if nlabels < 0:
        raise cursor.fail("nlabels", nlabels, "0 or more", at + 8)
    if size != nwords + nlabels:
        raise cursor.fail("size of the dictionary", size, f"nwords + nlabels = {nwords + nlabels}", at)
    ntokens, pairs = cursor.ints("ntokens", "size of the pruning", wide=True)
    if ntokens < 0:
        raise cursor.fail("ntokens", ntokens, "0 or more", at + 12)
    if pairs < -1:
        raise cursor.fail("size of the pruning", pairs, "-1 or more", at + 20)
    blob, offsets, counts = read_entries(cursor, nwords, nlabels)
    rows = EveryBucket() if pairs < 0 else KeptBuckets(_read_pairs(cursor, pairs, args.bucket))
    return Dictionary(
        Words(blob, offsets[: nwords + 1]), Words(blob, offsets[nwords:]), counts[:nwords], counts[nwords:],
        ntokens, _options(args), rows,
    )  # fmt: skip


def _read_pairs(cursor: Cursor, pairs: int, bucket: int) -> np.ndarray:
    """(bucket, row - nwords) as the file orders them: int32[pairs, 2]."""
    at = cursor.at
    prune = cursor.array("<i4", 2 * pairs, "pruning").astype(np.int32).reshape(-1, 2)
    bad = (prune < 0) | (prune >= np.array([bucket, pairs]))
    if bad.any():
        i, j = np.argwhere(bad)[0].tolist()
        name = "bucket of kept n-gram" if j == 0 else "row of kept n-gram"
        most = (bucket, pairs)[j]
        raise cursor.fail(f"{name} {i}", prune[i, j], f"between 0 and {most - 1}", at + 8 * i + 4 * j)
    order = np.argsort(prune[:, 0], kind="stable")
    again = np.flatnonzero(np.diff(prune[order, 0]) == 0)
    if len(again):
        i = int(order[again[0] + 1])
        raise cursor.fail(f"bucket of kept n-gram {i}", prune[i, 0], "one that is new", at + 8 * i)
    return prune


def _options(args: Args) -> Numbering:
    """A file's options without our own narrower limits: whatever fastText took, it also loads."""
    no_ngrams = args.maxn <= 0 or args.minn > args.maxn
    sizes = {"minn": 0, "maxn": 0} if no_ngrams else {"minn": max(args.minn, 0)}
    return replace(Numbering.of(args), **sizes, word_ngrams=max(args.word_ngrams, 1))


def _read_dense(cursor: Cursor, name: str, rows: int, dim: int, copy: bool) -> np.ndarray:
    _read_shape(cursor, name, rows, dim)
    return cursor.array("<f4", rows * dim, f"{name} matrix", copy).reshape(rows, dim)


def _read_shape(cursor: Cursor, name: str, rows: int, dim: int) -> None:
    at = cursor.at
    m, n = cursor.ints(f"rows of the {name}", f"columns of the {name}", wide=True)
    if m != rows:
        raise cursor.fail(f"rows of the {name}", m, f"{rows}, as the dictionary asks for", at)
    if n != dim:
        raise cursor.fail(f"columns of the {name}", n, f"dim = {dim}", at + 8)


def _read_quantized(cursor: Cursor, name: str, rows: int, dim: int, copy: bool = True) -> QuantMatrix:
    from ftcore.model.quantize import QuantMatrix

    qnorm = cursor.flag(f"flag of quantised norms of the {name}")
    _read_shape(cursor, name, rows, dim)
    at = cursor.at
    (size,) = cursor.ints(f"size of the codes of the {name}")
    if size < 0 or (size == 0) != (rows == 0) or (rows and size % rows):
        raise cursor.fail(f"size of the codes of the {name}", size, f"a multiple of the {rows} rows", at)
    codes = cursor.array("u1", size, f"codes of the {name}")
    quantizer = _read_quantizer(cursor, name, dim)
    if size != rows * quantizer.nsubq:
        raise cursor.fail(f"size of the codes of the {name}", size, f"{rows} x {quantizer.nsubq}", at)
    codes = codes.reshape(rows, quantizer.nsubq)
    if not qnorm:
        return QuantMatrix(codes, quantizer)
    norm_codes = cursor.array("u1", rows, f"norm codes of the {name}")
    return QuantMatrix(codes, quantizer, norm_codes, _read_quantizer(cursor, f"{name}'s norms", 1))


def _read_quantizer(cursor: Cursor, name: str, dim: int) -> ProductQuantizer:
    from ftcore.model.quantize import KSUB, ProductQuantizer

    at = cursor.at
    found = cursor.ints(
        *(f"{field} of the {name}'s quantiser" for field in ("dim", "nsubq", "dsub", "last dsub"))
    )
    dsub = found[2]
    if dsub < 1:
        raise cursor.fail(f"dsub of the {name}'s quantiser", dsub, "1 or more", at + 8)
    pieces = -(-dim // dsub)
    # fastText keeps dsub where it is larger than dim, with one piece of the whole row
    expected = (dim, pieces, dsub, dim - (pieces - 1) * dsub)
    if found != expected:
        raise cursor.fail(
            f"(dim, nsubq, dsub, last dsub) of the {name}'s quantiser", found, f"{expected}", at
        )
    centroids = cursor.array("<f4", dim * KSUB, f"centroids of the {name}'s quantiser")
    return ProductQuantizer(dim, dsub, centroids)


# ----------------------------------------------------------------------------------------------- write
def write_binary(classic: Model, path: str | PathLike) -> None:
    """Write a `.bin` (dense input) or `.ftz` (quantised); the file appears whole or not at all.

    A model that was read is written byte for byte as it was. One trained here is written with all its
    buckets: those without memory get the rows they started from (`initial_rows`).

    Raises:
        UserError: a quantised output without a quantised input, or a word or label with a 0 byte,
            neither of which the format can hold; the disk is full.
    """
    classic = classic.written_out()
    args, dictionary = classic.args, classic.dictionary
    quantized, qout = classic.quantized, not isinstance(classic.output, np.ndarray)
    if qout and not quantized:
        raise IncompatibleModel(
            "a fastText file cannot hold a quantised output with a dense input; quantise both"
        )
    from ftcore.base.files import atomic_file

    with atomic_file(path) as file:
        file.write(struct.pack("<ii", MAGIC, classic.version))
        _write_args(file, args, dictionary, classic.kept)
        _write_dictionary(file, dictionary)
        file.write(bytes([quantized]))
        if dictionary.bucket_rows.seeded and not quantized:
            file.write(struct.pack("<qq", dictionary.nwords + dictionary.bucket, args.dim))
            from ftcore.formats.expand import write_all_rows

            write_all_rows(file, classic)
        else:
            _write_matrix(file, classic.input)
        file.write(bytes([qout or (not quantized and bool(classic.kept.get("qout")))]))
        _write_matrix(file, classic.output)


def _write_args(file: IO[bytes], args: Args, dictionary: Dictionary, kept: dict[str, int]) -> None:
    values = {name: getattr(args, name) for name in _HEADER}
    values["loss"] = LOSSES.index(args.loss) + 1
    values["model"] = MODELS.index(args.model) + 1
    values["maxn"] = kept.get("maxn", args.maxn)
    if dictionary.bucket_rows.seeded:
        values["bucket"] = dictionary.bucket  # 0 where there are no n-grams
    file.write(struct.pack("<12id", *values.values(), args.t))


def _write_dictionary(file: IO[bytes], dictionary: Dictionary) -> None:
    nwords, nlabels, pairs = dictionary.nwords, dictionary.nlabels, dictionary.bucket_rows.pairs
    size = -1 if pairs is None else len(pairs)
    file.write(struct.pack("<iiiqq", nwords + nlabels, nwords, nlabels, dictionary.ntokens, size))
    words, labels = dictionary.packed_words, dictionary.packed_labels
    file.write(pack_entries(words.blob, words.offsets, dictionary.counts, WORD).data)
    file.write(pack_entries(labels.blob, labels.offsets, dictionary.label_counts, LABEL).data)
    if pairs is not None:
        file.write(np.ascontiguousarray(pairs, "<i4").data)


def _write_matrix(file: IO[bytes], matrix: np.ndarray | QuantMatrix) -> None:
    if not isinstance(matrix, np.ndarray):
        file.write(struct.pack("<?qqi", matrix.qnorm, *matrix.shape, matrix.codes.size))
        file.write(np.ascontiguousarray(matrix.codes).data)
        _write_quantizer(file, matrix.quantizer)
        if matrix.norm_codes is not None and matrix.norm_quantizer is not None:
            file.write(np.ascontiguousarray(matrix.norm_codes).data)
            _write_quantizer(file, matrix.norm_quantizer)
        return
    file.write(struct.pack("<qq", *matrix.shape))
    file.write(np.ascontiguousarray(matrix, "<f4").reshape(-1).view(np.uint8).data)


def _write_quantizer(file: IO[bytes], quantizer: ProductQuantizer) -> None:
    file.write(struct.pack("<4i", quantizer.dim, quantizer.nsubq, quantizer.dsub, quantizer.last))
    file.write(np.ascontiguousarray(quantizer.centroids, "<f4").data)
