"""`FastTextVectorizer`: the vectors are the model's, and scikit-learn's tools take them."""

import joblib
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ftcore
from ftcore.ecosystem import FastTextVectorizer
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from tests.reference.peer import run_peer

TEXTS = [
    "今天 的 面条 味道 很好", "butter soup with bread", "手机 的 屏幕 和 芯片", "phone battery and screen",
    "酱油 和 面条", "soup and butter", "芯片 软件", "screen code phone",
] * 12  # fmt: skip
KINDS = [0, 0, 1, 1, 0, 0, 1, 1] * 12
QUICK = {"dim": 16, "minn": 1, "maxn": 3, "bucket": 5000, "lr": 0.1, "epoch": 10, "random_state": 0}


@pytest.fixture(scope="module")
def vectorizer() -> FastTextVectorizer:
    return FastTextVectorizer(**QUICK).fit(TEXTS)


def test_vectors_are_means_of_unit_word_vectors(vectorizer):
    found = vectorizer.transform(["面条 unseen 面条", "", "！"])
    assert found.dtype == np.float32 and found.shape == (3, 16)
    words = [vectorizer.model_.word_vector(word) for word in ("面条", "unseen", "面条")]
    mean = np.mean([word / np.linalg.norm(word) for word in words], axis=0)
    np.testing.assert_allclose(found[0], mean, atol=1e-6)
    assert not found[1:].any()


def test_a_text_stands_for_itself_whatever_comes_with_it(vectorizer):
    texts = [*TEXTS, "unseen"] * 25  # more than a batch
    together = vectorizer.transform(texts)
    assert np.array_equal(together, np.concatenate([vectorizer.transform([text]) for text in texts]))
    threaded = FastTextVectorizer(pretrained=vectorizer.model_, n_jobs=2).fit(TEXTS)
    assert np.array_equal(together, threaded.transform(texts))


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_the_original_gives_the_same_vectors(tmp_path, model):
    """Of a model of its own; one of ours is the same as its `.bin`."""
    (tmp_path / "lines").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    texts = ["面条 unseen 面条", "soup 的", "从未见过"]
    script = """
m = fasttext.train_unsupervised(str(given["lines"]), str(given["model"]), dim=6, minn=1, maxn=3, bucket=200, minCount=1,
    thread=12, verbose=0)
m.save_model(str(given["into"]) + "/m.bin")
out["v"] = [m.get_sentence_vector(str(t)) for t in given["texts"]]
"""
    theirs = run_peer(script, tmp_path, lines=tmp_path / "lines", model=model, texts=texts)["v"]
    opened = FastTextVectorizer(pretrained=tmp_path / "m.bin").fit(texts)
    np.testing.assert_allclose(opened.transform(texts), theirs, atol=1e-6)
    ours = FastTextVectorizer(**QUICK, model=model, tokenizer="whitespace").fit(TEXTS)
    ours.model_.save(tmp_path / "m")
    ftcore.load_model(tmp_path / "m").save_model(str(tmp_path / "ours.bin"))
    opened = FastTextVectorizer(pretrained=tmp_path / "ours.bin").fit(texts)
    np.testing.assert_allclose(opened.transform(texts), ours.transform(texts), atol=1e-6)


def test_names_frames_and_pipelines(vectorizer):
    pd = pytest.importorskip("pandas")
    names = vectorizer.get_feature_names_out()
    assert names.tolist() == [f"fasttextvectorizer{i}" for i in range(16)]
    frame = FastTextVectorizer(**QUICK).set_output(transform="pandas").fit_transform(TEXTS)
    assert frame.columns.tolist() == names.tolist() and frame.dtypes.unique().tolist() == [np.float32]
    data = pd.DataFrame({"text": TEXTS, "length": [len(text) for text in TEXTS]})
    columns = ColumnTransformer(
        [("v", FastTextVectorizer(**QUICK), "text"), ("n", StandardScaler(), ["length"])]
    )
    pipe = make_pipeline(columns, LogisticRegression()).fit(data, KINDS)
    assert pipe.score(data, KINDS) > 0.95
    assert columns.fit(data).get_feature_names_out().tolist() == [f"v__{name}" for name in names] + [
        "n__length"
    ]


def test_pretrained_models_keep_their_tokenizer(tmp_path, vectorizer):
    vectorizer.model_.save(tmp_path / "m")
    api = ftcore.load_model(tmp_path / "m")
    text = ["我喜欢面条！Butter"]
    own = vectorizer.transform(text)
    for pretrained in (vectorizer.model_, tmp_path / "m"):
        assert np.array_equal(FastTextVectorizer(pretrained=pretrained).fit(text).transform(text), own)
    plain = FastTextVectorizer(pretrained=api).fit(text)
    np.testing.assert_allclose(plain.transform(text)[0], api.get_sentence_vector(text[0]), atol=1e-6)
    assert not np.allclose(plain.transform(text), own)
    assert np.array_equal(
        FastTextVectorizer(pretrained=api, tokenizer="ftcore").fit(text).transform(text), own
    )


def test_a_classifier_gives_the_mean_of_features():
    source = FastText.from_texts(TEXTS, [str(k) for k in KINDS], dim=8, word_ngrams=2)
    source.fit(list(zip(TEXTS, map(str, KINDS), strict=True)))
    found = FastTextVectorizer(pretrained=source).fit(TEXTS).transform(TEXTS[:5])
    np.testing.assert_allclose(found, source.tables.hidden(*source.encode(TEXTS[:5])).detach(), atol=1e-6)


@pytest.mark.parametrize("kind", ["trained", "path", "api"])
def test_shipping(tmp_path, vectorizer, kind):
    vectorizer.model_.save(tmp_path / "m")
    pretrained = {"trained": None, "path": tmp_path / "m", "api": ftcore.load_model(tmp_path / "m")}[kind]
    model = vectorizer if kind == "trained" else FastTextVectorizer(pretrained=pretrained).fit(TEXTS)
    joblib.dump(model, tmp_path / "v")
    back = joblib.load(tmp_path / "v")
    assert np.array_equal(back.transform(TEXTS), model.transform(TEXTS))
    assert back.get_feature_names_out().tolist() == model.get_feature_names_out().tolist()


def test_random_state():
    one, two, other = (
        FastTextVectorizer(**{**QUICK, "random_state": s}).fit_transform(TEXTS) for s in (4, 4, 5)
    )
    assert np.array_equal(one, two) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"model": "glove"}, TEXTS, "FastTextVectorizer: model='glove'"),
        ({"dim": 0}, TEXTS, "FastTextVectorizer: dim=0"),
        ({"min_count": 1000}, TEXTS, "Empty vocabulary"),
        ({}, "one text", "X is one str"),
        ({"pretrained": "/nowhere"}, TEXTS, "/nowhere"),
    ],
)
def test_mistakes_are_named(options, X, message):
    with pytest.raises(ValueError, match=message):
        FastTextVectorizer(**options).fit(X)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        FastTextVectorizer().transform(TEXTS)
    with pytest.raises(UserError, match="text 0 is 3"):
        FastTextVectorizer(**QUICK).fit(TEXTS).transform([3])
