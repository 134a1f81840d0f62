"""Every method of a loaded model against the original's, on files the original wrote."""

from __future__ import annotations

import builtins
import copy
import json
import pickle
import random
from pathlib import Path

import joblib
import numpy as np
import pytest

import ftcore
from ftcore import errors
from ftcore.errors import UserError
from tests.ftcore.compat.conftest import KINDS, run_both

SUPERVISED = [name for name, (function, _) in KINDS.items() if function == "train_supervised"]
TEXTS = [
    "soup noodle", "火锅 牛肉 spicy", "", "unseen words", "__label__food bake", "a\tb\u3000c\0d", "bake </s> soup",
    "é " * 40, "面条\u00a0牛肉", "</s>",
]  # fmt: skip
WORDS = ["soup", "面条", "</s>", "unseen", "é", "__label__food", "", "a b", "<", "没有的词"]

LOOKUPS = """
m = fasttext.load_model(str(given["path"]))
texts, words = json.loads(str(given["texts"])), json.loads(str(given["words"]))
exact = {
    "words": [m.get_words(), m.words, m.get_words(include_freq=True)[1].tolist()],
    "labels": [m.get_labels(), m.labels, m.get_labels(include_freq=True)[1].tolist()],
    "ids": [[m.get_word_id(w), m.get_label_id("__label__" + w) if w != "" else 0] for w in words],
    "in": [w in m for w in words],
    "subwords": [[m.get_subwords(w)[0], m.get_subwords(w)[1].tolist()] for w in words],
    "line": m.get_line("__label__food soup __label__none x </s> y"),
    "lines": m.get_line(texts),
    "dim": m.get_dimension(),
    "quantized": m.is_quantized(),
    "kinds": [type(m.get_words()).__name__, type(m.get_words(True)).__name__, str(m.get_words(True)[1].dtype)],
}
out["exact"] = np.array(json.dumps(exact))
if m.f.getArgs().bucket > 0:
    out["subword ids"] = np.array([m.get_subword_id(w) for w in words])
out["word vectors"] = np.stack(
    [m.get_word_vector(w) for w in words if not w.startswith("__label__")] + [m["soup"]])  # the original aborts at a label
out["sentence vectors"] = np.stack([m.get_sentence_vector(t) for t in texts if not t.startswith("__label__")])
if not m.is_quantized():
    out["input"], out["output"] = m.get_input_matrix(), m.get_output_matrix()
out["row"] = m.get_input_vector(3)
"""


def asked(originals, name: str) -> dict[str, np.ndarray]:
    return {
        "path": originals[name],
        "texts": np.array(json.dumps(TEXTS)),
        "words": np.array(json.dumps(WORDS)),
    }


def same(theirs: dict, ours: dict, atol: float = 2e-6) -> None:
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        if value.dtype.kind in "USi":
            shown = [json.loads(str(x)) if name == "exact" else x.tolist() for x in (value, ours[name])]
            assert shown[1] == shown[0], name
        else:
            np.testing.assert_allclose(ours[name], value, rtol=2e-5, atol=atol, err_msg=name)
            assert ours[name].dtype == value.dtype, name


@pytest.mark.parametrize("name", [*KINDS, "pruned"])
def test_words_ids_lines_vectors_and_matrices(originals, name: str):
    same(*run_both(LOOKUPS, **asked(originals, name)))


PREDICTIONS = """
m = fasttext.load_model(str(given["path"]))
texts = json.loads(str(given["texts"]))
found = {}
for k, threshold in ((1, 0.0), (2, 0.0), (-1, 0.0), (5, 0.3), (1, 0.999)):
    labels, scores = m.predict(texts, k, threshold)
    found[f"{k} {threshold}"] = labels
    out[f"scores {k} {threshold}"] = np.concatenate(scores)
    assert all(s.dtype == np.float32 for s in scores) and type(labels) is list and type(labels[0]) is list
    single = [m.f.predict(t + "\\n", k, threshold, "strict") for t in texts]
    assert [[s for s, _ in one] for one in single] == [s.tolist() for s in scores]
out["exact"] = np.array(json.dumps(found))
test = str(given["test"])
for k, threshold in ((1, 0.0), (2, 0.0), (-1, 0.0), (1, 0.99), (3, 0.5)):
    out[f"test {k} {threshold}"] = np.array(m.test(test, k, threshold))
    labelled = m.test_label(test, k, threshold)
    out[f"per label {k} {threshold}"] = np.array(
        [[labelled[l][x] for x in ("precision", "recall", "f1score")] for l in sorted(labelled)])
"""


@pytest.mark.parametrize("name", [*SUPERVISED, "pruned"])
def test_predictions_and_scores(originals, test_file, name: str):
    same(*run_both(PREDICTIONS, **asked(originals, name), test=test_file))


METER = """
numpy_array = np.array
fasttext.FastText.np = type("old numpy", (), {"array": staticmethod(lambda x, copy=None: numpy_array(x))})
m = fasttext.load_model(str(given["path"]))
for k in (-1, 1, 2):
    meter = m.get_meter(str(given["test"]), k)
    for label in (None, *sorted(m.get_labels())):
        name = f"{k} {label} "
        out[name + "curve"] = np.stack(meter.precision_recall_curve(label))
        points = (0.0, 0.3, 0.5, 0.77, 0.9, 1.0)
        out[name + "precision"] = np.array([meter.precision_at_recall(x, label) for x in points])
        out[name + "recall"] = np.array([meter.recall_at_precision(x, label) for x in points])
        if label is not None:
            out[name + "scores"] = np.stack(meter.score_vs_true(label))
"""


@pytest.mark.parametrize("name", SUPERVISED)
def test_meter(originals, test_file, name: str):
    same(*run_both(METER, **asked(originals, name), test=test_file))


NEIGHBORS = """
m = fasttext.load_model(str(given["path"]))
found = [m.get_nearest_neighbors("soup", k) for k in (1, 5, 100)]
found += [m.get_nearest_neighbors(w) for w in ("unseen", "面条")]
found += [m.get_analogies("soup", "noodle", "火锅", 4), m.get_analogies("soup", "soup", "unseen")]
out["exact"] = np.array(json.dumps([[w for _, w in one] for one in found]))
out["cosines"] = np.array([c for one in found for c, _ in one])
"""


@pytest.mark.parametrize("name", ["skipgram", "softmax"])
def test_neighbors_and_analogies(originals, name: str):
    same(*run_both(NEIGHBORS, **asked(originals, name)))


ERRORS = """
m, u = fasttext.load_model(str(given["path"])), fasttext.load_model(str(given["words"]))
test = str(given["test"])
calls = {
    "newline": lambda: m.predict("a\\nb"),
    "newline in a list": lambda: m.predict(["a", "b\\n"]),
    "newline in a sentence": lambda: m.get_sentence_vector("a\\n"),
    "newline in a line": lambda: m.get_line("a\\n"),
    "newline in lines": lambda: m.get_line(["a\\n"]),
    "k 0": lambda: m.predict(["soup"], 0),
    "k -2": lambda: m.test(test, -2),
    "k a float": lambda: m.predict(["soup"], 1.0),
    "no supervised model": lambda: u.predict(["soup"]),
    "no supervised model to test": lambda: u.test(test),
    "no test file": lambda: m.test("/nowhere/x.txt"),
    "no test file for labels": lambda: m.test_label("/nowhere/x.txt"),
    "no test file for a meter": lambda: m.get_meter("/nowhere/x.txt"),
    "no model": lambda: fasttext.load_model("/nowhere/m.bin"),
    "not a model": lambda: fasttext.load_model(test),
    "nowhere to save": lambda: m.save_model("/nowhere/m.bin"),
    "no training file": lambda: fasttext.train_supervised("/nowhere/train.txt"),
    "standard input": lambda: fasttext.train_supervised("-"),
    "no input": lambda: fasttext.train_unsupervised(),
    "quantised words": lambda: u.quantize(),
    "retraining on nothing": lambda: m.quantize(retrain=True),
    "vocabulary": lambda: fasttext.train_unsupervised(str(given["vec"]), minCount=10**6, verbose=0),
    "loss": lambda: fasttext.train_supervised(test, loss="mse"),
    "model": lambda: fasttext.train_unsupervised(test, model="glove"),
    "keyword": lambda: fasttext.train_supervised(test, learning_rate=1),
    "keyword of the other": lambda: fasttext.train_unsupervised(test, autotuneDuration=1),
    "twice": lambda: fasttext.train_supervised(test, minCount=1, min_count=2),
    "size": lambda: fasttext.train_supervised(test, dim=9, pretrainedVectors=str(given["vec"]), verbose=0),
    "no vectors": lambda: fasttext.train_supervised(test, pretrainedVectors="/nowhere.vec", verbose=0),
    "no validation": lambda: fasttext.train_supervised(test, autotuneValidationFile="/nowhere", verbose=0),
}
for name, call in calls.items():
    out[name] = np.array(error(call))
m.quantize(cutoff=260)
out["matrix"] = np.array(error(m.get_input_matrix))
out["output matrix"] = np.array(error(m.get_output_matrix))
"""


def test_errors_are_the_originals(originals, test_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the messages name the files as they are given
    Path("v.vec").write_text("1 3\nsoup 1 2 3\n")
    Path("test.txt").write_bytes(test_file.read_bytes())
    theirs, ours = run_both(
        ERRORS,
        path=originals["softmax"],
        words=originals["skipgram"],
        test=Path("test.txt"),
        vec=Path("v.vec"),
    )
    wrong = []
    for name, (kind, text) in ((name, value.tolist()) for name, value in theirs.items()):
        found, said = ours[name].tolist()
        named = getattr(errors, found, None) or getattr(builtins, found, None)  # what `except` goes by
        alike = kind and named is not None and issubclass(named, getattr(builtins, kind))
        start = text.rstrip(".!")
        if not alike or (kind != "TypeError" or "argument '" in text) and start not in said:
            wrong.append((name, kind, text, found, said))
    assert not wrong, "\n".join(map(str, wrong))


def test_set_matrices_and_reduce_model(originals):
    theirs, ours = run_both(
        "m = fasttext.load_model(str(given['path']))\n"
        "a, b = m.get_input_matrix(), m.get_output_matrix()\n"
        "m.set_matrices(a[:, :4] * 2.0, b[:, :4])\n"
        "out['vector'], out['dim'] = m['soup'], np.array(m.get_dimension())\n"
        "labels, scores = m.predict(['soup noodle', 'bake'], 3)\n"
        "out['exact'] = np.array(json.dumps(labels))\n"
        "out['scores'] = np.concatenate(scores)\n",
        path=originals["softmax"],
    )
    same(theirs, ours)
    model = ftcore.load_model(originals["softmax"])
    before = model.get_input_matrix()
    ftcore.util.reduce_model(model, 3)
    after = model.get_input_matrix()
    assert model.get_dimension() == 3 and after.shape == (len(before), 3)
    # the plane that keeps most: no other of three axes leaves less of the (centred) rows out
    centred = before - before.mean(0)
    best = np.linalg.svd(centred, compute_uv=False)[:3]
    kept = np.linalg.svd(after - after.mean(0), compute_uv=False)
    np.testing.assert_allclose(kept, best, rtol=1e-4)
    with pytest.raises(UserError, match="target_dim = 4"):
        ftcore.util.reduce_model(model, 4)


def test_set_matrices_of_other_shapes(originals):
    model = ftcore.load_model(originals["softmax"])
    a, b = model.get_input_matrix(), model.get_output_matrix()
    for wrong in ((a[1:], b), (a, b[1:]), (a[:, :3], b), (a[0], b)):
        with pytest.raises(UserError, match="rows, both of the same size"):
            model.set_matrices(*wrong)


@pytest.mark.parametrize("name", [*KINDS, "pruned"])
def test_saved_again_it_is_the_same_file(originals, tmp_path, name: str):
    path = originals[name]
    again = tmp_path / path.name
    ftcore.load_model(path).save_model(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["softmax", "pruned", "skipgram"])
@pytest.mark.parametrize("ship", ["pickle", "copy", "joblib"])
def test_a_shipped_model_is_the_same(originals, tmp_path, name: str, ship: str):
    model = ftcore.load_model(originals[name])
    if ship == "pickle":
        other = pickle.loads(pickle.dumps(model))
    elif ship == "copy":
        other = copy.deepcopy(model)
    else:
        joblib.dump(model, tmp_path / "m")
        other = joblib.load(tmp_path / "m")
    other.save_model(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == originals[name].read_bytes()
    assert np.array_equal(other["soup"], model["soup"])


def test_predictions_of_a_batch_are_those_of_one_bit_for_bit(originals):
    model = ftcore.load_model(originals["softmax"])
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(0, 9))) for _ in range(500)]
    labels, scores = model.predict(texts, k=3)
    for text, names, row in zip(texts, labels, scores, strict=True):
        one, values = model.predict(text, k=3)
        assert list(one) == names and values.tolist() == row.tolist()
        assert type(one) is tuple and values.dtype == np.float64


def test_an_unknown_label_of_a_meter_is_an_error(originals, test_file):
    meter = ftcore.load_model(originals["softmax"]).get_meter(test_file)
    for ask in (meter.score_vs_true, meter.precision_recall_curve):
        with pytest.raises(UserError, match="label '__label__typo' is not one"):
            ask("__label__typo")


def test_quantising_twice_and_k_0_of_neighbors_are_errors(originals):
    model = ftcore.load_model(originals["pruned"])
    with pytest.raises(UserError, match="already quantized"):
        model.quantize()
    for ask in (
        lambda: model.get_nearest_neighbors("soup", 0),
        lambda: model.get_analogies("a", "b", "c", 0),
    ):
        with pytest.raises(UserError, match="k needs to be 1 or higher!"):
            ask()


def test_a_model_without_buckets_has_no_subword_ids(originals):
    with pytest.raises(UserError, match="no buckets"):
        ftcore.load_model(originals["hs"]).get_subword_id("ab")


def test_ngram_vectors_are_the_rows_of_the_subwords(originals):
    model = ftcore.load_model(originals["skipgram"])
    names, rows = model.get_subwords("soup")
    found = model.ngram_vectors("soup")
    assert [name.decode() for name, _ in found] == names
    assert all(
        np.array_equal(vector, model.get_input_vector(row))
        for (_, vector), row in zip(found, rows, strict=True)
    )
    pruned = ftcore.load_model(originals["pruned"])
    names, rows = pruned.get_subwords("unseen spicy")
    assert len(pruned.ngram_vectors("unseen spicy")) == len(rows) < len(names)


def test_other_sequences_of_texts_are_lists_of_texts(originals):
    model = ftcore.load_model(originals["softmax"])
    expected = model.predict(["soup", "bake"])
    for texts in (("soup", "bake"), np.array(["soup", "bake"]), iter(["soup", "bake"])):
        assert model.predict(texts)[0] == expected[0]
    for wrong in (b"soup", 3, None, ["soup", None]):
        with pytest.raises(TypeError, match="str or a list of str"):
            model.predict(wrong)


def test_an_empty_model_says_so():
    from ftcore.compat import _FastText

    with pytest.raises(UserError, match="this model is empty"):
        _FastText().get_words()


def test_the_old_api_names_its_successor():
    for name in ("cbow", "skipgram", "supervised"):
        with pytest.raises(Exception, match=f"`{name}` is not supported any more. Please use `train_"):
            getattr(ftcore, name)("file")


def test_tokenize():
    theirs, ours = run_both(
        "texts = json.loads(str(given['texts']))\n"
        "out['exact'] = np.array(json.dumps([fasttext.tokenize(t) for t in texts]))\n"
        "out['marks'] = np.array([fasttext.EOS, fasttext.BOW, fasttext.EOW])\n",
        texts=np.array(json.dumps(["", " ", "a b\nc\n\n", "\n", "a\u3000b\tc\0d\re", "我 爱\v北京\f"])),
    )
    same(theirs, ours)
