"""What ftcore adds to fastText's training: heads, weights, noise; and what does nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

import ftcore
from ftcore.errors import UserError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"head": "linear", "lr": 0.5}, "lr has no effect: head linear has one optimum"),
        ({"head": "linear", "vectors": 2.0}, "vectors has no effect: there are none"),
        ({"head": "linear", "refit": True}, "refit has no effect: no documents are held out"),
        ({"size": "1M"}, "size has no effect: it belongs to head linear; set head=linear"),
        ({"patience": 2}, "patience has no effect: no documents are held out"),
        ({"self_training": 2}, "self_training has no effect: every document has a label"),
        ({"head": "linear", "self_training": 2}, "self_training has no effect: every document has a label"),
    ],
)
def test_an_argument_that_does_nothing_is_said(caplog, given, said):
    lines = ["__label__a x y", "__label__b z w"] * 5
    ftcore.train_supervised(lines, thread=1, verbose=0, **given)
    assert [r.message for r in caplog.records if r.message.startswith(said)], caplog.text


def test_arguments_of_a_linear_head(caplog, tmp_path):
    lines = [f"__label__{'ab'[n % 2]} {'xy'[n % 2]} w{n}" for n in range(40)]
    plain, weak = (
        ftcore.train_supervised(lines, head="linear", thread=1, verbose=0, wordNgrams=2, size=9000, **more)
        for more in ({}, {"strength": 0.001, "weighing": "idf"})
    )
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
    assert np.abs(plain.get_input_matrix() - weak.get_input_matrix()).max() > 1
    plain.save_model(str(tmp_path / "m.bin"))
    assert (tmp_path / "m.bin").stat().st_size <= 9000
    for wrong in ({"strength": 0}, {"strength": "much"}, {"weighing": "tf"}, {"size": "1x"}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            ftcore.train_supervised(lines, head="linear", verbose=0, **wrong)
    with pytest.raises(UserError, match="a lexicon is written label"):
        ftcore.train_supervised(lines, lexicon=["x"], verbose=0)
    with pytest.raises(UserError, match="lexicon_weight"):
        ftcore.train_supervised(lines, lexicon={"a": ["x"]}, lexicon_weight=-1, verbose=0)


def test_a_linear_head_that_goes_on_keeps_its_n_grams_and_says_so(caplog):
    lines = [f"__label__{'ab'[n % 2]} {'xy'[n % 2]} w{n}" for n in range(40)]
    how = {"head": "linear", "thread": 1, "verbose": 0}
    first = ftcore.train_supervised(lines, wordNgrams=2, **how)
    more = ftcore.train_supervised(lines, wordNgrams=3, init_model=first, **how)
    assert (
        "wordNgrams has no effect: a linear head goes on with the n-grams of init_model, wordNgrams 2"
        in caplog.text
    )
    assert more.wordNgrams == more.classic.args.word_ngrams == 2
    caplog.clear()
    assert ftcore.train_supervised(lines, init_model=first, **how).wordNgrams == 2
    assert "has no effect" not in caplog.text


@pytest.mark.parametrize("head", ["sgd", "linear"])
def test_mistyped_copies_of_lines(tmp_path, head: str):
    """Labels stay whole, weights and the vocabulary stay those of the lines, and mistyped words are known better."""
    rng = np.random.default_rng(0)
    words = {"a": ["splendid", "wonderful", "marvellous"], "b": ["terrible", "dreadful", "boring"]}
    lines = [
        f"__label__{label} {' '.join(rng.choice(words[label], 3))} film {n % 9}"
        for n in range(60)
        for label in "ab"
    ]
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")  # the last line without its end
    how = {"head": head, "thread": 1, "verbose": 0, "minn": 2, "maxn": 3, "bucket": 5000}
    clean = ftcore.train_supervised(lines, **how)
    noisy = ftcore.train_supervised(lines, noise=0.2, sample_weights=[1.0] * len(lines), **how)
    same = ftcore.train_supervised(str(path), noise=0.2, **how)
    assert np.array_equal(noisy.get_input_matrix(), same.get_input_matrix())
    assert noisy.words == clean.words and noisy.labels == clean.labels
    assert len(noisy.classic.dictionary.buckets) > len(clean.classic.dictionary.buckets)
    asked = {"splndid wondrful": "a", "terible dreadfl": "b"}
    assert [noisy.predict(text)[0][0][9:] for text in asked] == list(asked.values())


@pytest.mark.parametrize("head", ["sgd", "linear"])
def test_documents_that_all_weigh_nothing_teach_nothing(head):
    lines = ["__label__a x y", "__label__b z w"] * 5
    with pytest.raises(UserError, match="every labelled document has a weight of 0"):
        ftcore.train_supervised(lines, head=head, sample_weights=[0.0] * 10, verbose=0)
