"""The one recipe of training: its callers make the same bits, and documents, starts and engines come from outside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ftcore
from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import encode_bags, encode_tokens
from ftcore.dictionary.lines import Lines
from ftcore.ecosystem import FastTextClassifier
from ftcore.engines.choice import choose_engine, load_engine
from ftcore.errors import IncompatibleModel
from ftcore.training.documents import Documents, LabelledLines, Tokenized
from ftcore.training.recipe import Conditions, learn, prepare, train
from ftcore.training.start import AsItIs, Fresh, FromModel, FromVectors, Start, fresh_tables
from tests.trained import finetune

HOW = Conditions(choose_engine("cpu", "cpu"), seed=3)
OPTIONS = config.Finetune(dim=6, epoch=3, lr=0.5, batch_size=1, keep_best=False, word_ngrams=2, bucket=500)


def rows(n: int, seed: int) -> tuple[list[str], list[list[str]]]:
    draw = np.random.default_rng(seed)
    labels = [f"c{draw.integers(3)}" for _ in range(n)]
    lines = [" ".join([*(f"w{i}" for i in draw.integers(0, 40, 6)), f"t{name}"]) for name in labels]
    return lines, [[name] for name in labels]


LINES, LABELS = rows(120, 0)
MORE, MORE_LABELS = rows(60, 1)


def same(one, other) -> bool:
    """Whether words, labels and both tables are the same bits."""
    return (
        one.dictionary.words == other.dictionary.words
        and one.labels == other.labels
        and np.array_equal(one.input, other.input)
        and np.array_equal(one.output, other.output)
    )


def test_it_is_count_encode_start_and_train():
    """Step by step, as it is written down."""
    model, result = learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW)
    documents = Tokenized.of(LINES, LABELS)
    dictionary = Dictionary.build(zip(LABELS, LINES, strict=True), OPTIONS)
    bags = encode_bags(documents.batches(), dictionary, grow=True)
    tables = fresh_tables(dictionary, 6, "supervised", 3)
    assert not same(model, replace(model, input=tables.input.copy(), output=tables.output.copy()))
    expected = finetune(tables, dictionary, bags, None, OPTIONS, seed=3, engine=HOW.engine)
    assert same(model, replace(model, dictionary=dictionary, input=tables.input, output=tables.output))
    assert result.history == expected.history and len(result.history) == 3


def test_the_faces_make_the_same_bits():
    model, _ = learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW)
    estimator = FastTextClassifier(
        tokenizer="whitespace",
        dim=6,
        epoch=3,
        lr=0.5,
        word_ngrams=2,
        bucket=500,
        random_state=3,
        engine="cpu",
    ).fit(LINES, [name for [name] in LABELS])
    assert same(estimator.model_.to_model(), model)
    lines = [f"__label__{name} {line}" for line, [name] in zip(LINES, LABELS, strict=True)]
    given = {"dim": 6, "epoch": 3, "lr": 0.5, "wordNgrams": 2, "bucket": 500, "seed": 3}
    fasttext = ftcore.train_supervised(lines, thread=1, verbose=0, **given).classic
    read, _ = learn(LabelledLines(Lines(lines)), OPTIONS, HOW)
    assert same(fasttext, replace(read, args=fasttext.args))


def test_tensors_and_arrays_are_trained_alike():
    """The reference engine takes torch's tables, made over the same rows."""
    reference = replace(HOW, engine=choose_engine("reference", "cpu"))
    one, two = (learn(Tokenized.of(LINES, LABELS), OPTIONS, how)[0] for how in (HOW, reference))
    assert np.abs(one.input - two.input).max() < 1e-4 and np.abs(one.output).max() > 0.1


def test_halves_may_be_used_twice():
    documents, start = Tokenized.of(LINES, LABELS), Fresh()
    prepared = prepare(documents, OPTIONS, start, Tokenized.of(MORE, MORE_LABELS))
    first, result = train(prepared, OPTIONS, HOW, start)
    second, _ = train(prepared, OPTIONS, HOW, start)
    assert same(first, second) and "valid_macro_f1" in result.history[0]


def test_the_size_is_the_start_s_and_another_is_refused():
    vectors, _ = learn(Tokenized.of(LINES), config.Pretrain(dim=7, epoch=1, min_count=1, bucket=500), HOW)
    assert vectors.args.model == "skipgram" and vectors.input.shape[1] == 7 and not vectors.labels
    open_size = OPTIONS.model_copy(update={"dim": None})
    model, _ = learn(Tokenized.of(LINES, LABELS), open_size, HOW, start=FromModel(vectors))
    assert model.args.dim == 7
    with pytest.raises(IncompatibleModel, match=r"\(7\) does not match dimension \(6\)"):
        learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW, start=FromModel(vectors))
    assert learn(Tokenized.of(LINES, LABELS), open_size, HOW)[0].args.dim == 100


def test_from_a_model_ahead_keeps_numbers_behind_adds_words():
    first, _ = learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW)
    new = [["new"], *MORE_LABELS[1:]]
    texts = Tokenized.of(["never seen", *MORE[1:]], new)
    ahead, _ = learn(texts, OPTIONS, HOW, start=FromModel(first, "ahead"))
    words = first.dictionary.words
    assert ahead.dictionary.words[: len(words)] == words and b"never" in ahead.dictionary.words[len(words) :]
    assert ahead.labels == [*first.labels, "new"]
    behind, _ = learn(texts, OPTIONS, HOW, start=FromModel(first))
    assert set(behind.dictionary.words) == set(ahead.dictionary.words)
    assert behind.dictionary.words[: len(words)] != words and "new" in behind.labels


def test_own_tables_are_trained_in_place_where_nothing_is_new():
    model, result = learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW)
    own = result.tables
    again, second = learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW, start=FromModel(model, "ahead", own=own))
    assert second.tables is own and again.input is own.input
    _, third = learn(
        Tokenized.of(["never seen"], [["new"]]), OPTIONS, HOW, start=FromModel(again, "ahead", own=own)
    )
    assert third.tables is not own


def test_as_it_is_nothing_is_added():
    first, _ = learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW)
    before = first.input.copy()
    model, _ = learn(
        Tokenized.of(["never seen", *MORE], [["new"], *MORE_LABELS]), OPTIONS, HOW, start=AsItIs(first)
    )
    assert model.dictionary is first.dictionary and model.input.shape == first.input.shape
    assert np.array_equal(first.input, before) and not np.array_equal(model.input, before)


def test_vectors_stay_where_they_are_frozen():
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    frozen = OPTIONS.model_copy(update={"freeze": "words"})
    start = FromVectors([b"w1", b"alien"], rows)
    model, _ = learn(Tokenized.of(LINES, LABELS), frozen, HOW, start=start)
    assert np.array_equal(model.input[model.dictionary.word_ids([b"w1", b"alien"])], rows)


class Stranger(Documents):
    """Documents from elsewhere: words and labels of a table in memory."""

    def count(self, options):
        return Dictionary.build(zip(LABELS, LINES, strict=True), options)

    def bags(self, dictionary, grow):
        return encode_bags(Tokenized.of(LINES, LABELS).batches(), dictionary, grow=grow)

    def tokens(self, dictionary):
        return encode_tokens(Tokenized.of(LINES).batches(), dictionary)

    def weights(self, documents):
        return np.ones(documents)


class Zero(Start):
    """Every row the same."""

    def extend(self, dictionary, options):
        return dictionary

    def tables(self, dictionary, options, seed, threads=1):
        made = fresh_tables(dictionary, options.dim, "supervised", seed)
        made.input[:] = 0.5
        return made, None


class Counting:
    """An engine around another."""

    def __init__(self) -> None:
        self.inner, self.chunks = load_engine(HOW.engine), 0
        self.name, self.device, self.speed = "counting", self.inner.device, self.inner.speed

    def finetune_bags(self, *given):
        self.chunks += 1
        return self.inner.finetune_bags(*given)

    def pretrain_lines(self, *given):
        self.chunks += 1
        return self.inner.pretrain_lines(*given)


def test_documents_start_and_engine_from_outside():
    engine = Counting()
    heard: list[float] = []
    how = replace(HOW, engine=engine, listeners=[lambda progress: heard.append(progress.loss)], parts=4)
    model, result = learn(Stranger(), OPTIONS, how, start=Zero())
    assert result.engine == "counting" and engine.chunks == len(heard) >= 12
    assert len(np.unique(model.input[0])) == 1 and np.abs(model.input - 0.5).max() > 0.1, "they started alike"
    same_rows, _ = learn(Stranger(), OPTIONS, HOW)
    assert same(same_rows, learn(Tokenized.of(LINES, LABELS), OPTIONS, HOW)[0]), "weights of 1 change nothing"
    vectors, _ = learn(
        Stranger(), config.Pretrain(dim=4, epoch=1, min_count=1, bucket=500), replace(how, parts=1)
    )
    assert vectors.args.model == "skipgram"
