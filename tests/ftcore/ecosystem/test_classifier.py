"""`FastTextClassifier` on raw texts: what scikit-learn's tools do with it, and every form of labels."""

import os
import random

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer

import ftcore
from ftcore import config
from ftcore.ecosystem import FastTextClassifier, FastTextVectorizer
from ftcore.errors import UserError
from ftcore.fasttext import FastText

TOPICS = {
    "food": ["面条", "味道", "酱油", "烤箱", "recipe", "oven", "butter", "soup"],
    "sport": ["比赛", "进球", "教练", "球员", "goal", "coach", "league", "final"],
    "tech": ["手机", "芯片", "软件", "屏幕", "phone", "battery", "laptop", "code"],
}
FILLER = ["今天", "大家", "觉得", "the", "of", "and", "with", "very"]


def corpus(n: int = 120, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    names = [rng.choice(list(TOPICS)) for _ in range(n)]
    return [" ".join(rng.choices(TOPICS[name], k=4) + rng.choices(FILLER, k=4)) for name in names], names


TEXTS, NAMES = corpus()
OTHERS, OTHER_NAMES = corpus(60, seed=1)
BOTH = [sorted({a, b}) for a, b in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)]
BOTH_TEXTS = [f"{a} {b}" for a, b in zip(TEXTS, TEXTS[1:] + TEXTS[:1], strict=True)]
QUICK = {"dim": 12, "epoch": 15, "lr": 0.5, "random_state": 0}


def fitted(**options) -> FastTextClassifier:
    return FastTextClassifier(**{**QUICK, **options}).fit(TEXTS, NAMES)


# ------------------------------------------------------------------------------ what it answers
@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_it_learns_and_its_answers_agree(loss):
    model = fitted(loss=loss)
    assert model.score(OTHERS, OTHER_NAMES) > 0.95
    assert model.classes_.tolist() == sorted(TOPICS)
    scores, found = model.decision_function(OTHERS), model.predict_proba(OTHERS)
    assert found.shape == scores.shape == (60, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    for table in (scores, found):
        assert (model.classes_[table.argmax(axis=1)] == model.predict(OTHERS)).all()
    own = model.model_.probabilities(model.model_.tokenizer.tokenize(OTHERS))
    own = own[:, [model.model_.labels.index(name) for name in model.classes_]]
    if loss in ("ova", "ns"):
        own = own / own.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, own, atol=1e-6)
    assert [p.labels[0] for p in model.model_.predict(OTHERS)] == model.predict(OTHERS).tolist()
    assert len(model.history_) == model.n_iter_ == 15


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_two_classes_have_one_score(loss):
    wanted = [name == "tech" for name in NAMES]
    model = FastTextClassifier(**QUICK, loss=loss).fit(TEXTS, wanted)
    score = model.decision_function(OTHERS)
    assert score.shape == (60,)
    assert model.classes_.dtype == bool and model.model_.labels == ["False", "True"]
    assert ((score > 0) == model.predict(OTHERS)).all()
    assert roc_auc_score([name == "tech" for name in OTHER_NAMES], score) > 0.98


@pytest.mark.parametrize(
    "wrap",
    [list, tuple, np.array, pd.Series, iter, lambda t: pa.array(t), lambda t: np.array(t, object)],
    ids=["list", "tuple", "array", "series", "iterator", "arrow", "objects"],
)
def test_texts_of_any_kind(wrap):
    model = fitted()
    assert (model.predict(wrap(OTHERS)) == model.predict(OTHERS)).all()
    assert (
        FastTextClassifier(**QUICK).fit(wrap(TEXTS), NAMES).predict_proba(OTHERS)
        == model.predict_proba(OTHERS)
    ).all()


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_a_text_stands_for_itself_whatever_comes_with_it(loss):
    model = fitted(loss=loss, minn=1, maxn=2, word_ngrams=2)
    texts = [*OTHERS, "", "从未见过的 unseen words", "the"] * 20  # more than a batch
    for method in ("decision_function", "predict_proba"):
        together = getattr(model.set_params(n_jobs=None), method)(texts)
        alone = [getattr(model, method)([text]) for text in texts[:63]]
        assert np.array_equal(together, np.concatenate(alone * 20))
        assert np.array_equal(together, getattr(model.set_params(n_jobs=2), method)(texts))


# ----------------------------------------------------------------------------------- several labels
def test_lists_of_labels():
    model = FastTextClassifier(**QUICK).fit(BOTH_TEXTS, BOTH)
    assert model.model_.loss == "ova"
    found = model.predict(BOTH_TEXTS)
    assert isinstance(found, list) and all(isinstance(row, list) for row in found)
    right = np.mean([set(a) == set(b) for a, b in zip(found, BOTH, strict=True)])
    assert model.score(BOTH_TEXTS, BOTH) == right > 0.9
    assert (model.predict_proba(BOTH_TEXTS) > 0.5).sum() == sum(map(len, found))


def test_indicator_matrices_are_the_same_labels():
    matrix = MultiLabelBinarizer().fit_transform(BOTH)
    lists = FastTextClassifier(**QUICK).fit(BOTH_TEXTS, BOTH)
    for y in (matrix, matrix.tolist(), sparse.csr_matrix(matrix), matrix.astype(float)):
        model = FastTextClassifier(**QUICK).fit(BOTH_TEXTS, y)
        assert model.classes_.tolist() == [0, 1, 2]
        found = model.predict(BOTH_TEXTS)
        assert found.shape == matrix.shape and set(np.unique(found)) == {0, 1}
        np.testing.assert_array_equal(model.predict_proba(BOTH_TEXTS), lists.predict_proba(BOTH_TEXTS))
        assert f1_score(matrix, found, average="micro") > 0.95


def test_a_column_without_any_text_is_never_likely():
    matrix = np.hstack([MultiLabelBinarizer().fit_transform(BOTH), np.zeros((len(BOTH), 1), int)])
    model = FastTextClassifier(**QUICK).fit(BOTH_TEXTS, matrix)
    assert model.predict_proba(OTHERS).shape == (60, 4)
    assert (model.predict_proba(OTHERS)[:, 3] < 1e-30).all() and not model.predict(OTHERS)[:, 3].any()


def test_several_labels_need_ova():
    with pytest.raises(UserError, match="loss='softmax' takes one label.*set loss='ova'"):
        FastTextClassifier(loss="softmax").fit(BOTH_TEXTS, BOTH)


# ------------------------------------------------------------------------- scikit-learn's own tools
@pytest.mark.parametrize(
    "n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)]
)  # 2: processes that import torch
def test_pipeline_and_grid_search(n_jobs):
    clean = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    pipe = make_pipeline(clean, FastTextClassifier(**QUICK))
    assert pipe.fit(TEXTS, NAMES).score(OTHERS, OTHER_NAMES) > 0.95
    search = GridSearchCV(
        FastTextClassifier(**QUICK), {"lr": [1e-4, 0.5], "word_ngrams": [1, 2]}, cv=2, n_jobs=n_jobs
    )
    search.fit(TEXTS, NAMES)
    assert search.best_params_["lr"] == 0.5 and search.best_score_ > 0.9
    assert search.predict(["今天 的 比赛 goal"]).tolist() == ["sport"]


def test_cross_validation():
    assert cross_val_score(FastTextClassifier(**QUICK), TEXTS, NAMES, cv=3).min() > 0.9
    kept = cross_val_predict(FastTextClassifier(**QUICK), TEXTS, NAMES, cv=3, method="predict_proba")
    assert kept.shape == (120, 3) and (np.array(sorted(TOPICS))[kept.argmax(axis=1)] == NAMES).mean() > 0.9
    assert OneVsRestClassifier(FastTextClassifier(**QUICK)).fit(TEXTS, NAMES).score(OTHERS, OTHER_NAMES) > 0.9


@pytest.mark.parametrize("y", [NAMES, BOTH], ids=["one", "several"])
def test_shipping(tmp_path, y):
    model = FastTextClassifier(**QUICK, minn=1, maxn=3).fit(BOTH_TEXTS, y)
    joblib.dump(model, tmp_path / "m")
    assert os.path.getsize(tmp_path / "m") < 300_000
    back = joblib.load(tmp_path / "m")
    assert np.array_equal(back.predict_proba(OTHERS), model.predict_proba(OTHERS))
    assert back.get_params() == model.get_params()
    assert not hasattr(clone(back), "model_")


def test_random_state():
    one, two, other = (fitted(random_state=s).decision_function(OTHERS) for s in (7, 7, 8))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    drawn = [fitted(random_state=np.random.RandomState(3)).decision_function(OTHERS) for _ in "ab"]
    assert np.array_equal(*drawn)
    assert fitted(random_state=None).model_.seed != fitted(random_state=None).model_.seed


def test_more_threads():
    model = fitted(n_jobs=-1)
    assert model.score(OTHERS, OTHER_NAMES) > 0.95
    assert not FastTextClassifier(n_jobs=1).__sklearn_tags__().non_deterministic
    assert model.__sklearn_tags__().non_deterministic


# ----------------------------------------------------------------------------------------- weights
def test_weights_count_by_their_ratios():
    weights = np.array([3.0 if name == "tech" else 1.0 for name in NAMES])
    own = FastTextClassifier(**QUICK).fit(TEXTS, NAMES, sample_weight=weights)
    for same in (
        FastTextClassifier(**QUICK).fit(TEXTS, NAMES, sample_weight=weights * 100),
        fitted(class_weight={"tech": 3}),
        FastTextClassifier(**QUICK, class_weight={"tech": 2}).fit(
            TEXTS, NAMES, sample_weight=1 + (weights > 1) / 2
        ),
    ):
        np.testing.assert_allclose(same.decision_function(OTHERS), own.decision_function(OTHERS), atol=1e-4)
    assert not np.allclose(fitted().decision_function(OTHERS), own.decision_function(OTHERS), atol=1e-2)


def test_a_weight_of_zero_leaves_a_text_out():
    weights = np.array([name != "tech" for name in NAMES], float)
    model = FastTextClassifier(**QUICK).fit(TEXTS, NAMES, sample_weight=weights)
    left = [(text, name) for text, name in zip(TEXTS, NAMES, strict=True) if name != "tech"]
    alone = FastTextClassifier(**QUICK).fit(*zip(*left, strict=True))
    assert model.classes_.tolist() == ["food", "sport", "tech"]
    assert np.array_equal(model.predict_proba(OTHERS)[:, :2], alone.predict_proba(OTHERS))


def test_balanced_classes():
    rare = [i for i, name in enumerate(NAMES) if name != "tech" or i % 8 == 0]
    texts, names = [TEXTS[i] for i in rare], [NAMES[i] for i in rare]
    options = {**QUICK, "epoch": 2}
    plain, balanced = (
        FastTextClassifier(**options, class_weight=w).fit(texts, names).predict_proba(OTHERS)[:, 2].mean()
        for w in (None, "balanced")
    )
    assert balanced > 1.2 * plain


# ------------------------------------------------------------------------ start from another model
def test_a_warm_start_says_whose_n_grams_hold():
    model = fitted(warm_start=True, word_ngrams=2)
    with pytest.warns(
        UserWarning, match="word_ngrams = 3 has no effect: warm_start goes on with the model's own, 2"
    ):
        model.set_params(word_ngrams=3).fit(TEXTS, NAMES)
    assert model.model_.dictionary.options.word_ngrams == 2


def test_a_warm_start_goes_on_with_what_was_searched_for():
    texts = [f"{word} {n}" for n in range(20) for word in ("good fine", "bad dull")]
    model = FastTextClassifier(autotune=True, seconds=1, warm_start=True).fit(texts, [1, 0] * 20)
    tried, model.model_ = model.trials_, FastTextClassifier(head="linear").fit(texts, [1, 0] * 20).model_
    again = model.fit(texts, [1, 0] * 20)  # whichever head the model has
    assert again.trials_ is tried and again.predict(["good"]) == [1]


def test_warm_start_goes_on_and_learns_new_words_and_classes():
    model = fitted(warm_start=True)
    before = model.decision_function(OTHERS)
    # as good as no training at all
    model.set_params(lr=1e-9, epoch=1).fit(TEXTS, NAMES)
    np.testing.assert_allclose(model.decision_function(OTHERS), before, atol=1e-4)
    new = ["琴声 melody violin", "钢琴 melody concert"] * 20
    model.set_params(lr=0.5, epoch=15).fit([*TEXTS, *new], [*NAMES, *["music"] * 40])
    assert model.classes_.tolist() == ["food", "music", "sport", "tech"]
    assert model.predict(["violin concert"]).tolist() == ["music"]
    assert model.score(OTHERS, OTHER_NAMES) > 0.95
    with pytest.raises(UserError, match="form 'lists', it was 'single'"):
        model.fit(BOTH_TEXTS, BOTH)


def test_pretrained_models_of_every_kind(tmp_path):
    source = FastText.from_texts(OTHERS, OTHER_NAMES, dim=12, seed=2)
    source.fit(list(zip(OTHERS, OTHER_NAMES, strict=True)), lr=0.5, epochs=15)
    source.save(tmp_path / "m")
    api = ftcore.load_model(tmp_path / "m")
    api.save_model(str(tmp_path / "m.bin"))
    for pretrained in (source, tmp_path / "m", str(tmp_path / "m"), api, tmp_path / "m.bin", api.classic):
        model = FastTextClassifier(pretrained=pretrained, lr=1e-9, epoch=1, random_state=0).fit(TEXTS, NAMES)
        assert model.score(OTHERS, OTHER_NAMES) > 0.95, "rows and head are carried over"
        assert len(model.model_.words) >= len(source.words) and model.model_.dim == 12
    frozen = FastTextClassifier(pretrained=source, freeze="words", **{**QUICK, "dim": 99}).fit(TEXTS, NAMES)
    for word in ("coach", "软件"):
        assert np.array_equal(frozen.model_.word_vector(word), source.word_vector(word))
    joblib.dump(clone(FastTextClassifier(pretrained=source)), tmp_path / "unfitted")
    assert joblib.load(tmp_path / "unfitted").pretrained.to_bytes() == source.to_bytes()


# ------------------------------------------------------------------------------------- tokenisation
def test_tokenizers():
    texts, y = ["我喜欢C++!", "我不喜欢Java。"] * 5, ["a", "b"] * 5
    tokens = {
        option if isinstance(option, str) else "own": set(
            FastTextClassifier(tokenizer=option, dim=2).fit(texts, y).model_.words
        )
        for option in ("ftcore", "whitespace", config.Text(segment=config.Segment(punctuation="split")))
    }
    assert {"c++", "喜欢", "java"} <= tokens["ftcore"] and "!" not in tokens["ftcore"]
    assert tokens["whitespace"] == {"我喜欢C++!", "我不喜欢Java。", "</s>"}
    assert "!" in tokens["own"]
    segmented = FastTextClassifier(tokenizer="whitespace", **QUICK).fit(TEXTS, NAMES)
    assert segmented.score(OTHERS, OTHER_NAMES) > 0.95


# -------------------------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        ("one text", ["a"], {}, "X is one str.*\\[X\\] for one"),
        ([], [], {}, "no text"),
        (pd.DataFrame({"text": TEXTS, "id": 1}), NAMES, {}, r"shape \(120, 2\).*X\['text'\]"),
        (["a", None, "c"], ["x", "y", "x"], {}, "text 1 is None, a NoneType"),
        (["a", float("nan")], ["x", "y"], {}, "text 1 is nan, a float"),
        (["a", b"b"], ["x", "y"], {}, "text 1 is b'b', a bytes"),
        (TEXTS, NAMES[:-1], {}, "inconsistent numbers of samples"),
        (TEXTS, None, {}, "y to be passed"),
        (TEXTS, ["a"] * 120, {}, "y holds 1 class,"),
        (TEXTS, np.linspace(0, 1, 120), {}, "Unknown label type"),
        (TEXTS, NAMES, {"lr": -1}, "FastTextClassifier: lr=-1: .*greater than 0"),
        (TEXTS, NAMES, {"loss": "hinge"}, "FastTextClassifier: loss='hinge'"),
        (TEXTS, NAMES, {"minn": 4, "maxn": 2}, "minn 4 must not exceed maxn 2"),
        (TEXTS, NAMES, {"tokenizer": "bert"}, "tokenizer='bert'; choose 'auto'"),
        (TEXTS, NAMES, {"n_jobs": 0}, "n_jobs=0"),
        (TEXTS, NAMES, {"engine": "gpu"}, "engine 'gpu' is not known"),
        (TEXTS, NAMES, {"pretrained": 3}, "int is no model"),
        (TEXTS, NAMES, {"class_weight": "heavy"}, "heavy"),
        (TEXTS, NAMES, {"class_weight": {"tech": -1}}, "weights are numbers from 0 up"),
        (["", " "], ["a", "b"], {}, "no word is left"),
        (["a", "b"], ["a", "b"], {"min_count": 3}, "Empty vocabulary"),
    ],
)  # fmt: skip
def test_mistakes_are_named(X, y, options, message):
    with pytest.raises(ValueError, match=message):
        FastTextClassifier(**options).fit(X, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"shape \(2,\) for 120 texts"),
        ([-1] * 120, "sample_weight -1.0 of text 0"),
        ([0] * 120, "zero for all"),
    ],
)
def test_weights_that_are_none(weights, message):
    with pytest.raises(UserError, match=message):
        FastTextClassifier().fit(TEXTS, NAMES, sample_weight=weights)


def test_not_fitted():
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(FastTextClassifier(), method)(TEXTS)


def test_a_table_of_one_column_is_its_column():
    """What `ColumnTransformer` and `BaggingClassifier` hand on, as users of text vectorisers meet it."""
    texts = ["好看 a film", "boring b b", "nice 好看", "dull boring"] * 4
    labels = ["x", "y"] * 8
    frame = pd.DataFrame({"text": texts}, index=range(100, 116))
    options = {"dim": 5, "epoch": 20, "lr": 0.5, "bucket": 90, "random_state": 0}
    want = FastTextClassifier(**options).fit(texts, labels).predict_proba(texts)
    for X in (frame, frame[["text"]].to_numpy(), pa.table({"text": texts}), np.array(texts, object)[:, None]):
        model = FastTextClassifier(**options).fit(X, labels)
        np.testing.assert_array_equal(model.predict_proba(X), want)
    two = frame.assign(more=1)
    with pytest.raises(UserError, match=r"X has shape \(16, 2\)"):
        FastTextClassifier().fit(two, labels)
    bag = BaggingClassifier(FastTextClassifier(**options), n_estimators=3, random_state=0).fit(frame, labels)
    assert bag.score(frame, labels) == 1
    columns = ColumnTransformer(
        [("text", FastTextVectorizer(dim=5, epoch=1, bucket=90), ["text"])], remainder="passthrough"
    )
    assert columns.fit_transform(two).shape == (16, 6)


def test_parameters_that_do_nothing_are_warned_of():
    with pytest.warns(UserWarning, match="epoch has no effect: head linear has one optimum"):
        FastTextClassifier(head="linear", epoch=7).fit(TEXTS, NAMES)


def test_vectors_of_a_bin_serve_raw_chinese_as_those_of_a_vec_do(tmp_path):
    """Neither file knows how its words were cut."""
    lines = [" ".join(TOPICS[name] + FILLER) for name in TOPICS] * 5
    words = ftcore.train_unsupervised(lines, dim=4, minCount=1, minn=0, maxn=0, thread=1, verbose=0)
    words.save_model(str(tmp_path / "w.bin"))
    words.save_vectors(str(tmp_path / "w.vec"))
    raw = [text.replace(" ", "") for text in TEXTS]
    for file in ("w.bin", "w.vec"):
        model = FastTextClassifier(pretrained=str(tmp_path / file), head="linear").fit(raw, NAMES)
        assert model.model_.predict(["今天进球"])[0].labels == ["sport"], file
