"""fastText inside scikit-learn: a grid search over raw Chinese and English text, then ONNX.

Run it from the repository: ``python examples/sklearn_pipeline.py`` (some seconds; needs the extras
sklearn and onnx, which `make` installs). See ``docs/ecosystem.md``.
"""

from __future__ import annotations

import random

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from ftcore.ecosystem import FastTextClassifier, FastTextVectorizer, onnx_inputs, to_onnx

THINGS = ["电影", "手机", "酒店", "film", "phone", "hotel"]
WORDS = {
    "good": [
        "很好看，值得推荐！",
        "质量不错，很满意。",
        "is wonderful, I loved it.",
        "works great, highly recommended!",
    ],
    "bad": [
        "太差了，浪费时间。",
        "质量很差，不推荐！",
        "is terrible, I hated it.",
        "broke after a day, a waste of money.",
    ],
}


def reviews(n: int = 240, seed: int = 0) -> tuple[list[str], list[str]]:
    """Short reviews in both languages, and whether they are good or bad."""
    rng = random.Random(seed)
    labels = [rng.choice(list(WORDS)) for _ in range(n)]
    return [f"{rng.choice(THINGS)} {rng.choice(WORDS[label])}" for label in labels], labels


def main(seed: int = 0) -> dict:
    """The whole program; returns what it printed, for the tests."""
    texts, labels = reviews(seed=seed)
    train, test, y_train, y_test = train_test_split(texts, labels, random_state=seed, stratify=labels)

    # Raw texts go in: the estimator segments Chinese and English itself.
    grid = {"lr": [0.05, 0.5], "word_ngrams": [1, 2]}
    search = GridSearchCV(FastTextClassifier(dim=20, epoch=10, random_state=seed), grid, cv=3)
    accuracy = search.fit(train, y_train).score(test, y_test)
    print(f"best options {search.best_params_}: accuracy {accuracy:.3f} on held-out texts")

    # Document vectors for any other estimator.
    vectors = FastTextVectorizer(dim=20, minn=1, maxn=3, epoch=10, random_state=seed)
    pipe = make_pipeline(vectors, LogisticRegression()).fit(train, y_train)
    print(f"logistic regression on document vectors: accuracy {pipe.score(test, y_test):.3f}")

    # The same classifier as a graph that needs neither ftcore nor Python.
    model = search.best_estimator_.model_
    difference = np.nan
    try:
        import onnxruntime
    except ImportError:
        print('ONNX: pip install "ftcore[onnx]"')
    else:
        session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
        found = session.run(["probabilities"], onnx_inputs(model, test))[0]
        columns = [model.labels.index(label) for label in search.classes_]
        difference = float(np.abs(found[:, columns] - search.predict_proba(test)).max())
        print(f"onnxruntime gives the same probabilities, to {difference:.0e}")
    return {"accuracy": accuracy, "vectors": pipe.score(test, y_test), "difference": difference}


if __name__ == "__main__":
    main()
