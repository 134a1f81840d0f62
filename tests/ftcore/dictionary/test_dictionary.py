"""The dictionary: ids, counts, features and buckets, against the original and a slow transcript."""

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import config
from ftcore.dictionary import counting
from ftcore.dictionary.bucket_rows import EveryBucket, KeptBuckets, OccurringBuckets
from ftcore.dictionary.dictionary import Dictionary, split
from ftcore.dictionary.hashing import ngram_buckets
from ftcore.dictionary.numbering import Numbering
from ftcore.dictionary.tokens import text_of_lines
from ftcore.errors import UserError
from tests.reference import dictionary as slow
from tests.reference.peer import data_file, needs_peer, run_live, run_peer


def options(**kw) -> config.DictionaryOptions:
    return config.DictionaryOptions(**{"bucket": 2_000_000, **kw})


def parse(line: str) -> tuple[list[str], str]:
    tokens = line.split(" ")
    return [t for t in tokens if t.startswith("__label__")], " ".join(
        t for t in tokens if not t.startswith("__label__")
    )


# ------------------------------------------------------------------------------- against the original
def cooking() -> list[str]:
    return data_file("cooking/cooking.train").read_text(encoding="utf-8").split("\n")[:-1]


def imdb() -> list[str]:
    path = data_file("imdb/train.jsonl.zst")
    rows = subprocess.run(["zstd", "-dc", str(path)], capture_output=True).stdout.split(b"\n", 3000)[:3000]
    rows = [json.loads(row) for row in rows]
    return [f"__label__{r['label']}{r['id'] % 3} " + " ".join(r["text"].split()) for r in rows]


def thucnews() -> list[str]:
    rows = data_file("thucnews_titles/dev.txt").read_text(encoding="utf-8").split("\n")[:6000]
    pairs = [row.split("\t") for row in rows if "\t" in row]
    return [f"__label__{label} " + " ".join(title.replace(" ", "")) for title, label in pairs]


def own() -> list[str]:
    """Three labels, words of two scripts by a long tail, so with many ties."""
    rng = np.random.default_rng(4)
    words = [f"{a}{b}" for a in ("word", "词", "é", "W") for b in range(300)]
    ranks = np.minimum(rng.zipf(1.3, (800, 12)), len(words)) - 1
    return [f"__label__{i * i % 3} " + " ".join(words[rank] for rank in row) for i, row in enumerate(ranks)]


@pytest.mark.parametrize("min_count", [1, 5])
def test_ids_equal_the_originals(min_count, tmp_path):
    ids_alike(own(), min_count, tmp_path, run_peer)


@needs_peer
@pytest.mark.slow
@pytest.mark.parametrize("corpus", [cooking, imdb, thucnews])
@pytest.mark.parametrize("min_count", [1, 5])
def test_ids_of_real_texts_equal_the_originals(corpus, min_count, tmp_path):
    ids_alike(corpus(), min_count, tmp_path, run_live)


def ids_alike(lines: list[str], min_count: int, tmp_path: Path, ask: Callable) -> None:
    path = tmp_path / "train.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    got = ask(
        "m = fasttext.train_supervised(str(given['path']), minCount=int(given['min_count']), epoch=0, dim=1,"
        " bucket=1000, thread=1, verbose=0)\n"
        "w, c = m.get_words(include_freq=True, on_unicode_error='replace')\n"
        "l, d = m.get_labels(include_freq=True)\n"
        "out.update(words=[x.encode() for x in w], counts=c, labels=l, label_counts=d)\n",
        path=path,
        min_count=min_count,
    )
    ours = Dictionary.build(map(parse, lines), options(min_count=min_count))
    assert ours.words == got["words"].tolist()
    assert ours.labels == got["labels"].tolist()
    assert ours.counts.tolist() == got["counts"].tolist()
    assert ours.label_counts.tolist() == got["label_counts"].tolist()


@pytest.mark.parametrize(
    ("minn", "maxn", "n", "bucket"), [(1, 3, 1, 2_000_000), (3, 6, 3, 5000), (0, 0, 2, 999)]
)
def test_features_equal_the_originals(minn, maxn, n, bucket, tmp_path):
    lines = [
        "__label__a 中国 人民 hello 世界 hello",
        "__label__b hello 中国 café 人 </s> after",
        "__label__a b c",
    ]
    queries = [
        "中国 hello unseen 爱好 b",
        "",
        "a",
        "unseen </s> b",
        "人 人 人",
        "naïve e\u0301 \u3000 x\u00a0y",
    ]
    path = tmp_path / "train.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    got = run_peer(
        "m = fasttext.train_supervised(str(given['path']), minCount=1, epoch=0, dim=8, minn=int(given['minn']),"
        " maxn=int(given['maxn']), wordNgrams=int(given['n']), bucket=int(given['bucket']), thread=1, verbose=0)\n"
        "out['words'] = [x.encode() for x in m.words]\n"
        # every row carries its own number: the sentence vector is then the mean of the line's features
        "rows = m.get_input_matrix().shape[0]\n"
        "rng = np.random.default_rng(0); table = rng.normal(size=(rows, 8)).astype('f')\n"
        "m.set_matrices(table, m.get_output_matrix())\n"
        "out['vectors'] = [m.get_sentence_vector(str(q)) for q in given['queries']]\n"
        "for k, w in enumerate(given['tokens']): out[f's{k}'] = m.get_subwords(str(w))[1]\n",
        path=path,
        minn=minn,
        maxn=maxn,
        n=n,
        bucket=bucket,
        queries=queries,
        tokens=sorted({t for q in queries for t in q.split(" ")} - {""}),
    )
    # in the original a literal </s> ends the line and what follows is a line without label
    ours = Dictionary.build(map(parse, lines), options(minn=minn, maxn=maxn, word_ngrams=n, bucket=bucket))
    assert ours.words == got["words"].tolist()
    table = np.random.default_rng(0).normal(size=(ours.nwords + bucket, 8)).astype("f")
    for query, vector in zip(queries, got["vectors"], strict=True):
        mine = ours.features(query)
        assert mine.tolist() == slow.features(query.encode(), ours.index, minn, maxn, n, bucket)
        np.testing.assert_allclose(table[mine].mean(0) if len(mine) else 0, vector, atol=1e-6)
    for k, word in enumerate(sorted({t for q in queries for t in q.split(" ")} - {""})):
        assert ours.subwords(word.encode()).tolist() == got[f"s{k}"].tolist(), word


def test_subword_ids_of_chinese():
    got = run_peer(
        "import tempfile, os\n"
        "p = os.path.join(tempfile.mkdtemp(), 't'); open(p, 'w', encoding='utf-8').write('__label__a x y\\n' * 2)\n"
        "m = fasttext.train_supervised(p, minn=1, maxn=2, dim=1, epoch=0, thread=1, verbose=0)\n"
        "out['ids'] = [m.get_subword_id(str(w)) for w in given['words']]\n",
        words=["中国", "我爱", "cat", "é", "😀"],
    )
    d = Dictionary.build([(["a"], "x y")] * 2, options(minn=1, maxn=2))
    mine = [d.nwords + ngram_buckets([w.encode()], 2, 2, 2_000_000)[0][1:-1] for w in ["中国", "我爱"]]
    assert [int(x[0]) for x in mine] == got["ids"].tolist()[:2] == [d.nwords + 1543023, d.nwords + 483776]


# --------------------------------------------------------------------------------- against the transcript
tokens = st.lists(
    st.sampled_from([b"a", b"b", b"c", b"dd", "中".encode(), b"</s>", b"\xff", b"</S>"]), max_size=12
)


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("xyz"), max_size=2), tokens), min_size=1, max_size=30),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_build_equals_the_transcript(documents, data):
    low, label, limit = (data.draw(st.integers(a, b)) for a, b in [(1, 3), (0, 3), (3, 9)])
    stream = [t for labels, line in documents for t in (*labels, *line, b"</s>")]
    expected = slow.build(stream, low, label, limit)
    words = [(w, c) for w, c in expected if isinstance(w, bytes)]
    before = counting.MAX_TYPES
    counting.MAX_TYPES = limit
    try:
        build = lambda: Dictionary.build(  # noqa: E731
            ((labels, b" ".join(line)) for labels, line in documents),
            options(min_count=low, min_count_label=label),
        )
        if not words:
            with pytest.raises(UserError, match="Empty vocabulary. Try a smaller min_count"):
                build()
            return
        ours = build()
    finally:
        counting.MAX_TYPES = before
    assert list(zip(ours.words, ours.counts.tolist(), strict=True)) == words
    assert list(zip(ours.labels, ours.label_counts.tolist(), strict=True)) == [
        (w, c) for w, c in expected if isinstance(w, str)
    ]
    assert ours.ntokens == len(stream)


@given(
    st.lists(tokens, min_size=1, max_size=8), tokens, st.integers(0, 3), st.integers(0, 3), st.integers(1, 4)
)
@settings(max_examples=60, deadline=None)
def test_features_equal_the_transcript(documents, query, minn, more, n):
    maxn = minn + more
    d = Dictionary.build(
        ((["x"], b" ".join(line)) for line in documents),
        options(minn=minn, maxn=maxn, word_ngrams=n, bucket=50, min_count=1),
    )
    line = b" ".join(query)
    assert d.features(line).tolist() == slow.features(line, d.index, minn, maxn, n, 50)
    both, offsets = d.features_of([line, b"a zz", line])
    assert both[: offsets[1]].tolist() == both[offsets[2] :].tolist() == d.features(line).tolist()


# ---------------------------------------------------------------------------------------------- rest
def test_separators():
    assert split("a b\nc\rd\te\vf\fg\0h") == [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"]
    assert split("a\u00a0b\u3000c\ufeffd\x1ce\x85f") == ["a\u00a0b\u3000c\ufeffd\x1ce\x85f".encode()]
    assert split("\ud800") == [b"\xed\xa0\x80"]


def test_no_buckets_without_ngrams():
    d = Dictionary.build([(["x"], "a b")], options())
    assert d.bucket == 0 and d.rows == d.nwords == 3
    assert d.features("a zz").tolist() == d.features("a").tolist() == [d.index[b"a"], d.index[b"</s>"]]
    assert d.features("a", eos=False).tolist() == [d.index[b"a"]]


def test_rows_and_absent_buckets():
    d = Dictionary.build([([], "cat dog")], options(minn=3, maxn=3))
    ids = d.features("cat cow")
    rows = d.to_rows(ids)
    assert rows[: len(d.subwords(b"cat"))].min() >= 0 and -1 in rows
    signed = d.to_signed(ids)
    assert np.where(signed < 0, d.nwords - 1 - signed, ids).tolist() == ids.tolist()
    inverse = np.concatenate([np.arange(d.nwords), d.nwords + d.buckets])
    assert inverse[rows[rows >= 0]].tolist() == ids[rows >= 0].tolist()
    table, offsets = d.subword_rows()
    for i, word in enumerate(d.words):
        assert table[offsets[i] : offsets[i + 1]].tolist() == d.to_rows(d.subwords(word)).tolist()
    assert len(d.numbers()) == d.rows


def test_state_round_trip():
    d = Dictionary.build(
        [(["标签", "b"], b"caf\xc3\xa9 \xff\xfe x")] * 2, options(minn=2, maxn=3, word_ngrams=2)
    )
    d.add_buckets(np.array([5, 7, 5]))
    back = Dictionary.from_state(d.state())
    assert (back.words, back.labels, back.options, back.ntokens) == (d.words, d.labels, d.options, d.ntokens)
    for name in ("counts", "label_counts", "buckets"):
        assert getattr(back, name).tolist() == getattr(d, name).tolist()
    assert all(isinstance(value, np.ndarray) for value in d.state().values())


KEPT = np.array([[7, 1], [3, 0]], np.int32)


@pytest.mark.parametrize(
    ("rows", "count"),
    [(EveryBucket(), 10), (KeptBuckets(KEPT), 3), (OccurringBuckets(np.array([2], np.int32)), 2)],
)
def test_state_knows_which_buckets_have_rows(rows, count):
    given = [b"a"], [], np.ones(1), np.ones(0), 1, options(maxn=2, bucket=9)
    d = Dictionary(*given, rows)
    back = Dictionary.from_state(d.state())
    assert type(back.bucket_rows) is type(rows) and back.rows == d.rows == count
    assert back.buckets.tolist() == d.buckets.tolist()
    if rows.leaves_out:
        assert back.bucket_rows.pairs.tolist() == KEPT.tolist()


def test_bytes_that_mark_labels_are_refused():
    with pytest.raises(UserError, match="stand for labels here"):
        Dictionary.build([(["x"], b"a " + counting.MARK + b"0")], options())


def test_merge_adds_words_behind_and_buckets():
    new = Dictionary.build([(["x"], "a b a")], options(minn=2, maxn=2))
    old = Dictionary.build([([], "z b y z")], options(minn=2, maxn=2))
    merged = new.merge(old)
    assert merged.words == new.words + [w for w in old.words if w not in new.index]
    assert merged.labels == ["x"] and merged.options == new.options
    assert set(merged.buckets) == set(new.buckets) | set(old.buckets)
    assert new.rows < merged.rows and new.nwords == 3
    other = new.merge(Dictionary.build([([], "z")], options(minn=1, maxn=2)))
    assert set(other.buckets) >= set(new.buckets) and other.nwords == 4
    assert (merged.to_rows(merged.features("z a")) >= 0).all()
    assert (other.to_rows(other.features("z a")) >= 0).all()


def test_options_of_pretraining_are_cut_to_the_dictionarys():
    d = Dictionary.build([([], "a b")] * 5, config.Pretrain(minn=1, maxn=2))
    assert type(d.options) is Numbering and d.options.min_count == 5


def test_empty():
    with pytest.raises(UserError, match="Empty vocabulary. Try a smaller min_count"):
        Dictionary.build([], options())
    with pytest.raises(UserError, match="now 9"):
        Dictionary.build([(["x"], "a b")], options(min_count=9))


@pytest.mark.parametrize("label", [None, "__label__"])
def test_subwords_made_when_a_word_is_met_are_those_made_for_all(label):
    """Also where threads meet the same words at once, and again."""
    words = [f"{a}{b}·word{b * 7}" for a in "xyzé" for b in range(300)]
    whole = Dictionary.build([(["x"], " ".join(words))], Numbering(minn=2, maxn=5, bucket=10_007))
    assert "_vocabulary" in vars(whole)
    text = text_of_lines([" ".join(words[i:] + ["new", "</s>"]) for i in range(0, 1200, 17)])
    expected = [array.tobytes() for array in whole.line_features(text, label=label)]
    for threads in (1, 4):
        fresh = Dictionary.from_state(whole.state())
        assert "_vocabulary" not in vars(fresh)
        with ThreadPoolExecutor(threads) as pool:
            made = [pool.submit(fresh.line_features, text, label=label) for _ in range(8)]
        assert "_vocabulary" not in vars(fresh)
        assert all([array.tobytes() for array in one.result()] == expected for one in made)
