"""From a text in fastText's format to a dictionary and ids: against the original and a slow transcript."""

import gzip
import json
import re
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import config, native
from ftcore.dictionary import counting, lines
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import (
    BagCorpus,
    TokenCorpus,
    as_batch,
    encode_bags,
    encode_tokens,
    read_bags,
    read_tokens,
)
from ftcore.dictionary.lines import Lines
from ftcore.dictionary.lookup import Words
from ftcore.errors import UserError
from tests.reference import dictionary as slow
from tests.reference.peer import data_file, needs_peer, run_live, run_peer


def options(**kw) -> config.DictionaryOptions:
    return config.DictionaryOptions(**{"bucket": 1000, **kw})


_FOLDER = tempfile.TemporaryDirectory(prefix="ftcore-test-")  # hypothesis cannot have tmp_path


def given_text(data: bytes) -> Lines:
    """A file of exactly these bytes, until the next is asked for."""
    path = Path(_FOLDER.name) / "text"
    path.write_bytes(data)
    return Lines(path)


def entries(d: Dictionary) -> list[tuple]:
    words = zip(d.words, [False] * d.nwords, d.counts.tolist(), strict=True)
    return [*words, *zip(d.label_bytes, [True] * d.nlabels, d.label_counts.tolist(), strict=True)]


def parts(values: np.ndarray, offsets: np.ndarray) -> list[list[int]]:
    return [values[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


# ------------------------------------------------------------------------------- against the original
def read_bin(path: Path) -> tuple[list[tuple], int]:
    """(word, is it a label, count) of a `.bin`, and ntokens."""
    data = path.read_bytes()
    size, _, _, ntokens, _ = struct.unpack_from("<iiiqq", data, 8 + 56)
    at, found = 8 + 56 + 28, []
    for _ in range(size):
        end = data.index(b"\0", at)
        count, kind = struct.unpack_from("<qb", data, end + 1)
        found.append((data[at:end], kind == 1, count))
        at = end + 10
    return found, ntokens


def the_originals(
    paths: list[Path], cases: list[dict], ask: Callable = run_peer
) -> list[tuple[list[tuple], int]]:
    """Dictionaries the original makes of the files, each with its options (mode: supervised or not)."""
    ask(
        "import json\n"
        "for path, case in zip(given['paths'], given['cases']):\n"
        "    case = json.loads(str(case)); path = str(path)\n"
        "    make = fasttext.train_supervised if case.pop('supervised') else fasttext.train_unsupervised\n"
        "    name = str(given['into']) + path[path.rindex('/'):] + '.bin'\n"
        "    make(path, epoch=0, dim=1, bucket=10, thread=1, verbose=0, **case).save_model(name)\n",
        paths[0].parent,
        paths=paths,
        cases=[json.dumps(c) for c in cases],
    )
    return [read_bin(p.with_name(p.name + ".bin")) for p in paths]


ODD = {
    "no newline at the end": b"__label__a x y\n__label__b y",
    "separators": b"a b\tc\vd\fe\rf\0g\r\nh  i \n \n\n a\r",
    "no separators": "a\u00a0b\u3000c\ufeffd\u0085e \ufeffa\n".encode() * 2,
    "an end of line in the text": b"a </s> b\n</s>\nc </s>x x</s> </S>\n",
    "not UTF-8": b"\xff\xfe a\xff \x80\x80 \xe4\xb8 \xe4\xb8\xad \xff\xfe\n__label__\xff x\n",
    "labels": b"__label__ x __label__x __label__\xe4\xb8\xad a__label__b __label__x__label__y __labe\n" * 2,
    "only labels": b"__label__a\n__label__b __label__a\n",
    "long words": b"a" * 200_000 + b" b " + b"a" * 199_999 + b"c " + b"a" * 200_000 + b"\n",
    "words alike in eight bytes": b"abcdefgh abcdefghi abcdefghj abcdefg abcdefghijklmnop abcdefghijklmnoq\n" * 3,
    "ties": " ".join(f"w{i * 7919 % 1000}" for i in range(3000)).encode() + b"\n",
    "many ties": b"\n".join(b"t%d" % (i * i % 4093) for i in range(20_000)),
}  # fmt: skip


def test_odd_texts_have_the_originals_dictionary(tmp_path):
    usual, others = {"supervised": True}, [
        ("labels", {"supervised": True, "minCountLabel": 3, "label": "__lab"}),
        ("labels", {"supervised": False, "minCount": 1}),
        ("an end of line in the text", {"supervised": False, "minCount": 2}),
        ("not UTF-8", {"supervised": False, "minCount": 1, "label": "\u00ff"}),
        ("ties", {"supervised": False, "minCount": 3}),
    ]  # fmt: skip
    runs = [(name, usual) for name in ODD] + others
    paths = [tmp_path / str(i) for i in range(len(runs))]
    for path, (name, _) in zip(paths, runs, strict=True):
        path.write_bytes(ODD[name])
    originals = the_originals(paths, [case for _, case in runs])
    for path, (name, case), (found, ntokens) in zip(paths, runs, originals, strict=True):
        ours = Dictionary.read(
            Lines(path),
            options(min_count=case.get("minCount", 1), min_count_label=case.get("minCountLabel", 0)),
            label=case.get("label", "__label__"),
        )
        assert entries(ours) == found and ours.ntokens == ntokens, (name, case)


def cooking() -> bytes:
    return data_file("cooking/cooking.train").read_bytes()


def imdb() -> bytes:
    rows = subprocess.run(["zstd", "-dc", str(data_file("imdb/train.jsonl.zst"))], capture_output=True).stdout
    texts = [json.loads(row) for row in rows.split(b"\n") if row]
    return "".join(f"__label__{t['label']} {' '.join(t['text'].split())}\n" for t in texts).encode()


def thucnews() -> bytes:
    rows = data_file("thucnews_titles/train_part.txt").read_text(encoding="utf-8").split("\n")
    return "".join(
        f"__label__{r.split(chr(9))[-1]} {' '.join(r.split(chr(9))[0])}\n" for r in rows if r
    ).encode()


def zhwiki() -> bytes:
    """20 MB; the characters as words, Latin words whole."""
    data = subprocess.run(
        ["zstd", "-dc", str(data_file("zhwiki/zhwiki_AA.txt.zst"))], capture_output=True
    ).stdout
    text = data[:20_000_000].decode("utf-8", "ignore")
    return re.sub(r"([\u3400-\u9fff])", r" \1 ", text).encode()


@needs_peer
@pytest.mark.slow
@pytest.mark.parametrize("corpus", [cooking, thucnews, imdb, zhwiki])
def test_real_files_have_the_originals_dictionary(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 1 << 18)
    path = tmp_path / "text"
    path.write_bytes(corpus())
    cases = [{"supervised": True, "minCount": 1}, {"supervised": False, "minCount": 5}]
    for case in cases:
        [(found, ntokens)] = the_originals([path], [case], run_live)
        for threads in (1, 3):
            ours = Dictionary.read(Lines(path), options(min_count=case["minCount"]), threads=threads)
            assert entries(ours) == found and ours.ntokens == ntokens


QUERIES = [
    "hello unseen 世界",
    "__label__a hello __label__nobody hello",
    "__label__b",
    "unseen __label__ </s> hello",
    "",
    "中国 人民 人 爱好 x__label__a",
    "\u3000 a\u00a0b \ufeffhello a\tb\rc",
]


@pytest.mark.parametrize(("minn", "maxn", "n"), [(0, 0, 1), (1, 2, 3), (2, 4, 1)])
def test_features_of_queries_with_labels_equal_the_originals(minn, maxn, n, tmp_path):
    path = tmp_path / "text"
    path.write_text(
        "__label__a hello 中国 hello\n__label__b hello 人民 café\n__label__a 世界\n", encoding="utf-8"
    )
    o = options(minn=minn, maxn=maxn, word_ngrams=n)
    d = Dictionary.read(Lines(path), o)
    rows = d.nwords + d.bucket
    # a row is a random vector, so that the mean of a line's rows says which they are
    table = np.random.default_rng(1).random((rows, 16), np.float32)
    got = run_peer(
        "m = fasttext.train_supervised(str(given['path']), minCount=1, epoch=0, dim=16, bucket=1000, thread=1,"
        " verbose=0, minn=int(given['minn']), maxn=int(given['maxn']), wordNgrams=int(given['n']))\n"
        "m.set_matrices(given['table'], m.get_output_matrix())\n"
        "out['vectors'] = [m.get_sentence_vector(str(q)) for q in given['queries']]\n",
        path=path, minn=minn, maxn=maxn, n=n, table=table, queries=QUERIES,
    )  # fmt: skip
    for threads in (1, 2):
        ids, offsets = d.features_of(QUERIES * 300, label="__label__", threads=threads)
        for i, features in enumerate(parts(ids, offsets)):
            np.testing.assert_allclose(table[features].mean(0), got["vectors"][i % len(QUERIES)], atol=1e-6)
    without = d.features_of(["__label__a hello"], eos=False, label="__label__")[0]
    assert without.tolist() == d.subwords(b"hello").tolist()
    as_word = d.features_of(["__label__a hello"])[0]  # no prefix given: a word like any other
    assert as_word.tolist() == slow.features(b"__label__a hello", d.index, minn, maxn, n, d.bucket or 1)


# --------------------------------------------------------------------------------- against the transcript
pieces = st.sampled_from(
    [b"a", b"b", b"cc", "中".encode(), "中国".encode(), b"\xe4", b"\xb8\xad", b"\xff", b"<", b">", b"</s>", b"__label__",
     b"__label__x", b"__", b" ", b" ", b"\n", b"\n", b"\r", b"\t", b"\v", b"\f", b"\0", b"abcdefgh", b"longer word", b" </s> ", b" __label__x ",
     b"\1", b"\x1f", b"\x7f", b"control\x02character", b"abcdefghijklmnopqrstuvwxyz"]
)  # fmt: skip
texts = st.lists(pieces, max_size=60).map(b"".join)


@given(texts, st.integers(1, 3), st.integers(0, 3), st.sampled_from(["__label__", "__", ""]))
@settings(max_examples=150, deadline=None)
def test_dictionary_equals_the_transcript(data, low, low_label, label):
    prefix = label.encode() or b"\n"  # a prefix no word has
    expected = slow.read_vocabulary(data, prefix, low, low_label, 10**6)
    for threads in (1, 2):
        if all(is_label for _, is_label, _ in expected):
            with pytest.raises(UserError, match="Empty vocabulary"):
                Dictionary.read(
                    given_text(data), options(min_count=low, min_count_label=low_label), label=label
                )
            return
        ours = Dictionary.read(
            given_text(data), options(min_count=low, min_count_label=low_label), label=label, threads=threads
        )
        assert entries(ours) == expected
        assert ours.ntokens == len(slow.read_words(data))


def vocabulary(data: bytes, low: int, label: str = "__label__", **kw) -> Dictionary | None:
    try:
        return Dictionary.read(given_text(data), options(min_count=low, **kw), label=label, threads=1)
    except UserError:
        return None


@given(texts, texts, st.integers(1, 2), st.integers(0, 2), st.integers(0, 2), st.integers(1, 3), st.sampled_from(["__label__", "__"]), st.integers(1, 30))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_bags_equal_the_transcript(first, second, low, minn, more, n, label, block):
    d = vocabulary(first, low, label, minn=minn, maxn=minn + more, word_ngrams=n, bucket=77)
    if d is None:
        return
    for data in (first, second):
        expected = slow.supervised_lines(data, d.words, d.label_bytes, label.encode(), d.options)
        for threads in (1, 2):
            grown, before = d.copy(), lines._BLOCK
            lines._BLOCK = block
            try:
                bags = read_bags(given_text(data), grown, label=label, threads=threads)
                kept = read_bags(given_text(data), d, label=label, threads=threads, grow=False)
            finally:
                lines._BLOCK = before
            numbers = np.append(np.arange(d.nwords), d.nwords + grown.buckets)
            assert parts(numbers[bags.ids], bags.offsets) == [features for features, _ in expected]
            assert parts(bags.targets, bags.target_offsets) == [targets for _, targets in expected]
            assert parts(kept.ids, kept.offsets) == [
                d.to_signed(np.array(f, np.int64)).tolist() for f, _ in expected
            ]


@given(texts, texts, st.integers(1, 3), st.integers(1, 30))
@settings(max_examples=150, deadline=None)
def test_tokens_equal_the_transcript(first, second, low, block):
    d = vocabulary(first, low)
    if d is None:
        return
    for data in (first, second):
        expected = slow.unsupervised_lines(data, d.words, d.label_bytes)
        for threads in (1, 2):
            before, lines._BLOCK = lines._BLOCK, block
            try:
                corpus = read_tokens(given_text(data), d, threads=threads)
            finally:
                lines._BLOCK = before
            assert parts(corpus.ids, corpus.offsets) == expected
            assert corpus.ntokens == len(slow.read_words(data))


def test_labels_count_in_long_lines_but_are_not_trained():
    data = b"a " * 700 + b"__label__x " * 300 + b"b " * 100 + b"zz\n" + b"__label__x " * 1100 + b"\na"
    d = vocabulary(b"a b __label__x\n", 1)
    corpus = read_tokens(given_text(data), d, threads=1)
    assert np.diff(corpus.offsets).tolist() == [
        725,
        76,
        1,
        1,
    ]  # 1025 with labels; then two whole lines; then a
    assert parts(corpus.ids, corpus.offsets) == slow.unsupervised_lines(data, d.words, d.label_bytes)
    assert not (corpus.ids < 0).any() and corpus.ntokens == len(slow.read_words(data))


# -------------------------------------------------------------------------------------- threads, pruning
def zipf(words: int, size: int) -> bytes:
    rng = np.random.default_rng(3)
    ids = np.minimum(rng.zipf(1.2, size), words)
    return b" ".join(b"w%d" % i if i % 50 else b"\n__label__%d" % (i % 7) for i in ids.tolist())


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_do_not_change_anything(threads, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 5000)
    text = given_text(zipf(30_000, 60_000))
    o = options(min_count=2, minn=2, maxn=3, word_ngrams=2)
    one, many = (Dictionary.read(text, o, threads=t) for t in (1, threads))
    assert entries(one) == entries(many) and one.ntokens == many.ntokens
    assert one.buckets.tolist() == many.buckets.tolist()
    a, b = read_bags(text, one, threads=1), read_bags(text, many, threads=threads)
    for name in ("ids", "offsets", "targets", "target_offsets"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert one.buckets.tolist() == many.buckets.tolist()
    c, e = read_tokens(text, one, threads=1), read_tokens(text, one, threads=threads)
    assert np.array_equal(c.ids, e.ids) and np.array_equal(c.offsets, e.offsets) and c.ntokens == e.ntokens


@given(texts, st.integers(3, 9), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_rare_words_go_while_reading(data, limit, low, low_label, threads, block):
    expected = slow.read_vocabulary(data, b"__", low, low_label, limit)
    before = counting.MAX_TYPES, lines._BLOCK
    counting.MAX_TYPES, lines._BLOCK = limit, block
    try:
        if all(is_label for _, is_label, _ in expected):
            return
        o = options(min_count=low, min_count_label=low_label)
        ours = Dictionary.read(given_text(data), o, label="__", threads=threads)
    finally:
        counting.MAX_TYPES, lines._BLOCK = before
    assert entries(ours) == expected
    assert ours.ntokens == len(slow.read_words(data))


def test_numbers_that_need_more_than_32_bits():
    with pytest.raises(UserError, match="2000000000 buckets and 200000000 words"):
        Dictionary(
            Words(np.zeros(native.PAD, np.uint8), np.zeros(200_000_001, np.int64)), [], np.zeros(0), np.zeros(0), 0,
            options(bucket=2_000_000_000, maxn=3),
        )  # fmt: skip


# ------------------------------------------------------------------------------------- the same by two ways
def test_the_pipelines_way_gives_the_same(tmp_path):
    rows = ["b a 中国 a", "", "zz </s> a", "a b c d"]
    labels = [["x"], ["y", "x"], [], ["x"]]
    o = options(minn=1, maxn=2, word_ngrams=2)
    prefixed = [[f"__label__{name}" for name in names] for names in labels]
    text = Lines([" ".join([*names, row]) for names, row in zip(prefixed, rows, strict=True)])
    read = Dictionary.read(text, o)
    built = Dictionary.build(zip(prefixed, rows, strict=True), o)
    # what follows a literal end of line is a line of its own in a file, and nothing in a document
    assert entries(read)[:-2] == entries(built)[:-2] and built.labels == read.labels
    assert read.ntokens == built.ntokens
    a, b = read_bags(text, read), encode_bags([as_batch(rows, prefixed)], built, grow=True)
    keep = [0, 1, 2, 4]
    assert [parts(a.ids, a.offsets)[i] for i in keep] == parts(b.ids, b.offsets)
    assert [parts(a.targets, a.target_offsets)[i] for i in keep] == parts(b.targets, b.target_offsets)
    c, e = read_tokens(text, read), encode_tokens([as_batch(rows)], built)
    assert c.ids.tolist() == e.ids.tolist() and c.offsets.tolist() == e.offsets.tolist()
    assert c.ntokens == e.ntokens + 4  # the labels


def test_arrays_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 300)
    text = given_text(zipf(500, 2000))
    d = Dictionary.read(text, options(word_ngrams=2))
    e = d.copy()
    bags, mapped = read_bags(text, d), read_bags(text, e, out=tmp_path / "bags")
    for corpus in (mapped, BagCorpus.open(tmp_path / "bags")):
        assert isinstance(corpus.ids, np.memmap) and np.array_equal(corpus.ids, bags.ids)
        assert np.array_equal(corpus.target_offsets, bags.target_offsets)
    tokens = read_tokens(text, d)
    read_tokens(text, d, out=tmp_path / "tokens")
    opened = TokenCorpus.open(tmp_path / "tokens")
    assert np.array_equal(opened.ids, tokens.ids) and opened.ntokens == tokens.ntokens


def test_an_error_in_a_thread_reaches_the_caller(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(zipf(500, 20_000))[:-30])
    broken, d = Lines(tmp_path / "a.gz"), vocabulary(b"w1 __label__1\n", 1)
    for threads in (1, 3):
        for read in (
            lambda t: Dictionary.read(broken, options(), threads=t),
            lambda t: read_bags(broken, d, threads=t),
            lambda t: read_tokens(broken, d, threads=t),
        ):
            with pytest.raises(UserError, match="truncated archive"):
                read(threads)
