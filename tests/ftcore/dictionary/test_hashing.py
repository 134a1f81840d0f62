"""Hashes and n-grams against a slow transcript, with Chinese, emoji and broken UTF-8."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.hashing import char_ngrams, fnv1a, ngram_buckets
from ftcore.dictionary.lookup import Words
from ftcore.dictionary.numbering import Numbering
from tests.reference import dictionary as slow

words = st.one_of(
    st.text(max_size=8).map(lambda t: t.encode("utf-8", "surrogatepass")),
    st.binary(max_size=8),
    st.sampled_from([b"</s>", "中国".encode(), "😀a".encode(), b"\x80\x80", b"\xe4\xb8"]),
)


@pytest.mark.parametrize(
    ("word", "bucket", "expected"),
    [("中国", 2_000_000, 1543023), ("cat", 2_000_000, 289031), ("我爱", 2_000_000, 483776)],
)
def test_known_buckets(word, bucket, expected):
    assert fnv1a(word.encode()) % bucket == expected


def test_known_word_bigram():
    d = Dictionary.build([([], "我 爱")], Numbering(word_ngrams=2))
    assert d.nwords + 1837107 in d.features("我 爱", eos=False).tolist()


@given(words)
@settings(deadline=None)
def test_hash(word):
    assert fnv1a(word) == slow.fnv(word)
    packed = Words.of([word, word])
    assert native.hash_words(packed.blob, packed.offsets).view(np.uint32).tolist() == [slow.fnv(word)] * 2


@given(
    st.lists(words, max_size=5),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from([1, 7, 2_000_000, 2_000_000_000]),
)
@settings(deadline=None)
def test_char_ngrams(items, minn, more, bucket):
    maxn = minn + more
    buckets, offsets = ngram_buckets(items, minn, maxn, bucket)
    for i, word in enumerate(items):
        expected = slow.ngrams(word, minn, maxn)
        assert char_ngrams(word, minn, maxn) == expected
        assert buckets[offsets[i] : offsets[i + 1]].tolist() == [slow.fnv(g) % bucket for g in expected]


def test_the_whole_word_is_an_ngram_if_it_fits():
    assert char_ngrams(b"ab", 1, 4) == [b"<a", b"<ab", b"<ab>", b"a", b"ab", b"ab>", b"b", b"b>"]
    assert char_ngrams(b"</s>", 1, 4) == []
    assert char_ngrams(b"a", 1, 1) == [b"a"]
