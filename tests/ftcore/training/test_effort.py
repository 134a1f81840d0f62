"""What auto stands for: from the counts of the training split alone, and so that it learns what there is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ftcore import config
from ftcore.config import AutoFinetune, load_config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import documents, encode_bags
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.effort import LEAST, MOST, passes, settle, usable
from tests.trained import finetune


def batch(rng: np.random.Generator, documents: int, topics: int) -> pa.RecordBatch:
    """Documents of two words of their topic (one of six) among six of none (one of 60)."""
    rows = []
    for _ in range(documents):
        topic = int(rng.integers(topics))
        words = [f"t{topic}_{n}" for n in rng.integers(0, 6, 2)] + [f"w{n}" for n in rng.integers(0, 60, 6)]
        rows.append({"tokens": " ".join(rng.permutation(words)), "labels": [f"topic{topic}"]})
    return pa.RecordBatch.from_pylist(rows)


def accuracy(options: config.AutoFinetune, train: pa.RecordBatch, test: pa.RecordBatch) -> float:
    dictionary = Dictionary.build(documents([train]), options)
    bags = encode_bags([train], dictionary, grow=True)
    settled = settle(options, **usable(bags))
    model = FastText.untrained(Tokenizer(), dictionary, dim=20, loss=settled.loss, seed=0)
    finetune(model.tables, dictionary, bags, None, settled, engine=choose_engine("auto", "cpu"))
    said = np.array(model.labels)[model.probabilities(test.column("tokens").to_pylist()).argmax(1)]
    return float(np.mean(said == [labels[0] for labels in test.column("labels").to_pylist()]))


def test_small_sets_are_learnt_with_the_defaults():
    """300 documents of 15 topics: five passes at lr .1 know no more than chance (.07)."""
    rng = np.random.default_rng(0)
    train, test = batch(rng, 300, 15), batch(rng, 300, 15)
    fixed = AutoFinetune(epoch=5, lr=0.1, dropout=0)
    assert accuracy(fixed, train, test) < 0.3
    assert accuracy(AutoFinetune(), train, test) > 0.95


def test_the_fewer_documents_the_more_passes():
    counts = [100, 1_000, 5_000, 20_000, 60_000, 1_000_000]
    chosen = [passes(n, 10 * n) for n in counts]
    assert chosen == sorted(chosen, reverse=True)
    assert chosen[0] == MOST and chosen[-1] == LEAST
    assert passes(25_000, 6_000_000) == LEAST  # long documents: IMDB is not trained longer than before


def test_large_sets_are_trained_as_fasttext_does():
    settled = settle(AutoFinetune(), documents=2_000_000, features=50_000_000, labels=5)
    assert (settled.epoch, settled.dropout, settled.keep_best) == (5, 0.0, True)


def test_what_is_given_stays():
    given = AutoFinetune(epoch=7, lr=0.03, dropout=0.1, keep_best=True)
    settled = settle(given, documents=50, features=500, labels=3)
    assert (settled.epoch, settled.lr, settled.dropout, settled.keep_best) == (7, 0.03, 0.1, True)
    assert type(settled) is config.Finetune
    own = settle(AutoFinetune(epoch=5), documents=50, features=500, labels=3)
    assert own.dropout == 0 and own.keep_best  # five passes of one's own are plain fastText's


def test_patience_keeps_the_best_epoch():
    assert settle(AutoFinetune(patience=3), documents=50, features=500, labels=3).keep_best


def test_auto_is_the_default_of_the_pipeline_alone():
    assert load_config().finetune.epoch == load_config(overrides=["finetune.lr=auto"]).finetune.lr == "auto"
    assert config.Finetune().epoch == 5 and config.Finetune().lr == 0.1 and config.Finetune().dropout == 0


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("finetune.epoch=-1", "finetune.epoch = -1: Input should be greater than or equal to 0"),
        ("finetune.epoch=much", "finetune.epoch = 'much'"),
        ("finetune.lr=0", "finetune.lr = 0: Input should be greater than 0"),
        ("finetune.dropout=1", "finetune.dropout = 1: Input should be less than 1"),
    ],
)
def test_what_is_neither_a_number_nor_auto_is_refused_in_one_line(override, told):
    with pytest.raises(UserError) as error:
        load_config(overrides=[override])
    assert told in str(error.value) and "or 'auto'" in str(error.value) and "\n" not in str(error.value)


def test_only_documents_that_can_be_trained_on_count():
    rows = [
        {"tokens": "a b c", "labels": ["x"]},
        {"tokens": "a b", "labels": []},
        {"tokens": "c", "labels": ["y"]},
    ]
    table = pa.RecordBatch.from_pylist(rows)
    dictionary = Dictionary.build(documents([table]), AutoFinetune())
    counts = usable(encode_bags([table], dictionary, grow=True))
    assert counts == {"documents": 2, "features": 6, "labels": 2}  # an end of line in each
