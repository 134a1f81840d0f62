"""Explanations against the model's own vectors: the parts are the features, and their sum is the score."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftcore
from ftcore import FastText
from ftcore.cli import main
from ftcore.commands.trust import described
from ftcore.errors import UserError
from ftcore.inference.classifier import Classifier
from ftcore.model.abstention import Abstention
from ftcore.model.huffman import leaf_paths
from ftcore.trust.explanation import END, explain
from ftcore.trust.places import places

WORDS = [
    "good",
    "fine",
    "dull",
    "poor",
    "film",
    "plot",
    "好看",
    "无聊",
    "电影",
    "剧情",
    "naïve",
    "<x>",
    "don't",
    "ﬁ",
]
SHAPES = {
    "words": {},
    "word n-grams": {"wordNgrams": 3, "bucket": 50},
    "characters": {"minn": 1, "maxn": 3, "bucket": 300},
    "both": {"minn": 2, "maxn": 4, "wordNgrams": 2, "bucket": 300},
}


def lines(seed: int = 0, count: int = 200) -> list[str]:
    rng = random.Random(seed)
    return [f"__label__{'ab中'[n % 3]} " + " ".join(rng.choices(WORDS, k=5)) for n in range(count)]


@pytest.fixture(scope="module")
def models() -> dict[str, ftcore.compat.model._FastText]:
    """One model of every loss and shape, trained long enough that no part is nothing."""
    made = {}
    for loss in ("softmax", "ova", "ns", "hs"):
        for name, shape in SHAPES.items():
            made[f"{loss}, {name}"] = ftcore.train_supervised(
                lines(), loss=loss, lr=1.0, epoch=5, dim=6, thread=1, verbose=0, **shape
            )
    return made


def logit(model, text: str, label: str) -> float:
    """The score by the original's methods alone."""
    row = model.get_output_matrix()[model.get_labels().index(label)]
    return float(model.get_sentence_vector(text).astype(np.float64) @ row)


@pytest.mark.parametrize("loss", ["softmax", "ova", "ns"])
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(words=st.lists(st.sampled_from([*WORDS, "unseen", "生词", "__label__b", "__label__q"]), max_size=8))
def test_parts_sum_to_the_score(models, loss, shape, words):
    model, text = models[f"{loss}, {shape}"], " ".join(words)
    for label in model.get_labels():
        found = model.explain(text, label)
        assert sum(part.value for part in found.parts) == pytest.approx(found.score, abs=1e-5)
        assert found.score == pytest.approx(logit(model, text, label), abs=1e-5)
        assert sum(found.words) + found.rest == pytest.approx(found.score, abs=1e-5)
        assert "".join(mark.text for mark in found.marks()) == text
    a, b = model.get_labels()[:2]
    found = model.explain(text, a, against=b)
    assert sum(p.value for p in found.parts) == pytest.approx(
        logit(model, text, a) - logit(model, text, b), abs=1e-5
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", ["good 好看 生词 film don't", "dull dull", ""])
def test_parts_along_a_tree_sum_to_the_logarithm_of_the_probability(models, shape, text):
    model = models[f"hs, {shape}"]
    told = dict(zip(*model.predict(text, k=-1), strict=True))
    branches = {}
    for label in model.get_labels():
        found = model.explain(text, label)
        assert sum(part.value for part in found.parts) == pytest.approx(found.score, abs=1e-5)
        assert found.probability == pytest.approx(told[label], abs=2e-5)
        branches[label] = (found.score - np.log(found.probability)) / np.log(
            2
        )  # without any text each has one half
    assert sorted(branches.values()) == pytest.approx([1, 2, 2], abs=1e-4)
    a, b = model.get_labels()[:2]
    rather = model.explain(text, a, against=b)
    assert rather.score == pytest.approx(
        model.explain(text, a).score - model.explain(text, b).score, abs=1e-6
    )


def test_parts_along_a_tree_are_integrated_gradients(models):
    """By small steps from no text to the whole one."""
    model, text = models["hs, words"], "good 好看 film dull"
    dictionary = model.classic.dictionary
    found = model.explain(text, model.get_labels()[2])
    paths, sides, *_ = leaf_paths(dictionary.label_counts)
    rows = model.get_output_matrix()[paths[2]].astype(np.float64)
    hidden = np.stack([model.get_input_vector(i) for i in dictionary.features(text)]).astype(np.float64)
    steps = (np.arange(2000) + 0.5) / 2000
    slopes = sides[2] / (1 + np.exp(sides[2] * np.outer(steps, rows @ hidden.mean(axis=0))))  # [steps, nodes]
    expected = hidden @ rows.T @ slopes.mean(axis=0) / len(hidden)
    assert [part.value for part in found.parts] == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_part_is_the_row_of_its_name(models, shape):
    model, text = models[f"softmax, {shape}"], "good 好看 生词 film don't"
    found = model.explain(text)
    row = model.get_output_matrix()[model.get_labels().index(found.label)]
    checked = 0
    for part in found.parts:
        if part.kind == "words":
            continue  # a sum of hashes has no method of the original's
        word = "</s>" if part.name == END else part.name
        number = model.get_word_id(word) if part.kind != "characters" else model.get_subword_id(part.name)
        value = model.get_input_vector(number) @ row / len(found.parts)
        assert part.value == pytest.approx(float(value), abs=1e-6), part
        checked += 1
    assert checked >= 4 and found.label == model.predict(text)[0][0]


def test_a_linear_head_is_explained_as_exactly():
    model = ftcore.train_supervised(lines(), head="linear", minn=2, maxn=4, wordNgrams=2, verbose=0)
    for text in ("good 好看 film", "unseen 生词 dull dull", ""):
        for label in model.get_labels():
            found = model.explain(text, label)
            assert sum(part.value for part in found.parts) == pytest.approx(found.score, abs=1e-5)
            assert found.score == pytest.approx(logit(model, text, label), abs=1e-5)


def test_word_ngrams_stand_over_their_words(models):
    found = models["softmax, word n-grams"].explain("good dull film")
    named = {part.name: part.tokens for part in found.parts if part.kind == "words"}
    assert named == {
        "good dull": (0, 2), "good dull film": (0, 3), "dull film": (1, 3), f"dull film {END}": (1, 3),
        f"film {END}": (2, 3),
    }  # fmt: skip


@pytest.mark.parametrize("cutoff", [0, 260])
def test_a_quantised_model_is_explained_as_exactly(models, tmp_path, cutoff):
    model = ftcore.train_supervised(
        lines(), lr=1.0, epoch=5, dim=6, thread=1, verbose=0, minn=1, maxn=3, wordNgrams=2, bucket=400
    )
    model.quantize(cutoff=cutoff)
    for text in ("good 好看 film", "unseen 生词 <x>"):
        for label in model.get_labels():
            found = model.explain(text, label)
            row = model.classic.output[model.get_labels().index(label)]
            score = float(model.get_sentence_vector(text).astype(np.float64) @ row)
            assert sum(part.value for part in found.parts) == pytest.approx(score, abs=1e-5)
            assert abs(score) > 1e-3


def test_raw_text_in_both_languages():
    texts = ["A <b>Fine</b> film, ＧＯＯＤ!", "這部電影真好看。", "dull plot", "剧情太无聊了"] * 5
    model = ftcore.FastText.from_texts(texts, ["yes", "yes", "no", "no"] * 5, dim=4, minn=1, maxn=2)
    model.fit(list(zip(texts, ["yes", "yes", "no", "no"] * 5, strict=True)), epochs=5, lr=0.5)
    for text in texts[:4]:
        found = model.explain(text)
        assert sum(part.value for part in found.parts) == pytest.approx(found.score, abs=1e-5)
        assert found.label == model.predict(text)[0].labels[0] and None not in found.places
        assert found.probability == pytest.approx(model.predict(text)[0].probabilities[0])
        assert "".join(mark.text for mark in found.marks()) == text
    marks = [mark.text for mark in model.explain(texts[0]).marks() if mark.value]
    assert marks == ["A", "Fine", "film", "ＧＯＯＤ"]


def test_what_cannot_be_explained_is_refused(models):
    with pytest.raises(UserError, match="no such label; it knows"):
        models["softmax, words"].explain("good", "nonsense")
    assert models["softmax, words"].explain("unseen").strongest(1)[0].kind == "end"


def test_places_skip_what_is_not_there():
    assert places("ab ab cd", ["ab", "zz", "ab", "cd"]) == [(0, 2), None, (3, 5), (6, 8)]
    assert places("", ["a"]) == [None]


def test_the_command_prints_json_and_a_page(models, tmp_path, capsys):
    path = str(tmp_path / "m.bin")
    models["softmax, both"].save_model(path)
    assert main(["explain", path, "good 好看", "--json", "--label", "a"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["label"] == "a" and sum(part["value"] for part in told["parts"]) == pytest.approx(
        told["score"], abs=1e-5
    )
    assert main(["explain", path, "good 好看"]) == 0
    assert "the end of line" in capsys.readouterr().out
    assert main(["explain", path, "<script>good 好看", "--html", str(tmp_path / "why.html")]) == 0
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert "好看</span>" in page and "<script>" not in page and "&lt;script&gt;good" in page
    assert main(["explain", path, "good", "--label", "zzz"]) == 1
    assert "no such label" in capsys.readouterr().err


def test_explain_takes_the_tokens_it_is_given(models):
    classifier = Classifier(models["softmax, words"].classic)
    assert explain(classifier, "好看", tokens="好看 good").tokens == ["好看", "good"]


def test_it_says_why_the_model_gives_no_answer():
    pairs = [("good film", "yes"), ("dull film", "no")] * 5
    model = FastText.from_texts(*zip(*pairs, strict=True), dim=4)
    model.fit(pairs, epochs=30, lr=0.5)
    assert model.explain("good").silent == ""
    unknown = model.explain("unseen")
    assert "no word" in unknown.silent and not model.predict(["unseen"])[0].labels
    assert unknown.state()["silent"] == unknown.silent
    model.abstention = Abstention("probability", 0.9999999, 0.5, 0.5)
    unsure = model.explain("good film dull")
    assert "not certain" in unsure.silent and not model.predict(["good film dull"])[0].labels
    assert f"no answer is given: {unsure.silent}" in described(unsure, 1, colours=False)
