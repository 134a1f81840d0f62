"""Words of shards, counted on threads and in a pool, against one reader."""

import numpy as np

from ftcore.base.pools import open_pool
from ftcore.config import DictionaryOptions, parse_config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import documents
from ftcore.shards.manifest import load_manifest
from ftcore.shards.shards import iter_batches
from ftcore.shards.whole import prepare_corpus
from ftcore.training.documents import Tokenized
from tests.ftcore.shards.test_whole import corpus


def test_threads_and_a_pool_count_what_one_reader_counts(tmp_path):
    tree = corpus(tmp_path / "data", files=4, lines=150) | {
        "shards": {"rows": 60},
        "filters": {"dedup": "off"},
    }
    shards = prepare_corpus(parse_config(tree), tmp_path / "shards")
    assert len(load_manifest(shards.path).shards) > 4
    options = DictionaryOptions(min_count=2)
    for splits, languages, labels in ((["train"], None, True), (["train", "valid"], ["zh", "mixed"], False)):
        columns = ["tokens", "labels"] if labels else ["tokens"]
        one = Dictionary.build(documents(iter_batches(shards, splits, languages, columns)), options)
        source = Tokenized.shards(shards, splits, languages, labels=labels)
        with open_pool(2) as pool:
            found = [source.count(options), source.count_on(pool, tmp_path, options)]
        for other in found:
            assert (other.words, other.labels, other.ntokens) == (one.words, one.labels, one.ntokens)
            assert np.array_equal(other.counts, one.counts) and other.short == 0
        assert one.nlabels == (2 if labels else 0)
    assert not list(tmp_path.glob("counts-*"))
