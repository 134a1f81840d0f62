"""Any of our models, by itself or by its path; and what is said where a library is missing."""

import subprocess
import sys

import numpy as np
import pytest

import ftcore
from ftcore import ecosystem
from ftcore.ecosystem import models
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.text.tokenizer import Tokenizer, Whitespace

TEXTS = ["我喜欢这部电影！", "A boring film."] * 4


@pytest.fixture(scope="module")
def ours() -> FastText:
    model = FastText.from_texts(TEXTS, ["pos", "neg"] * 4, dim=6, minn=1, maxn=2, bucket=300)
    model.fit(list(zip(TEXTS, ["pos", "neg"] * 4, strict=True)), epochs=2)
    return model


def test_every_way_to_name_a_model(ours, tmp_path):
    ours.save(tmp_path / "m")
    api = ftcore.load_model(tmp_path / "m")
    api.save_model(str(tmp_path / "m.bin"))
    line = ours.tokenizer.tokenize(TEXTS[:1])
    for model in (ours, tmp_path / "m", str(tmp_path / "m")):
        plain = models.model_of(model)
        assert isinstance(plain.tokenizer, Tokenizer) and plain.dictionary.labels == ours.dictionary.labels
        assert np.array_equal(models.features(plain, TEXTS[:1])[0], ours.dictionary.features_of(line)[0])
    for model in (api, api.classic, tmp_path / "m.bin", str(tmp_path / "m.bin")):
        plain = models.model_of(model)
        assert isinstance(plain.tokenizer, Whitespace)
        assert np.array_equal(models.features(plain, line)[0], ours.dictionary.features_of(line)[0])
        assert FastText.from_model(plain).labels == ours.labels


def test_a_label_in_a_text_is_none_of_its_features(ours, tmp_path):
    """As in fastText; a model of ours has no labels in its texts."""
    ours.save(tmp_path / "m")
    texts = ["boring film", "__label__pos boring __label__pos film"]
    for model, equal in ((ftcore.load_model(tmp_path / "m"), True), (ours, False)):
        ids, cuts = models.features(models.model_of(model), texts)
        assert np.array_equal(ids[: cuts[1]], ids[cuts[1] :]) == equal


@pytest.mark.parametrize("model", [3, None, {}, np.zeros((2, 2))])
def test_what_is_no_model(model):
    with pytest.raises(UserError, match=f"{type(model).__name__} is no model; give an ftcore.FastText"):
        models.model_of(model)


@pytest.mark.parametrize(
    ("missing", "call", "message"),
    [
        ("sklearn", lambda model: ecosystem.FastTextClassifier, 'scikit-learn is not.*"ftcore\\[sklearn]"'),
        ("gensim", ecosystem.to_keyed_vectors, 'gensim is not installed.*"ftcore\\[gensim]"'),
        ("spacy", lambda model: ecosystem.to_spacy_vectors(model, None), '"ftcore\\[spacy]"'),
        ("onnx", ecosystem.to_onnx, '"ftcore\\[onnx]"'),
    ],
)
def test_a_missing_library_says_how_to_get_it(monkeypatch, ours, missing, call, message):
    for name in [missing, *(name for name in sys.modules if name.startswith(f"{missing}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "ftcore.ecosystem.classifier", raising=False)
    with pytest.raises(UserError, match=message):
        call(ours)


def test_the_room_costs_nothing_until_it_is_used():
    code = "import sys, ftcore.ecosystem; print({'sklearn', 'torch', 'onnx', 'gensim', 'spacy'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )
    with pytest.raises(AttributeError, match="no attribute 'to_word2vec'"):
        ecosystem.to_word2vec  # noqa: B018
