"""A lexicon: words that count as documents of their label, for either head, in the API and in the pipeline's options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ftcore
from ftcore import config
from ftcore.engines.choice import choose_engine
from ftcore.errors import InvalidOptions, MissingLabels, UserError
from ftcore.formats.vec import write_vec
from ftcore.training import recipe
from ftcore.training.documents import Tokenized
from ftcore.training.lexicon import Lexicon, WithLexicon, read_lexicon
from ftcore.training.start import Fresh

ROOT = Path(__file__).resolve().parents[3]
HOW = recipe.Conditions(choose_engine("cpu", "cpu"))
LINES = ["__label__good fine film", "__label__bad dull film"] * 5
WORDS = {"good": ["great", "superb"], "bad": ["awful", "dire plot"]}


@pytest.mark.parametrize("head", [{"head": "linear"}, {"lr": 0.5, "epoch": 50, "thread": 1}])
def test_words_that_no_document_has_say_their_label(head: dict):
    model = ftcore.train_supervised(LINES, lexicon=WORDS, verbose=0, **head)
    said = [labels[0] for labels in model.predict(["great", "superb", "awful", "dire plot", "film fine"])[0]]
    assert said == [f"__label__{name}" for name in ("good", "good", "bad", "bad", "good")]
    assert "great" not in ftcore.train_supervised(LINES, verbose=0, **head).words


def test_documents_keep_their_n_grams_beside_phrases():
    """Rows of n-grams are in the order of their buckets: those of a phrase move the rows of the documents'."""
    texts = Tokenized.of(
        [f"w{n} v{n % 7} u{n % 5}" for n in range(50)],
        [["good", "bad"][n % 2 : n % 2 + 1] for n in range(50)],
    )
    options = config.Finetune(word_ngrams=2, minn=2, maxn=3, bucket=1000)

    def features(**more: object) -> list[bytes | int]:
        prepared = recipe.prepare(texts, options.model_copy(update=more))
        own, ids = prepared.dictionary, prepared.train.ids[: prepared.train.offsets[50]]
        return [own.words[i] if i < own.nwords else int(own.buckets[i - own.nwords]) for i in ids]

    assert features(lexicon={"good": ["w1 v3", "splendid"], "bad": ["w2 u0 v1"]}) == features()


def test_it_is_training_on_as_many_more_documents():
    both = [f"{label} {word}" for label, own in WORDS.items() for word in own]
    lines = LINES + [f"__label__{line}" for line in both]
    weights = [1.0] * len(LINES) + [0.5] * len(both)
    how = {"lr": 0.5, "epoch": 20, "thread": 1, "verbose": 0}
    a = ftcore.train_supervised(LINES, lexicon=WORDS, lexicon_weight=0.5, **how)
    b = ftcore.train_supervised(lines, sample_weights=weights, **how)
    asked = ["fine great film", "awful film", "dire plot"]
    assert np.allclose(
        _shares(a, asked), _shares(b, asked), atol=0.02
    )  # words' rows are drawn by their places


def _shares(model: ftcore.FastText, asked: list[str]) -> np.ndarray:
    labels, shares = model.predict(asked, k=2)
    return np.array(
        [dict(zip(*one, strict=True))["__label__good"] for one in zip(labels, shares, strict=True)]
    )


def test_what_it_says_spreads_through_vectors(tmp_path: Path):
    draw = np.random.default_rng(0)
    meaning = np.repeat([1.0, -1.0], 50)
    vectors = draw.normal(size=(100, 10)).astype(np.float32) * 0.3
    vectors[:, 0] += meaning
    write_vec(tmp_path / "v.vec", [f"w{i}".encode() for i in range(100)], vectors)
    lexicon = {"good": [f"w{i}" for i in range(10)], "bad": [f"w{i}" for i in range(50, 60)]}
    model = ftcore.train_supervised(
        ["__label__good film", "__label__bad film"], head="linear", pretrainedVectors=tmp_path / "v.vec",
        lexicon=lexicon, verbose=0,
    )  # fmt: skip
    others = [i for i in range(100) if i % 50 >= 10]
    said = [labels[0] for labels in model.predict([f"w{i}" for i in others])[0]]
    right = ["__label__good" if meaning[i] > 0 else "__label__bad" for i in others]
    assert np.mean([a == b for a, b in zip(said, right, strict=True)]) > 0.95


def test_only_documents_judge_and_set_the_shares():
    documents = Tokenized.of(["fine film", "dull film"], [["good"], ["bad"]])
    options = config.Finetune(head="linear", lexicon=WORDS, lexicon_weight=2)
    prepared = recipe.prepare(documents, options, Fresh())
    assert prepared.judging.tolist() == [True] * 2 + [False] * 4
    assert prepared.weights.tolist() == [1.0] * 2 + [2.0] * 4
    names = [prepared.dictionary.labels[i] for i in prepared.train.targets.tolist()]
    assert names == ["good", "bad", "good", "good", "bad", "bad"]


@pytest.mark.parametrize("rounds", [0, 2])
def test_with_self_training_and_noise(rounds: int):
    lines = ["fine film", "dull film", "superb film", "awful film", "awful plot"]
    documents = Tokenized.of(lines, [["good"], ["bad"], [], [], []])
    documents.tokenizer = ftcore.Tokenizer()
    options = config.Finetune(head="linear", lexicon=WORDS, self_training=rounds, noise=0.1)
    model, _ = recipe.learn(documents, options, HOW)
    rows = model.input[model.dictionary.word_ids([b"superb", b"awful"])] @ model.output.T
    assert rows.argmax(axis=1).tolist() == [model.labels.index("good"), model.labels.index("bad")]


def test_files_and_the_words_that_are_shipped(tmp_path: Path):
    (tmp_path / "words.tsv").write_text("# words\ngreat\tgood\ndire plot\tbad\n\n", encoding="utf-8")
    assert read_lexicon(tmp_path / "words.tsv") == {"good": ["great"], "bad": ["dire plot"]}
    (tmp_path / "words.yaml").write_text("good: [great]\nbad: [dire plot]\n", encoding="utf-8")
    assert read_lexicon(tmp_path / "words.yaml") == read_lexicon(tmp_path / "words.tsv")
    model = ftcore.train_supervised(LINES, head="linear", lexicon=tmp_path / "words.tsv", verbose=0)
    assert model.predict("great")[0] == ("__label__good",)
    shipped = read_lexicon(ROOT / "examples" / "sentiment_words.tsv")
    assert {label: len(words) for label, words in shipped.items()} == {"positive": 100, "negative": 100}


def test_words_are_cut_as_the_text_is():
    lexicon = Lexicon.of({"好": ["非常好看", "Great!"]}, ftcore.Tokenizer())
    assert lexicon.words == ["非常 好看", "great"] and lexicon.labels == ["好", "好"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"good": ["great"], "bad": ["great"]}, "lexicon: 'great' is a word of '__label__good' and of '__label__bad'"),
        ({"good": "great"}, "lexicon: label 'good' has 'great'; give a list of words"),
        ({"god": ["great"]}, "no document has the label '__label__god'"),
        ("missing.tsv", "missing.tsv: cannot be read as UTF-8 text"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said(given: dict | str, error: str):
    with pytest.raises(UserError, match=error):
        ftcore.train_supervised(LINES, lexicon=given, verbose=0)


def test_a_line_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "w.txt").write_text("great\tgood\nawful bad\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"w\.txt:2: 'awful bad' is no word<TAB>label"):
        read_lexicon(tmp_path / "w.txt")


def test_kinds_of_errors():
    documents = WithLexicon(Tokenized.of(["a"], [["x"]]), Lexicon(["b"], ["y"]), 1.0)
    with pytest.raises(MissingLabels):
        documents.bags(documents.count(config.Finetune()), grow=True)
    with pytest.raises(InvalidOptions):
        Lexicon.of({"a": ["x"], "b": ["x"]})


def test_the_pipeline_knows_when_its_file_changes(tmp_path: Path):
    from tasks.vectors import given_files

    file = tmp_path / "w.tsv"
    named = config.load_config(overrides=[f"finetune.lexicon={file}"])
    with pytest.raises(UserError, match=r"finetune\.lexicon: there is no file"):
        given_files(named)
    file.write_text("great\tgood\n")
    before = given_files(named)
    file.write_text("great\tbad\n")
    assert before.keys() == {"lexicon"} and given_files(named) != before
