"""Tokens to ids: lines of pretraining, bags with labels, in memory and memory-mapped."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import config
from ftcore.dictionary import encode as module
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import BagCorpus, TokenCorpus, as_batch, documents, encode_bags, encode_tokens
from ftcore.errors import UserError
from ftcore.model.module import make_bags
from tests.reference import dictionary as slow


def build(lines, labels=None, **kw) -> Dictionary:
    labels = labels or [[] for _ in lines]
    return Dictionary.build(
        zip(labels, lines, strict=True), config.DictionaryOptions(**{"bucket": 1000, **kw})
    )


def cut(corpus: TokenCorpus) -> list[list[int]]:
    return [corpus.ids[a:b].tolist() for a, b in zip(corpus.offsets[:-1], corpus.offsets[1:], strict=True)]


def stream(lines, dictionary) -> list[int]:
    return [dictionary.index.get(t, -1) for line in lines for t in (*slow.tokens(line.encode()), b"</s>")]


tokens = st.lists(st.sampled_from(["a", "b", "c", "</s>", "zz"]), max_size=6).map(" ".join)


@given(st.lists(tokens, min_size=1, max_size=12), st.integers(1, 8), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_lines_equal_the_transcript(lines, min_count, size):
    try:
        d = build([*lines, "a " * 8], min_count=min_count)
    except UserError:
        return
    batches = [as_batch(lines[i : i + size]) for i in range(0, len(lines), size)]
    corpus = encode_tokens(batches, d)
    assert cut(corpus) == slow.lines(stream(lines, d), d.index.get(b"</s>", -1))
    assert corpus.ntokens == len(stream(lines, d)) and len(corpus) == len(corpus.offsets) - 1


def test_long_lines_are_cut_and_lines_run_together_without_eos():
    d = build(["a b"] * 20)
    long = encode_tokens([as_batch(["a " * 2500, "b", "a " * 1025])], d)
    assert np.diff(long.offsets).tolist() == [1025, 1025, 451, 2, 1025, 1]
    d = build(["a b " * 30] * 9, min_count=100)  # </s> occurs 9 times: out of the vocabulary
    assert b"</s>" not in d.index
    for size in (1, 7, 500):
        lines = ["a b c"] * 1500
        batches = (as_batch(lines[i : i + size]) for i in range(0, 1500, size))
        joined = encode_tokens(batches, d)
        assert np.diff(joined.offsets).tolist() == [1025, 1025, 950]
        assert joined.ntokens == 6000


def test_bags_and_labels(tmp_path):
    lines, labels = ["a b a", "", "zz", "b"], [["x"], ["y", "x"], [], ["x", "new"]]
    d = build(lines[:2] + ["b"], [["x"], ["y", "x"], ["z"]], minn=2, maxn=2, word_ngrams=2)
    corpus = encode_bags([as_batch(lines[:1], labels[:1]), as_batch(lines[1:], labels[1:])], d)
    assert len(corpus) == 4
    for i, line in enumerate(lines):
        ids = corpus.ids[corpus.offsets[i] : corpus.offsets[i + 1]]
        assert ids.tolist() == d.to_signed(d.features(line)).tolist()
    assert (corpus.ids < 0).any()
    names = [
        [d.labels[t] for t in corpus.targets[a:b]]
        for a, b in zip(corpus.target_offsets[:-1], corpus.target_offsets[1:], strict=True)
    ]
    assert names == [["x"], ["y", "x"], [], ["x"]]
    part = corpus.take(np.array([3, 1, 3]))
    assert part.ids.tolist() == [
        *d.to_signed(d.features("b")),
        *d.to_signed(d.features("")),
        *d.to_signed(d.features("b")),
    ]
    assert np.diff(part.target_offsets).tolist() == [1, 2, 1]
    assert len(corpus.take(np.array([], np.int64))) == 0
    make_bags(part.ids, part.offsets, 0, 3)


def test_grow_gives_every_occurring_bucket_a_row(tmp_path):
    lines = ["a bcd", "unseen words here", "bcd a"]
    d = build(lines[:1], minn=2, maxn=3, word_ngrams=2)
    before = d.buckets
    grown = d.copy()
    corpus = encode_bags([as_batch([line]) for line in lines], grown, grow=True)
    assert corpus.ids.min() >= 0 and set(before) < set(grown.buckets) and d.buckets is before
    occurring = {int(f) - d.nwords for line in lines for f in d.features(line) if f >= d.nwords}
    assert set(grown.buckets.tolist()) == occurring | set(before.tolist())
    again = encode_bags([as_batch(lines)], grown)
    assert again.ids.tolist() == corpus.ids.tolist()


@pytest.mark.parametrize("grow", [False, True])
def test_memory_mapped_equals_memory(tmp_path, grow, monkeypatch):
    monkeypatch.setattr(module, "_REMAP", 3)
    lines, labels = ["a b c", "中国 人", ""], [["x"], ["y"], []]
    batch = as_batch(lines, labels)
    d = build(lines[:2], labels[:2], minn=1, maxn=2)
    e = d.copy()
    mine, mapped = encode_bags([batch], d, grow=grow), encode_bags([batch], e, tmp_path / "bags", grow=grow)
    assert isinstance(mapped.ids, np.memmap) and d.buckets.tolist() == e.buckets.tolist()
    for corpus in (mapped, BagCorpus.open(tmp_path / "bags")):
        for name in ("ids", "offsets", "targets", "target_offsets"):
            assert getattr(corpus, name).tolist() == getattr(mine, name).tolist(), name
            assert getattr(corpus, name).dtype == getattr(mine, name).dtype
    mine, _ = encode_tokens([batch], d), encode_tokens([batch], d, tmp_path / "lines")
    opened = TokenCorpus.open(tmp_path / "lines")
    assert cut(opened) == cut(mine) and opened.ntokens == mine.ntokens


def test_empty_corpora(tmp_path):
    d = build(["a"])
    for out in (None, tmp_path / "x"):
        assert len(encode_tokens([], d, out)) == 0
    for out in (None, tmp_path / "y"):
        assert len(encode_bags([], d, out, grow=True)) == 0
    assert len(TokenCorpus.open(tmp_path / "x")) == 0


def test_incomplete_corpus_is_refused(tmp_path):
    d = build(["a"])
    encode_tokens([as_batch(["a a"])], d, tmp_path / "x")
    with pytest.raises(UserError, match="not a BagCorpus"):
        BagCorpus.open(tmp_path / "x")
    (tmp_path / "x" / "corpus.json").unlink()
    with pytest.raises(UserError, match="encode the corpus again"):
        TokenCorpus.open(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("offsets", lambda a: a + 1, r"offsets\[0\] is 1, not 0"),
        ("offsets", lambda a: a[::-1].copy(), r"offsets\[1\]"),
        ("offsets", lambda a: a * 2**40, r"offsets\[\d\]"),
        ("offsets", lambda a: a.astype("f8"), "offsets is of dtype float64"),
        ("ids", lambda a: a.astype("i8"), "ids is of dtype int64, not int32"),
        ("ids", lambda a: a[:, None], "ids is of shape"),
        ("targets", lambda a: a - 9, r"targets\[0\] is -9"),
        ("target_offsets", lambda a: a[:-1], "target_offsets is of shape"),
    ],
)
def test_edited_arrays_are_refused(tmp_path, name, edit, message):
    """Training's kernels index by them without asking."""
    batch = as_batch(["a b c", "b"], [["x"], ["y"]])
    encode_bags([batch], build(["a b c", "b"], [["x"], ["y"]]), tmp_path / "x")
    path = tmp_path / "x" / f"{name}.npy"
    np.save(path, edit(np.load(path)))
    with pytest.raises(UserError, match=f"{message}.*encode the corpus again"):
        BagCorpus.open(tmp_path / "x")


def test_an_edited_list_of_arrays_is_refused(tmp_path):
    encode_tokens([as_batch(["a a"])], build(["a"]), tmp_path / "x")
    for text in ("[]", "{}", "[" * 100_000, '{"kind": "TokenCorpus", "sizes": {"../x": 1}}', "\udcff"):
        (tmp_path / "x" / "corpus.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(UserError, match="encode the corpus again"):
            TokenCorpus.open(tmp_path / "x")


def test_arrow_columns(tmp_path):
    schema = {"tokens": pa.array(["a b", None], pa.large_string()), "labels": pa.array([["x"], None])}
    batch = pa.record_batch(schema)
    assert list(documents([batch])) == [(["x"], b"a b"), ([], b"")]
    d = Dictionary.build(documents([batch]), config.DictionaryOptions())
    assert np.diff(encode_bags([batch], d).offsets).tolist() == [3, 1]
    assert cut(encode_tokens([batch], d))[1] == [d.index[b"</s>"]]
    assert list(documents([pa.record_batch({"tokens": pa.array(["a"])})])) == [([], b"a")]
