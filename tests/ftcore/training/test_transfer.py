"""Rows from one dictionary to another, by hand-computed cases."""

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.hashing import ngram_buckets
from ftcore.dictionary.init import bucket_numbers, initial_rows, word_numbers
from ftcore.errors import UserError
from ftcore.training.transfer import transfer
from tests.ftcore.engines.small import tables_for

NGRAMS = {"minn": 1, "maxn": 2, "bucket": 100_000}


def build(text, labels=(), **options):
    return Dictionary.build([(list(labels), text)], config.DictionaryOptions(**options))


def source_of(text="中国 人民 cat", labels=(), seed=4, **options):
    dictionary = build(text, labels, **{**NGRAMS, **options})
    tables = tables_for(dictionary, dictionary.nlabels or dictionary.nwords, dim=5, seed=seed, head=1.0)
    return dictionary, tables, tables.input.detach().numpy()


def row(dictionary, word):
    return dictionary.index[word.encode()]


def test_words_and_buckets_go_by_meaning():
    source, tables, before = source_of()
    target = build("cat 国家 中国 dog", **NGRAMS)
    start = transfer(source, tables, target, seed=7)
    made = start.tables.input.detach().numpy()
    for word in ("中国", "cat", "</s>"):
        np.testing.assert_array_equal(made[row(target, word)], before[row(source, word)])
    shared = np.intersect1d(target.buckets, source.buckets)
    assert len(shared) >= 5  # 中, 国, <c, ca, ...
    for bucket in target.buckets:
        here = target.nwords + np.searchsorted(target.buckets, bucket)
        if bucket in shared:
            expected = before[source.nwords + np.searchsorted(source.buckets, bucket)]
        else:
            expected = initial_rows(7, bucket_numbers(np.array([bucket])), 5)[0]
        np.testing.assert_array_equal(made[here], expected)
        assert start.pretrained[here] == (bucket in shared)
    assert (start.words, start.buckets) == (3, len(shared))
    assert not start.tables.output.detach().any() and start.labels == 0


def test_a_new_word_starts_from_the_mean_of_its_subwords_absent_ones_too():
    source, tables, before = source_of()
    target = build("国家 dog", **NGRAMS)
    start = transfer(source, tables, target, seed=7, source_seed=4)
    for word in ("国家", "dog"):
        buckets, _ = ngram_buckets([word.encode()], 1, 2, 100_000)
        rows = []
        for bucket in buckets:
            place = np.searchsorted(source.buckets, bucket)
            known = place < len(source.buckets) and source.buckets[place] == bucket
            rows.append(
                before[source.nwords + place]
                if known
                else initial_rows(4, bucket_numbers(np.array([bucket])), 5)[0]
            )
        made = start.tables.input.detach().numpy()[row(target, word)]
        np.testing.assert_allclose(made, np.mean(rows, axis=0), atol=1e-7)
        assert not start.pretrained[row(target, word)]
    assert start.composed == 2


@pytest.mark.parametrize("other", [{}, {"minn": 1, "maxn": 2, "bucket": 50_000}])
def test_without_the_same_ngrams_words_start_from_their_composed_vectors(other, caplog):
    source, tables, before = source_of()
    target = build("中国 dog", word_ngrams=1, **other)
    start = transfer(source, tables, target, seed=7)
    made = start.tables.input.detach().numpy()
    rows = source.to_rows(source.subwords("中国".encode()))
    np.testing.assert_allclose(made[row(target, "中国")], before[rows].mean(0), atol=1e-7)
    np.testing.assert_array_equal(made[row(target, "</s>")], before[row(source, "</s>")])
    assert start.buckets == 0 and not start.pretrained[target.nwords :].any()
    assert start.pretrained[: target.nwords].sum() == 2
    assert ("cannot be carried over" in caplog.text) == bool(other)
    assert not other or "bucket=100000" in caplog.text


def test_a_source_of_whole_words_gives_words_alone():
    source, tables, before = source_of(minn=0, maxn=0)
    target = build("中国 dog", **NGRAMS)
    start = transfer(source, tables, target, seed=7)
    made = start.tables.input.detach().numpy()
    np.testing.assert_array_equal(made[row(target, "中国")], before[row(source, "中国")])
    number = word_numbers(np.array([row(target, "dog")]))
    np.testing.assert_array_equal(made[row(target, "dog")], initial_rows(7, number, 5)[0])
    assert start.composed == 0


def test_word_ngrams_do_not_take_character_rows_where_there_are_none():
    source, tables, _ = source_of()
    target = build("中国 dog", word_ngrams=2, bucket=100_000)
    target.add_buckets(source.buckets[:3])
    start = transfer(source, tables, target, seed=7)
    rows = start.tables.input.detach().numpy()[target.nwords :]
    np.testing.assert_array_equal(rows, initial_rows(7, bucket_numbers(target.buckets), 5))


def test_a_head_keeps_known_labels_and_gains_new_ones():
    source, tables, _ = source_of(labels=["neg", "pos"])
    target = build("中国", labels=["pos", "new", "neg"], **NGRAMS)
    start = transfer(source, tables, target)
    made = start.tables.output.detach()
    for label in ("neg", "pos"):
        assert torch.equal(made[target.label_index[label]], tables.output.detach()[source.label_index[label]])
    assert not made[target.label_index["new"]].any()
    assert start.labels == 2


def test_a_tree_is_carried_only_where_it_is_the_same(caplog):
    source, tables, _ = source_of(labels=["neg", "pos"])
    same = build("国家", labels=source.labels, **NGRAMS)
    assert torch.equal(transfer(source, tables, same, loss="hs").tables.output, tables.output)
    other = build("国家", labels=["neg", "pos", "pos"], **NGRAMS)
    assert transfer(source, tables, other, loss="hs").labels == 0
    assert "the head starts anew" in caplog.text


def test_the_source_stays_as_it_is():
    source, tables, before = source_of()
    copy = before.copy()
    start = transfer(source, tables, source.copy())
    assert torch.equal(start.tables.input, tables.input) and start.pretrained.all()
    with torch.no_grad():
        start.tables.input.zero_()
    np.testing.assert_array_equal(tables.input.detach().numpy(), copy)


def test_merged_words_are_carried():
    source, tables, before = source_of()
    merged = build("dog 国家", labels=["a"], **NGRAMS).merge(source)
    made = transfer(source, tables, merged).tables.input.detach().numpy()
    np.testing.assert_array_equal(made[row(merged, "人民")], before[row(source, "人民")])


def test_tables_of_another_dictionary_are_refused():
    source, tables, _ = source_of()
    with pytest.raises(UserError, match="do not belong together"):
        transfer(build("one two", **NGRAMS), tables, source)
