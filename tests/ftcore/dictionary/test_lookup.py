"""Packed words and their index against Python's own lists and dicts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import config, native
from ftcore.dictionary.bucket_rows import EveryBucket
from ftcore.dictionary.dictionary import Dictionary, label_bytes, label_text
from ftcore.dictionary.hashing import fnv1a
from ftcore.dictionary.lines import Lines
from ftcore.dictionary.lookup import WordIndex, Words
from ftcore.dictionary.tokens import padded

words = st.lists(
    st.one_of(
        st.binary(max_size=20).map(lambda b: b.replace(b"\0", b"x")),
        st.sampled_from(
            [b"", b"abcdefg", b"abcdefgh", b"abcdefghi", b"abcdefgh" * 3, b"abcdefgh" * 3 + b"i", b"</s>"]
        ),
    ),
    max_size=40,
)


@given(words, words)
@settings(deadline=None)
def test_index_finds_what_a_dict_finds(known, asked):
    packed, index = Words.of(known), WordIndex(Words.of(known))
    place = {word: i for i, word in enumerate(known)}  # of equal ones the last, as in the original
    assert index.find(asked).tolist() == [place.get(word, -1) for word in asked]
    assert index.find(packed).tolist() == [place[word] for word in known]
    assert index.eos == place.get(b"</s>", -1)
    behind = [
        word + bytes(n) for word in known for n in (1, 8)
    ]  # no word, whatever zeros stand for in the table
    assert index.find(behind).tolist() == [-1] * len(behind)
    assert packed.list() == known == [packed[i] for i in range(len(packed))]
    order = np.arange(len(known))[::-2]
    assert packed.take(order).list() == [known[i] for i in order]
    assert (packed + Words.of(asked)).list() == known + asked
    assert packed.starting_with(b"abcdefgh").tolist() == [word.startswith(b"abcdefgh") for word in known]


def test_many_words():
    known = [b"%d" % (i * 7919) for i in range(100_000)]
    index = WordIndex(Words.of(known))
    assert np.array_equal(index.find(known), np.arange(len(known)))
    assert (index.find([b"%d" % (i * 7919 + 1) for i in range(1000)]) == -1).all()


def key_of(word: bytes) -> int:
    """The table's hash of a word (text.h)."""
    mask = (1 << 64) - 1

    def scrambled(h: int) -> int:
        return (h ^ h >> 32) * 0x9E3779B97F4A7C15 & mask

    h = scrambled(int.from_bytes(word[:8], "little") ^ len(word))
    for i in range(8, len(word), 8):
        h = scrambled(h ^ int.from_bytes(word[i : i + 8], "little"))
    return h >> 32


def test_words_alike_in_hash_and_first_bytes():
    rng = np.random.default_rng(5)
    ends = rng.integers(97, 123, (400_000, 6), dtype=np.uint8)
    words = np.unique([b"abcdefgh" + bytes(end[: 5 + i % 2]) for i, end in enumerate(ends)]).tolist()
    pairs, packed = [], Words.of(words)
    for hashes in (
        native.hash_words(packed.blob, packed.offsets),
        np.array([key_of(word) for word in words]),
    ):  # fastText's, the table's
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        assert len(same) >= 5
        pairs += [(words[order[at]], words[order[at + 1]]) for at in same[:20]]
    assert any(fnv1a(a) == fnv1a(b) for a, b in pairs) and any(key_of(a) == key_of(b) for a, b in pairs)
    for a, b in pairs:
        assert WordIndex(Words.of([a])).find([a, b]).tolist() == [0, -1]
        d = Dictionary.read(Lines([a + b" " + b + b" " + b]), config.DictionaryOptions())
        assert d.words[:1] == [b] and d.counts.tolist() == [2, 1, 1]


def test_arrays_of_any_kind_are_taken(tmp_path):
    blob = np.frombuffer(b"..abccc..", np.uint8)  # read-only, more on either side
    taken = Words(blob, np.array([2, 3, 3, 7], np.int32))
    assert taken.list() == [b"a", b"", b"bccc"] and len(Words(blob[:0], np.zeros(1))) == 0
    np.save(tmp_path / "blob.npy", blob)
    mapped = Words(np.load(tmp_path / "blob.npy", mmap_mode="r"), np.array([0, 2, 9]))
    assert WordIndex(mapped).find([b"abccc..", b".."]).tolist() == [1, 0]
    with pytest.raises(IndexError, match="word 3 of 3"):
        taken[3]


def test_packed_dictionary_equals_one_of_lists():
    given = [b"b", b"</s>", b"\xff\xe4", "中国".encode()], ["x", "标签"]
    o = config.DictionaryOptions(minn=1, maxn=3, word_ngrams=2, bucket=100)
    counts, label_counts = np.array([4, 3, 2, 1]), np.array([2, 1])
    listed = Dictionary(*given, counts, label_counts, 13, o, EveryBucket())
    packed = [Words.of(given[0]), Words.of([name.encode() for name in given[1]])]
    packed = [Words(one.blob[: one.offsets[-1]], one.offsets) for one in packed]
    made = Dictionary(*packed, counts, label_counts, 13, o, EveryBucket())
    assert (made.words, made.labels, made.bucket_rows.name, made.rows) == (*given, "all", 104)
    assert (made.eos, made.word_id(b"b"), made.word_id(b"zz")) == (1, 0, -1)
    line = "b 中国 zz </s>"
    assert made.features(line).tolist() == listed.features(line).tolist()
    assert made.subwords(b"\xff\xe4").tolist() == listed.subwords(b"\xff\xe4").tolist()


@given(
    st.one_of(st.binary(max_size=12), st.text(max_size=6).map(lambda s: s.encode("utf-8", "surrogatepass")))
)
def test_label_bytes_survive(data):
    assert label_bytes(label_text(data)) == data
    label = Words(np.frombuffer(data, np.uint8), np.array([0, len(data)]))
    d = Dictionary([b"w"], label, np.ones(1), np.ones(1), 2, config.DictionaryOptions())
    assert d.label_bytes == [data] == [label_bytes(d.labels[0])]
    assert Dictionary.from_state(d.state()).label_bytes == [data]


@given(st.text(st.characters(), max_size=8))
def test_labels_of_the_pipeline_survive(label):
    assert label_text(label_bytes(label)) == label


def test_a_table_refuses_what_it_could_not_search():
    blob = np.frombuffer(b"ab" + bytes(native.PAD), np.uint8)
    for cuts in ([0, 3], [0, 2, 1], [-1, 2], []):
        with pytest.raises(ValueError, match="offsets"):
            native.WordTable(blob, np.array(cuts, np.int64))
    with pytest.raises(ValueError, match="8 bytes behind"):
        native.WordTable(blob[:7], np.zeros(1, np.int64))
    with pytest.raises(TypeError, match="int64"):
        native.WordTable(blob, np.zeros(1, np.int32))
    table = native.WordTable(blob, np.array([0, 1, 2]))
    assert len(table) == 2 and table.find(blob, np.array([0, 1, 2, 2])).tolist() == [0, 1, -1]


def test_a_vocabulary_refuses_numbers_that_name_nothing():
    table = native.WordTable(np.frombuffer(b"ab" + bytes(native.PAD), np.uint8), np.array([0, 1, 2]))
    none = np.zeros(0, np.int32), np.zeros(1, np.int64)
    for nwords, eos in ((3, -1), (-1, -1), (2, 2), (2, -2)):
        with pytest.raises(ValueError, match="Vocabulary"):
            native.Vocabulary(table, nwords, eos, b"", *none, 0, 0, 1, 1)
    with pytest.raises(ValueError, match="cuts"):
        native.Vocabulary(table, 2, -1, b"", none[0], np.zeros(2, np.int64), 1, 2, 1, 10)
    with pytest.raises(ValueError, match="offsets"):
        native.Vocabulary(table, 2, -1, b"", none[0], np.array([0, 1, 2]), 1, 2, 1, 10)
    with pytest.raises(ValueError, match="32 bits"):
        native.Vocabulary(table, 2, -1, b"", *none, 1, 2, 1, 1 << 31)


@given(words, st.binary(max_size=60), st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))
@settings(deadline=None)
def test_subwords_made_before_or_when_asked_for(known, line, minn, more, n):
    packed = Words.of([word for word in known if not set(word) & set(b" \t\n\v\f\r\0")])
    table, text = native.WordTable(packed.blob, packed.offsets), padded(line)
    eos = int(WordIndex(packed).find([b"</s>"])[0])
    given = minn, minn + more, 100
    made = native.subwords(packed.blob, packed.offsets, *given, eos)
    found = [
        native.line_features(text, True, False, native.Vocabulary(table, len(packed), eos, b"", *some, *given[:2], n, 100))
        for some in (made, (np.zeros(0, np.int32), np.zeros(1, np.int64)))
    ]  # fmt: skip
    assert [a.tolist() for a in found[0]] == [a.tolist() for a in found[1]]
