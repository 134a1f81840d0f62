"""Answers: none to a text without a feature, at every door of the pipeline's API; k as fastText counts it."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import torch

from ftcore.dataset import TextDataset
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.inference.answers import answer_columns, best_labels, labels_wanted, texts_of
from ftcore.inference.classifier import Classifier

TEXTS = ["good film", "dull film", "nice day", "好看 电影"]
LABELS = ["a", "b", "c", "a"]
NOTHING = [
    "",
    "   ",
    "\n\t",
    "。。。",
    "!?",
    None,
    float("nan"),
    np.float32("nan"),
    pd.NA,
    pd.NaT,
    "qwx zvk",
    "</s>",
]


def trained(**dictionary) -> FastText:
    model = FastText.from_texts(TEXTS, LABELS, dim=6, **dictionary)
    torch.manual_seed(1)
    torch.nn.init.normal_(model.tables.output, std=5)
    return model


@pytest.mark.parametrize(
    "dictionary", [{}, {"word_ngrams": 2, "bucket": 100_000}, {"minn": 2, "maxn": 3, "bucket": 1_000_000}]
)
@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_a_text_without_a_known_feature_has_no_answer(nothing, dictionary):
    model = trained(**dictionary)
    for k in (1, 2, -1):
        before, none, after = model.predict([TEXTS[0], nothing, TEXTS[1]], k=k)
        assert (none.labels, none.probabilities) == ([], [])
        alone = model.predict([TEXTS[0], TEXTS[1]], k=k)
        assert [before, after] == alone and before.labels, (
            "the neighbours are answered as if it were not there"
        )


def test_one_known_word_or_ngram_is_enough():
    model = trained(minn=2, maxn=3, bucket=1_000_000)
    assert model.predict("zzz good")[0].labels and model.predict("goodness")[0].labels, (
        "goo and good's n-grams"
    )
    lines = model.tokenizer.tokenize(["good", "goodness", "zzz", ""])
    assert Classifier(model.to_model()).told(lines)[0].tolist() == [True, True, False, False]
    assert Classifier(trained().to_model()).told(lines)[0].tolist() == [True, False, False, False]


def test_unanswered_texts_are_counted_once(caplog):
    model = trained()
    with caplog.at_level(logging.WARNING, "ftcore"):
        model.predict(TEXTS)
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "ftcore"):
        model.predict([*TEXTS, "", None, "。"])
    assert [r.getMessage()[:14] for r in caplog.records] == ["3 of 7 texts h"]


def test_columns_flag_them():
    model = trained()
    known, rows = model.scores(["dull film", "", "nice day"])
    assert known.tolist() == [True, False, True] and rows.shape == (2, 3)
    columns = answer_columns(known, rows, model.labels, 2)
    assert list(columns) == ["label", "probability", "label_2", "probability_2"]
    best = model.predict(["dull film", "nice day"], k=2)
    assert columns["label_2"].tolist() == [best[0].labels[1], None, best[1].labels[1]]
    assert columns["probability"].tolist() == [best[0].probabilities[0], 0.0, best[1].probabilities[0]]
    empty = answer_columns(*model.scores([]), model.labels, 2)
    assert [len(column) for column in empty.values()] == [0, 0, 0, 0]


def test_values_that_are_no_text_are_named():
    assert texts_of([b"caf\xc3\xa9", 5, 1.5, np.int64(3), np.str_("x")]) == ["café", "5", "1.5", "3", "x"]
    for wrong, said in [
        ([["a"]], r"text 1 is \['a'\], a list"), ({"a": 1}, "a dict"), (True, "text 1 is True, a bool"),
        (b"\xff", "no UTF-8"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=said):
            texts_of(["fine", *([wrong] if not isinstance(wrong, list) else wrong)])
    with pytest.raises(UserError, match=r"shape \(2, 1\); give one column"):
        trained().predict(pd.DataFrame({"text": TEXTS[:2]}))


def test_k_is_counted_as_in_fasttext():
    model = trained()
    assert labels_wanted(-1, 3) == labels_wanted(10**12, 3) == 3 and labels_wanted(np.int32(2), 3) == 2
    for k in (0, -2, 1.5, "2", True, float("nan")):
        with pytest.raises(UserError, match="k = .*from 1 up, or -1 for all"):
            model.predict(TEXTS, k=k)
    assert best_labels(np.array([0.2, 0.5, 0.5]), "abc", 2).labels == ["b", "c"], "equal ones in order"


def test_a_frame_filtered_and_sorted_keeps_its_pairs():
    frame = pd.DataFrame({"text": [*TEXTS, "x y"], "label": [*LABELS, "z"]}, index=[4, 3, 2, 2, 0])
    part = frame[frame["label"] != "z"].sort_values("text")
    pairs = list(zip(part["text"], part["label"], strict=True))
    data = TextDataset(part["text"], part["label"])
    assert [data[i] for i in range(len(data))] == pairs
    model = trained()
    assert model.predict(part["text"]) == model.predict(part["text"].tolist())
