"""The softmax regression of few documents: scikit-learn's optimum, as rows that features add."""

from __future__ import annotations

import numpy as np

import ftcore
from ftcore.dictionary.encode import BagCorpus
from ftcore.training import linear
from ftcore.training.documents import Tokenized
from ftcore.training.machines import CountedBags, FeatureScales, Weighing, scaled
from ftcore.training.regression import LOUDER, RegressionSolver


def corpus(documents: int, labels: int) -> tuple[list[str], list[str]]:
    """Texts of three words of their label's ten and of three of anybody's."""
    draw, kinds = np.random.default_rng(0), np.arange(documents) % labels
    lines = [
        " ".join([*(f"k{k}w{w}" for w in draw.integers(10, size=3)), *(f"w{w}" for w in draw.integers(30, size=3))])
        for k in kinds
    ]  # fmt: skip
    return lines, [f"l{k}" for k in kinds]


def test_it_is_the_optimum_that_scikit_learn_finds():
    from sklearn.linear_model import LogisticRegression

    from ftcore.config import Finetune
    from ftcore.training.recipe import prepare

    lines, labels = corpus(60, 3)
    prepared = prepare(Tokenized.of(lines, [[label] for label in labels]), Finetune(head="linear"))
    assert isinstance(prepared.train, BagCorpus)
    documents = CountedBags.of(prepared.train, prepared.dictionary)
    vectors = np.random.default_rng(1).normal(size=(prepared.dictionary.rows, 5)).astype(np.float32)
    scales, weighing = (
        FeatureScales(documents, prepared.dictionary, vectors),
        Weighing("softmax", vectors=2.0),
    )
    seen = scaled(scales, documents, weighing)
    theirs = LogisticRegression(C=2.0 * LOUDER, fit_intercept=False, tol=1e-8, max_iter=1000)
    theirs.fit(seen, documents.gold.argmax(axis=1))
    rows = RegressionSolver(scales, documents, weighing).at(2.0, tolerance=1e-6)
    expected = scales.rows_of(theirs.coef_.T.astype(np.float32), weighing)
    np.testing.assert_allclose(rows, expected, atol=0.02 * abs(expected).max())


def test_few_documents_of_many_labels_with_vectors_take_it(monkeypatch):
    asked = []
    made = linear.RegressionSolver
    monkeypatch.setattr(linear, "RegressionSolver", lambda *given: asked.append(given) or made(*given))
    lines, labels = corpus(150, 10)
    words = sorted({word for line in lines for word in line.split()})
    vectors = ftcore.train_unsupervised(lines, dim=5, minCount=1, maxn=0, verbose=0)
    assert set(words) <= set(vectors.words)
    texts = [f"__label__{label} {line}" for label, line in zip(labels, lines, strict=True)]
    ftcore.train_supervised(texts, head="linear", verbose=0)
    assert not asked
    model = ftcore.train_supervised(texts, head="linear", pretrainedVectors=vectors, verbose=0)
    assert asked
    right = [
        said[0] == f"__label__{label}" for said, label in zip(model.predict(lines)[0], labels, strict=True)
    ]
    assert np.mean(right) > 0.9
