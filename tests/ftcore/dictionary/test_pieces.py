"""Pieces counted alone and added up give the dictionary of one reader; where rare words go, the error is bounded."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.dictionary import counting
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.numbering import Numbering
from ftcore.dictionary.pieces import PieceCounts, add_up, count_piece
from ftcore.errors import UserError

WORDS = st.lists(st.sampled_from(["a", "b", "中", "国", "</s>", "__label__x", "z" * 30]), max_size=6)
DOCUMENTS = st.lists(st.tuples(st.lists(st.sampled_from("xyz"), max_size=2, unique=True), WORDS), max_size=20)


def batch_of(documents):
    return pa.record_batch(
        {
            "tokens": pa.array([" ".join(words) for _, words in documents], pa.string()),
            "labels": pa.array([labels for labels, _ in documents], pa.list_(pa.string())),
        }
    )


@settings(deadline=None, max_examples=150)
@given(pieces=st.lists(DOCUMENTS, min_size=1, max_size=5), min_count=st.integers(1, 3))
def test_the_dictionary_of_one_reader(tmp_path_factory, pieces, min_count):
    every = [(labels, " ".join(words)) for piece in pieces for labels, words in piece]
    options = Numbering(min_count=min_count)
    path = tmp_path_factory.mktemp("pieces") / "piece"

    def kept(piece):
        """Through a file, as a cluster's worker hands it over."""
        counted = count_piece([batch_of(piece[:2]), batch_of(piece[2:])])
        counted.write(path)
        return PieceCounts.read(path)

    found = add_up(map(kept, pieces))
    try:
        one = Dictionary.build(every, options)
    except UserError:
        with pytest.raises(UserError):
            Dictionary.of_counts(found.found, found.labels, options)
        return
    other = Dictionary.of_counts(found.found, found.labels, options)
    assert (other.words, other.labels, other.ntokens) == (one.words, one.labels, one.ntokens)
    assert np.array_equal(other.counts, one.counts) and np.array_equal(other.label_counts, one.label_counts)


def test_too_many_words_are_left_to_the_reader_that_prunes():
    piece = batch_of([([], [f"w{n}" for n in range(50)])])
    assert count_piece([piece], most=20) is None
    halves = [count_piece([batch_of([([], [f"{name}{n}" for n in range(15)])])], most=20) for name in "ab"]
    assert add_up(halves[:1], most=20) is not None and add_up(halves, most=20) is None
    assert add_up([halves[0], None]) is None


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), most=st.integers(5, 60))
def test_a_pruned_count_is_short_by_no_more_than_it_says(seed, most):
    rng = np.random.default_rng(seed)
    words = [f"w{n}" for n in (rng.zipf(1.3, 2000) % 300).tolist()]
    documents = [([], " ".join(words[at : at + 10])) for at in range(0, len(words), 10)]
    true = Counter(words) + Counter({"</s>": len(documents)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MAX_TYPES", most)
        found = counting.count_pruning(counting.marked(documents, {}), counting.MARK)
    counted = dict(zip((word.decode() for word in found.words.list()), found.counts.tolist(), strict=True))
    assert found.short > 0, "300 words do not fit"
    assert found.ntokens == sum(true.values())
    assert all(0 <= n - counted.get(word, 0) <= found.short for word, n in true.items())
    exact = counting.count_pruning(counting.marked(documents, {}), counting.MARK)
    assert exact.short == 0 and len(exact.counts) == len(true)
