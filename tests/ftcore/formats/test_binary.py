"""`.bin` and `.ftz` against the original, in both directions, and files that are not what they seem."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ftcore import config
from ftcore.dictionary.bucket_rows import EveryBucket, KeptBuckets
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.errors import UserError
from ftcore.formats.binary import read_binary, write_binary
from ftcore.inference.vectors import Vectors
from ftcore.model.model import LOSSES, MODELS, Args, Model
from ftcore.model.quantize import ProductQuantizer, QuantMatrix
from tests.reference.peer import run_peer

DIM = 3


def small_model(bucket: int = 4, **args: object) -> Model:
    """A supervised model of two words and one label, with rows for all buckets."""
    options = config.DictionaryOptions(word_ngrams=2, bucket=max(bucket, 1))
    dictionary = Dictionary(
        [b"</s>", b"\xff"], ["__label__x"], np.array([3, 2]), np.array([3]), 8, options, EveryBucket()
    )
    given = Args(dim=DIM, model="supervised", loss="softmax", word_ngrams=2, minn=0, maxn=0, bucket=bucket)
    table = np.arange((2 + bucket) * DIM, dtype=np.float32).reshape(-1, DIM)
    return Model(replace(given, **args), dictionary, table, -table[:1])


def small_quantized(pairs: list[tuple[int, int]], qnorm: bool = False) -> Model:
    """A cut-off model of two words whose kept n-grams are `pairs`."""
    dense, rng = small_model(), np.random.default_rng(0)
    old, rows = dense.dictionary, 2 + len(pairs)
    dictionary = Dictionary(
        old.words,
        old.labels,
        old.counts,
        old.label_counts,
        old.ntokens,
        old.options,
        KeptBuckets(np.array(pairs, np.int32).reshape(-1, 2)),
    )
    quantizer = ProductQuantizer(DIM, 2, rng.normal(size=DIM * 256).astype(np.float32))
    codes = rng.integers(0, 256, (rows, 2)).astype(np.uint8)
    norms = (codes[:, 0].copy(), ProductQuantizer(1, 1, rng.random(256).astype(np.float32))) if qnorm else ()
    return replace(dense, dictionary=dictionary, input=QuantMatrix(codes, quantizer, *norms))


def test_the_layout_of_a_small_file(tmp_path: Path):
    """Written out by hand from saveModel, Args::save, Dictionary::save and DenseMatrix::save."""
    write_binary(small_model(), tmp_path / "m.bin")
    expected = struct.pack("<ii12id", 793712314, 12, DIM, 5, 5, 5, 5, 2, 3, 3, 4, 0, 0, 100, 1e-4)
    expected += struct.pack("<iiiqq", 3, 2, 1, 8, -1)
    expected += b"</s>\0" + struct.pack("<qb", 3, 0) + b"\xff\0" + struct.pack("<qb", 2, 0)
    expected += b"__label__x\0" + struct.pack("<qb", 3, 1)
    expected += (
        b"\0" + struct.pack("<qq18f", 6, 3, *range(18)) + b"\0" + struct.pack("<qq3f", 1, 3, -0.0, -1, -2)
    )
    assert (tmp_path / "m.bin").read_bytes() == expected


# --------------------------------------------------------------------------------- against the original
def test_files_of_the_original_are_saved_byte_for_byte(peer_models: dict[str, Path], tmp_path: Path):
    assert len(peer_models) == 18 + 28 + 3
    for name, path in peer_models.items():
        for mapped in (True, False):
            write_binary(read_binary(path, mmap=mapped), tmp_path / "again")
            assert (tmp_path / "again").read_bytes() == path.read_bytes(), name


def test_what_is_read_is_what_the_original_reads(peer_models: dict[str, Path]):
    ask = r"""
import fasttext_pybind
for i, path in enumerate(given["paths"].tolist()):
    m = fasttext.load_model(path)
    words, counts = m.f.getVocab("replace")
    out[f"{i} words"] = np.array([w.encode("utf-8", "replace") for w in words])
    out[f"{i} counts"] = np.array(counts)
    out[f"{i} vector"] = np.stack([m.get_word_vector(w) for w in ("w7", "中一", "unseen")])
    a = m.f.getArgs()
    out[f"{i} args"] = np.array([a.dim, a.ws, a.epoch, a.minCount, a.neg, a.wordNgrams, int(a.loss), int(a.model),
        a.bucket, a.minn, a.maxn, a.lrUpdateRate])
"""
    names = list(peer_models)[::3]
    asked = run_peer(ask, paths=[peer_models[name] for name in names])
    for i, name in enumerate(names):
        classic = read_binary(peer_models[name])
        a, d = classic.args, classic.dictionary
        assert [word.decode("utf-8", "replace").encode() for word in d.words] == asked[
            f"{i} words"
        ].tolist(), name
        assert d.counts.tolist() == asked[f"{i} counts"].tolist(), name
        header = [a.dim, a.ws, a.epoch, a.min_count, a.neg, a.word_ngrams, LOSSES.index(a.loss) + 1,
                  MODELS.index(a.model) + 1, a.bucket, a.minn, a.maxn, a.lr_update_rate]  # fmt: skip
        assert header == asked[f"{i} args"].tolist(), name
        mine = Vectors(classic).words(["w7", "中一", "unseen"])
        np.testing.assert_allclose(mine, asked[f"{i} vector"], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("model", ["skipgram", "supervised"])
def test_a_model_trained_here_opens_in_the_original(model: str, tmp_path: Path):
    """Buckets that never occurred are written as they started, so both see the same table."""
    rng = np.random.default_rng(3)  # whole numbers: no machine rounds them in its own way
    supervised = model == "supervised"
    options = config.DictionaryOptions(minn=2, maxn=3, bucket=200)
    texts = [(["__label__好"] if supervised else [], "alpha beta 中文 alpha")]
    dictionary = Dictionary.build(texts, options)
    table = rng.integers(-9, 10, (dictionary.rows, 5)).astype(np.float32)
    output = rng.integers(-9, 10, (dictionary.nlabels if supervised else dictionary.nwords, 5)).astype(
        np.float32
    )
    args = Args(dim=5, model=model, loss="ns", minn=2, maxn=3, bucket=200)
    classic = Model(args, dictionary, table, output, seed=11)
    assert 0 < len(dictionary.buckets) < 100
    write_binary(classic, tmp_path / "m.bin")
    ask = """
m = fasttext.load_model(str(given["path"]))
out["input"], out["output"] = m.get_input_matrix(), m.get_output_matrix()
out["vectors"] = np.stack([m.get_word_vector(w) for w in ("alpha", "中文", "never seen")])
out["labels"] = np.array(m.labels)
m.save_model(str(given["into"]) + "/m.bin.again")
"""
    theirs = run_peer(ask, tmp_path, path=tmp_path / "m.bin")
    expected = initial_rows(11, bucket_numbers(np.arange(200)), 5)
    expected[dictionary.buckets] = table[dictionary.nwords :]
    assert np.array_equal(theirs["input"], np.concatenate([table[: dictionary.nwords], expected]))
    assert np.array_equal(theirs["output"], output)
    words = ("alpha", "中文", "never seen")
    np.testing.assert_allclose(Vectors(classic).words(words), theirs["vectors"], rtol=1e-5, atol=1e-7)
    assert not supervised or theirs["labels"].tolist() == ["__label__好"]
    assert (tmp_path / "m.bin.again").read_bytes() == (tmp_path / "m.bin").read_bytes()


@pytest.mark.skipif(not os.environ.get("FTCORE_GENSIM"), reason="set FTCORE_GENSIM to a Python with gensim")
@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_gensim_reads_and_saves_it(model: str, loss: str, tmp_path: Path):
    rng = np.random.default_rng(4)
    options = config.DictionaryOptions(minn=2, maxn=3, bucket=900)
    dictionary = Dictionary.build([([], "alpha beta 中文 alpha")], options)
    table, output = (rng.normal(size=(n, 5)).astype(np.float32) for n in (dictionary.rows, dictionary.nwords))
    classic = Model(
        Args(dim=5, model=model, loss=loss, minn=2, maxn=3, bucket=900), dictionary, table, output, seed=2
    )
    write_binary(classic, tmp_path / "m.bin")
    ask = """if True:
        import sys, numpy as np
        from gensim.models import fasttext as ft
        model = ft.load_facebook_model(sys.argv[1])
        np.save(sys.argv[1] + ".npy", np.stack([model.wv[w] for w in ("alpha", "中文", "unseen")]))
        ft.save_facebook_model(model, sys.argv[1] + ".again")
    """
    python = os.environ["FTCORE_GENSIM"]
    subprocess.run([python, "-c", textwrap.dedent(ask), str(tmp_path / "m.bin")], check=True, timeout=300)
    theirs = np.load(tmp_path / "m.bin.npy")
    np.testing.assert_allclose(
        Vectors(classic).words(["alpha", "中文", "unseen"]), theirs, rtol=1e-5, atol=1e-7
    )
    assert (tmp_path / "m.bin.again").read_bytes() == (tmp_path / "m.bin").read_bytes()


# ------------------------------------------------------------------------------------- peculiar versions
def test_version_11_is_kept_and_has_no_character_ngrams(tmp_path: Path):
    path, again = tmp_path / "m.bin", tmp_path / "again.bin"
    write_binary(small_model(), path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, 4, 11)
    struct.pack_into("<ii", data, 8 + 4 * 9, 3, 6)  # minn, maxn
    path.write_bytes(data)
    classic = read_binary(path)
    assert (classic.version, classic.args.maxn, classic.dictionary.options.maxn) == (11, 0, 0)
    write_binary(classic, again)
    assert again.read_bytes() == bytes(data)


def test_a_bin_of_a_training_with_qout_keeps_the_flag(tmp_path: Path):
    path = tmp_path / "m.bin"
    write_binary(small_model(), path)
    data = bytearray(path.read_bytes())
    place = len(data) - (1 + 16 + 4 * DIM)
    assert data[place] == 0
    data[place] = 1
    path.write_bytes(data)
    classic = read_binary(path)
    assert isinstance(classic.output, np.ndarray)
    write_binary(classic, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == bytes(data)


@pytest.mark.parametrize("qnorm", [False, True])
@pytest.mark.parametrize("pairs", [[], [(3, 0), (0, 1)]])
def test_a_pruned_model_keeps_the_order_of_its_pairs(pairs: list, qnorm: bool, tmp_path: Path):
    classic = small_quantized(pairs, qnorm)
    write_binary(classic, tmp_path / "a.ftz")
    read = read_binary(tmp_path / "a.ftz")
    assert (
        read.dictionary.bucket_rows.pairs.tolist() == [list(pair) for pair in pairs]
        and read.dictionary.bucket_rows.leaves_out
    )
    assert np.array_equal(read.input.dense(), classic.input.dense())
    write_binary(read, tmp_path / "b.ftz")
    assert (tmp_path / "a.ftz").read_bytes() == (tmp_path / "b.ftz").read_bytes()
    expected = [2 + dict(pairs).get(bucket, -3) for bucket in range(4)]
    assert read.dictionary.to_rows(np.arange(6)).tolist() == [0, 1, *expected]


def test_rows_of_buckets_that_are_not_used_stay(tmp_path: Path):
    """A model without n-grams has no buckets, but other programs write rows for them."""
    classic = small_model(bucket=4, word_ngrams=1)
    write_binary(classic, tmp_path / "m.bin")
    read = read_binary(tmp_path / "m.bin")
    assert read.dictionary.bucket == 0 and read.input.shape == (6, DIM)
    write_binary(read, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()


def test_labels_and_words_that_are_no_utf8(tmp_path: Path):
    classic = small_model()
    old = classic.dictionary
    odd = Dictionary(
        [b"\xe4\xb8", b"\x80"], ["a\udcff", "\ud800 b"], old.counts, old.counts, 5, old.options, EveryBucket()
    )
    write_binary(replace(classic, dictionary=odd, output=np.zeros((2, DIM), np.float32)), tmp_path / "m.bin")
    data = (tmp_path / "m.bin").read_bytes()
    assert b"\xe4\xb8\0" in data and b"a\xff\0" in data and b"\xed\xa0\x80 b\0" in data
    write_binary(read_binary(tmp_path / "m.bin"), tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == data


# ---------------------------------------------------------------------------------------- writing safely
def test_what_the_format_cannot_hold_is_refused_and_the_old_file_stays(tmp_path: Path):
    path = tmp_path / "m.bin"
    write_binary(small_model(), path)
    before = path.read_bytes()
    quantized = small_quantized([(0, 0)])
    with pytest.raises(UserError, match="quantised output with a dense input"):
        write_binary(replace(small_model(), output=quantized.input), path)
    old = small_model().dictionary
    nul = Dictionary(
        [b"</s>", b"a\0b"], old.labels, old.counts, old.label_counts, 5, old.options, EveryBucket()
    )
    with pytest.raises(UserError, match="0 byte"):
        write_binary(replace(small_model(), dictionary=nul), path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["m.bin"]


def test_a_file_may_be_replaced_while_it_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ftcore.formats.binary.COPY_BELOW", 0)
    write_binary(small_model(), tmp_path / "m.bin")
    read = read_binary(tmp_path / "m.bin")
    assert read.input.base is not None
    read.input[0] = 7  # its own: the map is copy-on-write
    write_binary(read, tmp_path / "m.bin")
    assert read_binary(tmp_path / "m.bin").input[:, 0].tolist() == [7, 3, 6, 9, 12, 15]
    assert read.input[1].tolist() == [3, 4, 5]


def test_a_large_file_is_not_read(tmp_path: Path):
    """3 GB of rows in a hole of the file: opening it and asking for vectors touches a few pages."""
    classic = small_model(bucket=0, word_ngrams=1)
    write_binary(classic, tmp_path / "m.bin")
    rows = 3 * 10**9 // (4 * DIM)
    start = 8 + 4 * 8
    with open(tmp_path / "m.bin", "r+b") as file:
        file.seek(start)
        file.write(struct.pack("<i", rows - 2))  # bucket
        place = os.path.getsize(tmp_path / "m.bin") - (2 * 17 + 4 * DIM * 3)
        file.seek(place)
        file.write(struct.pack("<?qq", False, rows, DIM))
        file.seek(place + 17 + 4 * DIM * rows)
        file.write(struct.pack("<?qq", False, 1, DIM) + bytes(4 * DIM))
    ask = """if True:
        import sys, time, resource
        from ftcore.formats.binary import read_binary
        from ftcore.inference.vectors import Vectors
        read_binary(sys.argv[2])
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
        before, at = resident(), time.perf_counter()
        classic = read_binary(sys.argv[1])
        assert Vectors(classic).word(b"\\xff").shape == (3,) and classic.input[[5, 200_000_000]].sum() == 0
        print(time.perf_counter() - at, resident() - before)
    """
    write_binary(classic, tmp_path / "small.bin")
    paths = [str(tmp_path / "m.bin"), str(tmp_path / "small.bin")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ask), *paths], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    seconds, grown = done.stdout.split()
    assert float(seconds) < 30 and int(grown) < 64 << 20, done.stdout  # 3 GB would be 50 times as much


# ------------------------------------------------------------------------------------------ hostile files
@pytest.mark.parametrize("kind", ["dense", "quantised"])
def test_cut_off_anywhere(kind: str, tmp_path: Path):
    classic = small_model() if kind == "dense" else small_quantized([(3, 0), (0, 1)], qnorm=True)
    path = tmp_path / "m.bin"
    write_binary(classic, path)
    data = path.read_bytes()
    cuts = range(len(data)) if kind == "dense" else [*range(300), *range(300, len(data), 97)]
    for cut in cuts:
        path.write_bytes(data[:cut])
        with pytest.raises(UserError, match=r"byte \d+|cannot be opened|magic|Magic") as caught:
            read_binary(path)
        assert str(path) in str(caught.value)


BAD = {  # field: (place, layout, values, what the message must name)
    "magic": (0, "i", [0, -1, 793712315], "Magic number at byte 0"),
    "version": (4, "i", [0, -5, 13, 1 << 30], "Version at byte 4"),
    "dim": (8, "i", [0, -1, 1 << 30], "dim at byte 8"),
    "ws": (12, "i", [-1], "ws at byte 12"),
    "word_ngrams": (28, "i", [1 << 30, -(1 << 31)], "word_ngrams at byte 28"),
    "loss": (32, "i", [0, 5, -1], "loss at byte 32"),
    "model": (36, "i", [0, 4, 1 << 20], "model at byte 36"),
    "bucket": (40, "i", [-1, 0], "bucket at byte 40"),
    "buckets without rows": (40, "i", [5, 1 << 30], "rows of the input at byte"),
    "maxn": (48, "i", [1 << 30], "maxn at byte 48"),
    "t": (56, "d", [float("nan"), float("inf"), -1.0], "t at byte 56"),
    "size": (64, "i", [4, -1, 1 << 30], "size of the dictionary at byte 64"),
    "nwords": (68, "i", [-1], "nwords at byte 68"),
    "nlabels": (72, "i", [-1], "nlabels at byte 72"),
    "ntokens": (76, "q", [-1], "ntokens at byte 76"),
    "pruning": (84, "q", [-2, 1 << 40], "pruning at byte"),
    "pruned but dense": (84, "q", [0], "flag of a quantised input at byte"),
    "count": (97, "q", [-1, 10**15], "count of entry 0 at byte 97"),
    "type": (105, "b", [1, 2, -1], "type of entry 0 at byte 105"),
    "flag": (137, "B", [2, 255], "flag of a quantised input at byte 137"),
    "rows": (138, "q", [-1, 5, 7, 1 << 62], "rows of the input at byte 138"),
    "columns": (146, "q", [-1, 2, 1 << 62], "columns of the input at byte 146"),
}


@pytest.mark.parametrize("field", BAD)
def test_a_bad_field_is_named_with_its_byte(field: str, tmp_path: Path):
    path = tmp_path / "m.bin"
    write_binary(small_model(), path)
    whole = path.read_bytes()
    place, layout, values, message = BAD[field]
    for value in values:
        data = bytearray(whole)
        struct.pack_into("<" + layout, data, place, value)
        path.write_bytes(data)
        with pytest.raises(UserError, match=re.escape(message)):
            read_binary(path)


def test_both_sizes_absurd_alike(tmp_path: Path):
    """2**30 words in the header are refused before anything of that size is made."""
    path = tmp_path / "m.bin"
    write_binary(small_model(), path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<iii", data, 64, (1 << 30) + 1, 1 << 30, 1)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"1073741825 entries at byte 92 take .* the file ends"):
        read_binary(path)


def test_a_string_without_end(tmp_path: Path):
    path = tmp_path / "m.bin"
    write_binary(small_model(), path)
    path.write_bytes(path.read_bytes()[:92] + b"x" * 1_000_000)
    with pytest.raises(UserError, match="entry 0 at byte 92 is cut off"):
        read_binary(path)


def test_bytes_behind_the_end(tmp_path: Path):
    path = tmp_path / "m.bin"
    write_binary(small_model(), path)
    end = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError, match=f"1 bytes follow the model's end at byte {end}"):
        read_binary(path)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(4, 0), (1, 1)], "bucket of kept n-gram 0 at byte 137 is 4"),
        ([(1, 0), (-1, 1)], "bucket of kept n-gram 1 at byte 145 is -1"),
        ([(1, 2), (2, 1)], "row of kept n-gram 0 at byte 141 is 2"),
        ([(1, 0), (1, 1)], "bucket of kept n-gram 1 at byte 145 is 1, not one that is new"),
    ],
)
def test_bad_prune_pairs(pairs: list, message: str, tmp_path: Path):
    path = tmp_path / "m.ftz"
    write_binary(small_quantized([(0, 0), (3, 1)]), path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<4i", data, 137, *pairs[0], *pairs[1])
    path.write_bytes(data)
    with pytest.raises(UserError, match=re.escape(message)):
        read_binary(path)


@pytest.mark.parametrize(
    ("shift", "layout", "value", "message"),
    [
        (0, "b", 2, "flag of quantised norms of the input"),
        (1, "q", 99, "rows of the input"),
        (17, "i", 9, "size of the codes of the input"),
        (17, "i", -8, "size of the codes of the input"),
        (17, "i", 1 << 30, "codes of the input"),
        (17, "i", 4, "quantiser"),
        (29, "i", 4, "quantiser"),
        (33, "i", 3, "quantiser"),
        (37, "i", 0, "dsub of the input's quantiser"),
        (37, "i", -1, "dsub of the input's quantiser"),
        (37, "i", 1 << 30, "quantiser"),
        (41, "i", 2, "quantiser"),
    ],
)
def test_bad_sizes_of_a_quantised_matrix(shift: int, layout: str, value: int, message: str, tmp_path: Path):
    """2 words + 2 n-grams of 2 codes each: flag, m, n, size, 8 codes, then dim, nsubq, dsub, last."""
    path = tmp_path / "m.ftz"
    write_binary(small_quantized([(0, 0), (3, 1)]), path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<" + layout, data, 137 + 16 + 1 + shift, value)
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{re.escape(message)}.*byte"):
        read_binary(path)


@pytest.mark.parametrize("data", [b"", b"12 3\nword 1 2 3\n", b"\x7fELF" * 100])
def test_other_files(data: bytes, tmp_path: Path):
    path = tmp_path / "m.bin"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"wrong file format! Magic number at byte 0"):
        read_binary(path)


def test_files_that_cannot_be_opened(tmp_path: Path):
    for path in (tmp_path / "none.bin", tmp_path, str(tmp_path / "a\0b")):
        with pytest.raises(UserError, match="cannot be opened for loading!"):
            read_binary(path)
