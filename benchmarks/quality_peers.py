"""Who stands beside ours in `benchmarks.quality` and `benchmarks.few_labels`: an SVM, and static embeddings with a regression."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from benchmarks.quality_sets import Part, Split
from ftcore.formats.static import StaticEmbeddings

STRENGTHS = (0.1, 0.3, 1.0, 3.0)  # of the SVM
REGRESSION = (1.0, 10.0, 100.0)  # of the logistic regression


def svm(split: Split, strength: float | None) -> dict:
    """A linear SVM on TF-IDF of words, their pairs and character n-grams; C chosen where it is not given."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    analyzer, texts = ("char", "texts") if split.language == "zh" else ("char_wb", "tokens")
    begun = time.perf_counter(), time.process_time()
    words = TfidfVectorizer(analyzer=_pairs, sublinear_tf=True)
    characters = TfidfVectorizer(analyzer=analyzer, ngram_range=split.characters, sublinear_tf=True)
    union = [(words, "tokens"), (characters, texts)]
    taught = hstack([one.fit_transform(getattr(split.train, column)) for one, column in union], format="csr")
    seen = time.perf_counter() - begun[0], time.process_time() - begun[1]

    def features(part: Part) -> Any:
        return hstack([one.transform(getattr(part, column)) for one, column in union], format="csr")

    def trained(strength: float) -> LinearSVC:
        return LinearSVC(C=strength, tol=0.01, random_state=0).fit(taught, split.train.labels)

    if strength is None:
        valid, gold = features(split.valid), np.array(split.valid.labels)
        strength = max(STRENGTHS, key=lambda c: float((trained(c).predict(valid) == gold).mean()))
    begun = time.perf_counter(), time.process_time()
    machine = trained(strength)
    wall, cpu = time.perf_counter() - begun[0] + seen[0], time.process_time() - begun[1] + seen[1]
    right = machine.predict(features(split.test)) == np.array(split.test.labels)
    return {"accuracy": float(right.mean()), "wall": wall, "cpu": cpu, "strength": strength}


def _pairs(line: str) -> list[str]:
    """Words and pairs of words."""
    words = line.split()
    return [*words, *map(" ".join, itertools.pairwise(words))]


def regressed(static: StaticEmbeddings, split: Split, strength: float | None) -> dict:
    """A logistic regression on the mean of a text's pieces, of length 1; its strength chosen where it is not given."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    begun = time.perf_counter(), time.process_time()
    taught = normalize(_means(static, split.train))
    seen = time.perf_counter() - begun[0], time.process_time() - begun[1]
    valid, test = (normalize(_means(static, part)) for part in (split.valid, split.test))
    found = {}
    for one in REGRESSION if strength is None else (strength,):
        begun = time.perf_counter(), time.process_time()
        made = LogisticRegression(C=one, max_iter=1000).fit(taught, split.train.labels)
        wall, cpu = time.perf_counter() - begun[0] + seen[0], time.process_time() - begun[1] + seen[1]
        found[one] = {
            "valid": float(made.score(valid, split.valid.labels)),
            "accuracy": float(made.score(test, split.test.labels)),
            "wall": wall, "cpu": cpu, "strength": one,
        }  # fmt: skip
    return max(found.values(), key=lambda one: one["valid"])


def _means(static: StaticEmbeddings, part: Part) -> np.ndarray:
    """The mean of each text's rows."""
    made = np.zeros((len(part.texts), static.dim), np.float32)
    for row, cut in enumerate(static.pieces.encode_batch(part.texts, add_special_tokens=False)):
        if cut.ids:
            made[row] = static.table[cut.ids if static.mapping is None else static.mapping[cut.ids]].mean(
                axis=0
            )
    return made
