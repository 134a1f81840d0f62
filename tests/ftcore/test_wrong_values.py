"""Wrong values at every public door: a TypeError or ValueError in one line that names the argument or the value's
place, never a traceback of something within."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import ftcore
from ftcore import FastText, TextDataset
from ftcore.ecosystem import FastTextClassifier, FastTextVectorizer


class _Thing:
    def __repr__(
        self,
    ) -> str:  # an object's own would name its address, and test processes must agree on names
        return "<a thing>"


A_THING = _Thing()
NOTHING = [None, math.nan, pd.NA]
NO_TEXT = [*NOTHING, 3, 1.5, b"bytes", ["nested"], {"a": 1}, A_THING]
NO_LINE = [value for value in NO_TEXT if not isinstance(value, bytes)]
NO_NUMBER = [None, "2", [2], {}, A_THING, math.nan, 2 + 1j]
NO_WHOLE = [*NO_NUMBER, 1.5, np.float64(2.0), math.inf]
NO_PATH = [None, "", 3, 1.5, ["a"], A_THING, "a\0b"]
TEXTS = ["好看 a film", "boring b b", "nice", "dull"]
LINES = [f"__label__{label} {text}" for label, text in zip("xyxy", TEXTS, strict=True)]


@pytest.fixture(scope="module")
def model() -> FastText:
    return FastText.from_texts(TEXTS, [1, 0, 1, 0], minn=1, maxn=2, bucket=50, dim=4)


@pytest.fixture(scope="module")
def classic():
    return ftcore.train_supervised(LINES, dim=4, epoch=1, minCount=1, bucket=50, verbose=0, thread=1)


@pytest.fixture(scope="module")
def fitted() -> FastTextClassifier:
    return FastTextClassifier(dim=4, epoch=1, bucket=50).fit(TEXTS, ["x", "y", "x", "y"])


def refuse(call: Callable[[], object], named: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    message = str(caught.value)
    assert re.search(named, message), message
    assert "\n" not in message.strip() and len(message) < 500, message


# door: (function of the model and a wrong value, values, what the message names)
DOORS = {
    "predict k": (lambda m, v: m.predict(["a"], k=v), NO_WHOLE, r"\bk\b"),
    "predict k of one": (lambda m, v: m.predict("a", k=v), [*NO_WHOLE, 0, -2], r"\bk\b"),
    "predict threshold": (lambda m, v: m.predict(["a"], threshold=v), NO_NUMBER, "threshold"),
}
OWN = {
    "predict one": (lambda m, v: m.predict(v), [None, math.nan, 3, {"a": 1}], "texts"),
    "predict several": (lambda m, v: m.predict(["a", v]), [["nested"], {"a": 1}, A_THING, True], r"text 1\b"),
    "predict batch": (lambda m, v: m.predict(["a"], batch=v), [*filter(None, NO_WHOLE), 0, -1], "batch"),
    "probabilities": (lambda m, v: m.probabilities(["a", v]), NO_TEXT, r"text 1\b"),
    "encode": (lambda m, v: m.encode(["a", v]), NO_TEXT, r"text 1\b"),
    "log_prob": (lambda m, v: m.log_prob(["a", "b", v]), NO_TEXT, r"text 2\b"),
    "word_vector": (lambda m, v: m.word_vector(v), NO_TEXT, "word"),
    "sentence_vector": (lambda m, v: m.sentence_vector(v), NO_TEXT, "text"),
    "neighbours' word": (lambda m, v: m.nearest_neighbors(v), NO_TEXT, "word"),
    "neighbours' k": (lambda m, v: m.nearest_neighbors("a", v), [*NO_WHOLE, 0, -1], r"\bk\b"),
    "save": (lambda m, v: m.save(v), NO_PATH, "directory"),
    "load": (lambda m, v: FastText.load(v), NO_PATH, "directory"),
    "from_bytes": (lambda m, v: FastText.from_bytes(v), [None, "a", 3, b""], "bytes"),
    "targets": (lambda m, v: m.targets([1, v]), [*NOTHING, 1.5, b"a", A_THING], "text 1: label"),
    "from_texts": (lambda m, v: FastText.from_texts(["a", v], [0, 1]), NO_TEXT, r"text 1\b"),
    "from_texts whole": (lambda m, v: FastText.from_texts(v, [0, 1]), [None, 3, "ab"], "texts"),
    "from_texts labels": (lambda m, v: FastText.from_texts(["a", "b"], [0, v]), [*NOTHING, 1.5, b"a"], "text 1: label"),
    "from_texts dim": (lambda m, v: FastText.from_texts(["a"], dim=v), [*NO_WHOLE, 0, -1], "dim"),
    "from_texts seed": (lambda m, v: FastText.from_texts(["a"], seed=v), [*NO_WHOLE, -1, 1 << 64], "seed"),
    "from_texts loss": (lambda m, v: FastText.from_texts(["a"], loss=v), ["mse", 3, ["ns"]], "loss"),
    "from_texts kind": (lambda m, v: FastText.from_texts(["a"], kind=v), ["cnn", 3, ["cbow"]], "kind"),
    "from_texts bucket": (lambda m, v: FastText.from_texts(["a"], bucket=v), [None, "x", -1, 1.5], "bucket"),
    "from_texts unknown": (lambda m, v: FastText.from_texts(["a"], nothing=v), [1], "nothing"),
    "fit": (lambda m, v: m.fit([("a", 1), (v, 0)]), NO_TEXT, r"text 1\b"),
    "fit labels": (lambda m, v: m.fit([("a", 1), ("b", v)]), [*NOTHING, 1.5], "text 1: label"),
    "fit pairs": (lambda m, v: m.fit([("a", 1), v]), [None, "ab c", 3, ("a",)], "pair 1"),
    "fit epochs": (lambda m, v: m.fit([("a", 1)], epochs=v), [None, "x", -1, 1.5], "epoch"),
    "fit lr": (lambda m, v: m.fit([("a", 1)], lr=v), [None, "x", -1, math.nan], "lr"),
    "dataset": (lambda m, v: TextDataset(["a", "b"], v), [None, 3, [1]], "label"),
}  # fmt: skip
COMPAT = {
    "predict one": (lambda m, v: m.predict(v), [None, math.nan, 3, b"bytes"], "str"),
    "predict several": (lambda m, v: m.predict(["a", v]), NO_TEXT, r"text 1\b"),
    "get_word_vector": (lambda m, v: m.get_word_vector(v), NO_TEXT, "word"),
    "item": (lambda m, v: m[v], NO_TEXT, "word"),
    "get_sentence_vector": (lambda m, v: m.get_sentence_vector(v), NO_TEXT, "str"),
    "get_subwords": (lambda m, v: m.get_subwords(v), NO_TEXT, "word"),
    "get_word_id": (lambda m, v: m.get_word_id(v), NO_TEXT, "word"),
    "get_label_id": (lambda m, v: m.get_label_id(v), NO_TEXT, "label"),
    "get_subword_id": (lambda m, v: m.get_subword_id(v), NO_TEXT, "subword"),
    "get_input_vector": (lambda m, v: m.get_input_vector(v), [*NO_WHOLE, -1, 10**9], "ind|row"),
    "get_line": (lambda m, v: m.get_line(["a", v]), NO_TEXT, r"text 1\b"),
    "neighbours": (lambda m, v: m.get_nearest_neighbors(v), NO_TEXT, "word"),
    "neighbours' k": (lambda m, v: m.get_nearest_neighbors("a", v), [*NO_WHOLE, 0, -1], r"\bk\b"),
    "analogies": (lambda m, v: m.get_analogies("a", v, "b"), NO_TEXT, "word"),
    "test": (lambda m, v: m.test(v), [None, "", 3, A_THING], "."),
    "test k": (lambda m, v: m.test(LINES, k=v), NO_WHOLE, r"\bk\b"),
    "test lines": (lambda m, v: m.test([*LINES, v]), NO_LINE, r"4\b"),
    "save_model": (lambda m, v: m.save_model(v), NO_PATH, "path"),
    "save_vectors": (lambda m, v: m.save_vectors(v), NO_PATH, "path"),
    "load_model": (lambda m, v: ftcore.load_model(v), NO_PATH, "path"),
    "matrices": (lambda m, v: m.set_matrices(v, v), [None, "a", 3, [[1, 2], [3]]], "matri"),
    "quantize cutoff": (lambda m, v: m.quantize(cutoff=v), NO_WHOLE, "cutoff"),
    "quantize dsub": (lambda m, v: m.quantize(dsub=v), NO_WHOLE, "dsub"),
    "unicode": (lambda m, v: m.get_words(on_unicode_error=v), [None, 3, "nothing"], "on_unicode_error"),
    "tokenize": (lambda m, v: ftcore.tokenize(v), NO_TEXT, "tokenize"),
    "train input": (lambda m, v: ftcore.train_supervised(v, verbose=0), [None, 3, 1.5, A_THING], "lines from"),
    "train lines": (lambda m, v: ftcore.train_supervised([*LINES, v], verbose=0), NO_LINE, r"4\b"),
    "train dim": (lambda m, v: ftcore.train_supervised(LINES, dim=v), NO_WHOLE, "dim"),
    "train lr": (lambda m, v: ftcore.train_supervised(LINES, lr=v), [None, "x", [1]], "lr"),
    "train loss": (lambda m, v: ftcore.train_supervised(LINES, loss=v), [None, 3, "mse"], "loss"),
    "train seed": (lambda m, v: ftcore.train_supervised(LINES, seed=v), [*NO_WHOLE, -1], "seed"),
}  # fmt: skip


def cases(*tables: dict) -> list:
    return [
        pytest.param(door, value, named, id=f"{name}-{value!r}"[:60])
        for table in tables
        for name, (door, values, named) in table.items()
        for value in values
    ]


# without a number of labels or a threshold, ours says what its own thresholds ask for
DEFAULTS = {f"predict {what}-None" for what in ("k", "k of one", "threshold")}


@pytest.mark.parametrize(
    ("door", "value", "named"), [case for case in cases(DOORS, OWN) if case.id not in DEFAULTS]
)
def test_of_a_model(door, value, named, model: FastText, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse(lambda: door(model, value), named)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("door", "value", "named"), cases(DOORS, COMPAT))
def test_of_fasttexts_api(door, value, named, classic, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse(lambda: door(classic, value), named)
    assert os.listdir(tmp_path) == []


SKLEARN = {
    "X": (lambda m, v: FastTextClassifier().fit(["a", v], [0, 1]), NO_TEXT, r"text 1\b"),
    "X of transform": (lambda m, v: FastTextVectorizer().fit(["a", v]), NO_TEXT, r"text 1\b"),
    "X whole": (lambda m, v: FastTextClassifier().fit(v, [0, 1]), [None, 3, "ab"], "X"),
    "predict": (lambda m, v: m.predict(["a", v]), NO_TEXT, r"text 1\b"),
    "y": (lambda m, v: FastTextClassifier().fit(["a", "b", "c"], ["x", "y", v]), [*NOTHING, b"x", A_THING], r"y\[2\]"),
    "y lists": (lambda m, v: FastTextClassifier().fit(["a", "b"], [["x"], ["y", v]]), [*NOTHING, 1.5], r"y\[1\]"),
    "y whole": (lambda m, v: FastTextClassifier().fit(["a", "b"], v), [None, 3, ["x"], [1.5, 2.5]], "y|samples|label"),
    "n_jobs": (lambda m, v: FastTextClassifier(n_jobs=v).fit(["a", "b"], [0, 1]), [0, 1.5, "x"], "n_jobs"),
    "random_state": (lambda m, v: FastTextClassifier(random_state=v).fit(["a", "b"], [0, 1]), ["x", 1.5, -1], "random_state|seed"),
    "tokenizer": (lambda m, v: FastTextClassifier(tokenizer=v).fit(["a", "b"], [0, 1]), [None, "x", 3], "tokenizer"),
    "pretrained": (lambda m, v: FastTextClassifier(pretrained=v).fit(["a", "b"], [0, 1]), [3, "", A_THING], "model|path"),
    "empty": (lambda m, v: FastTextClassifier().fit(v, [0, 1]), [["", ""], [" ", "。。"]], "no word|empty"),
}  # fmt: skip


@pytest.mark.parametrize(("door", "value", "named"), cases(SKLEARN))
def test_of_scikit_learn(door, value, named, fitted):
    refuse(lambda: door(fitted, value), named)


def test_right_values_of_other_types_are_taken(model: FastText, classic):
    """numpy's numbers and strings, series and arrays are what they look like."""
    want = [answer.labels for answer in model.predict(TEXTS, k=2)]
    for texts in (np.array(TEXTS), pd.Series(TEXTS, index=[9, 8, 7, 6]), tuple(TEXTS), map(str, TEXTS)):
        assert [
            answer.labels for answer in model.predict(texts, k=np.int64(2), threshold=np.float32(0))
        ] == want
    assert classic.predict(pd.Series(TEXTS), k=np.int32(1))[0] == classic.predict(TEXTS)[0]
    assert torch.equal(model.targets(np.array([1, 0])), model.targets([1, 0]))
    assert model.word_vector(np.str_("a")).shape == (4,)
