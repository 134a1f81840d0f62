"""A linear head that goes on: kept texts that stand for more, and what an earlier classifier says of a document."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

import ftcore
from ftcore.config import Finetune, load_config
from ftcore.ecosystem import FastTextClassifier
from ftcore.engines.choice import choose_engine
from ftcore.errors import IncompatibleModel, InvalidOptions, MissingLabels, UnreadableFile, UserError
from ftcore.inference.classifier import Classifier
from ftcore.model.model import Model
from ftcore.model.rules import Rules
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn, prepare
from ftcore.training.reservoir import Reservoir, judging, keep, replayed
from ftcore.training.ruled import Ruled
from ftcore.training.start import FromScores, has_linear_head
from tasks.earlier import KEPT, KEPT_VALID, kept_texts, with_earlier_here
from tests.ftcore.training.test_anchor import pairs

LINEAR = Finetune(head="linear", word_ngrams=2, strength=1.0, weighing="idf")
CONDITIONS = Conditions(choose_engine("cpu", "cpu"))


def documents(labels: str, count: int, seed: int = 0) -> Tokenized:
    some = pairs(labels, count, seed)
    return Tokenized.of([text for text, _ in some], [[label] for _, label in some])


def accuracy(model: Model, labels: str) -> float:
    check = pairs(labels, 200, 9)
    found = Classifier(model).predict([text for text, _ in check])
    return float(np.mean([f.labels == [y] for f, (_, y) in zip(found, check, strict=True)]))


def test_a_linear_head_goes_on_from_few_kept_texts():
    first, _ = learn(documents("ab", 400), LINEAR, CONDITIONS)
    kept = Reservoir(6)
    keep(kept, documents("ab", 400))
    new = documents("cd", 400, 1)
    alone, _ = learn(replayed(new, kept), LINEAR, CONDITIONS)
    model, _ = learn(replayed(new, kept, weighed=True), LINEAR, CONDITIONS, start=FromScores(first))
    assert model.labels[:2] == first.labels and set(model.labels) == set("abcd")
    assert accuracy(model, "cd") > 0.95
    assert accuracy(model, "ab") > max(0.95, accuracy(alone, "ab"))


@pytest.mark.parametrize("options", [LINEAR, Finetune(dim=8, lr=0.5, epoch=5, word_ngrams=2)])
def test_rows_of_an_earlier_model_are_its_scores(options):
    """Of either head: summed over a document's features, they are what it said of the document."""
    first, _ = learn(documents("ab", 200), options, CONDITIONS)
    start, new = FromScores(first), documents("ab", 50, 3)
    prepared = prepare(new, LINEAR, start)
    rows = start.pretrained_rows(prepared.dictionary, LINEAR.model_copy(update={"dim": 8}), 0)
    bags, lines = prepared.train, [text for text, _ in pairs("ab", 50, 3)]
    scores = np.concatenate([found for _, found in Classifier(first, fold=False).scores(lines)])
    ids, offsets = first.dictionary.features_of(lines)
    known = first.dictionary.to_rows(ids) >= 0
    for place in range(50):
        own = slice(offsets[place], offsets[place + 1])
        whole = rows[bags.ids[bags.offsets[place] : bags.offsets[place + 1]]].sum(axis=0)
        said = scores[place] * (len(ids[own]) if options.head == "linear" else known[own].sum())
        assert whole == pytest.approx(said, rel=1e-3, abs=1e-3)


def test_a_label_that_nothing_teaches_again_is_not_forgotten_in_silence():
    first, _ = learn(documents("ab", 100), LINEAR, CONDITIONS)
    with pytest.raises(MissingLabels, match=r"label 'b', which a linear head would forget.*finetune.replay"):
        learn(documents("ac", 100), LINEAR, CONDITIONS, start=FromScores(first))
    tree, _ = learn(documents("ab", 100), Finetune(dim=8, loss="hs"), CONDITIONS)
    with pytest.raises(IncompatibleModel, match="loss hs"):
        FromScores(tree)


def test_kept_texts_stand_for_those_they_were_drawn_from(tmp_path):
    kept = Reservoir(4)
    kept.add([(f"a{n}", "a") for n in range(10)] + [("b0", "b"), ("b1", "b")])
    told = dict(zip((text for text, _ in kept), kept.stands_for(), strict=True))
    assert sorted(told.values()) == [1, 1, 5, 5] and told["b0"] == 1
    kept.save(tmp_path / "kept")
    again = Reservoir.load(tmp_path / "kept")
    again.add([(f"b{n}", "b") for n in range(2, 8)])
    assert sorted(again.stands_for()) == [4, 4, 5, 5]
    new = Tokenized.of(["n"] * 6, [["c"]] * 6)
    weights = replayed(new, kept, weighed=True).weights(10)
    assert weights.mean() == pytest.approx(1) and weights[6:].sum() == pytest.approx(2 * weights[:6].sum())


@pytest.mark.parametrize("told", [True, False])
def test_files_of_before_are_read(tmp_path, told):
    """A line a text, not compressed; the oldest do not say how many were seen of each label."""
    kept = Reservoir(2, seed=3)
    kept.add([(f"a{n}", "a") for n in range(10)])
    about = {"capacity": 2, "seed": 3, "seen": 10} | (
        {"in_bytes": False, "seen_of": {"a": 10}} if told else {}
    )
    rows = [
        {"text": text, "label": label, "draw": draw, "place": place}
        for draw, place, (text, label) in kept._kept["a"]
    ]
    (tmp_path / "kept").write_text("".join(json.dumps(line) + "\n" for line in [about, *rows]))
    again = Reservoir.load(tmp_path / "kept")
    assert list(again) == list(kept) and again.stands_for() == ([5, 5] if told else [1, 1])
    again.add([("b", "b")])
    again.save(tmp_path / "now")
    assert list(Reservoir.load(tmp_path / "now")) == list(again)


def test_old_labels_judge_as_often_as_they_were_seen():
    kept = Reservoir(2)
    kept.add([(f"a{n}", "a") for n in range(30)] + [("b", "b")])
    lines = judging(Tokenized.of(["n"] * 6, [["c"]] * 6), kept).batches()
    labels = [label for batch in lines for (label,) in batch.column("labels").to_pylist()]
    assert [labels.count(name) for name in "abc"] == [30, 1, 6]


def test_labels_of_rules_go_on_weighing_what_was_said():
    """Documents that have weights of their own keep them beside kept ones."""
    guessed = Ruled(
        Tokenized.of(["new x", "new y", "old"], [["c"], [], []]), Rules.of({"c": ["y"]}), weight=0.5
    )
    kept = Reservoir(1)
    kept.add([("k0", "a"), ("k1", "a"), ("k2", "a")])
    assert replayed(guessed, kept).weights(4).tolist() == [1, 0.5, 1, 1]
    weighed = replayed(guessed, kept, weighed=True)
    assert weighed.weights(3) == pytest.approx(np.array([1, 0.5, 3]) / 1.5)
    assert weighed.judging(3).tolist() == [True, False, True]
    assert replayed(Tokenized.of(["x"], [["c"]]), kept).weights(2) is None


def some_texts(count: int) -> list[tuple[str, str]]:
    draw, words = np.random.default_rng(0), [f"w{n}" for n in range(5000)]
    return [(" ".join(draw.choice(words, 5 + n % 9)), "ab"[n % 2]) for n in range(count)]


def test_a_reservoir_of_bytes(tmp_path):
    kept = Reservoir.sized("4k", seed=1)
    many = some_texts(2000)
    for begin in range(0, 2000, 100):
        kept.add(many[begin : begin + 100])
    kept.add([("y", "c")])
    kept.save(tmp_path / "kept")
    assert 0.9 * 4000 < (tmp_path / "kept").stat().st_size <= 4000
    counts = [sum(label == name for _, label in kept) for name in "abc"]
    assert counts[2] == 1 and abs(counts[0] - counts[1]) <= 6
    again = Reservoir.load(tmp_path / "kept")
    assert again.in_bytes and list(again) == list(kept) and again.stands_for() == kept.stands_for()
    again.resize(3)
    assert len(again) == 3
    with pytest.raises(UserError, match="parse"):
        Reservoir.sized("much")


def test_a_text_takes_few_bytes_and_several_labels_come_back(tmp_path):
    pairs = some_texts(3000) + [("both 你好", ["a", "c"]), ("line\nend", ["c"]), ("number", 7)]
    kept = Reservoir(5000)
    kept.add(pairs)
    kept.save(tmp_path / "kept")
    assert list(Reservoir.load(tmp_path / "kept")) == pairs
    assert (tmp_path / "kept").stat().st_size < 0.5 * sum(len(text) for text, _ in pairs)
    (tmp_path / "cut").write_bytes((tmp_path / "kept").read_bytes()[:3000])
    with pytest.raises(UnreadableFile, match="cut: ends in the middle"):
        Reservoir.load(tmp_path / "cut")


def test_options():
    assert Finetune(replay="20M").replay == "20M" and Finetune(replay=3000).replay == 3000
    for wrong in ({"replay": "20X"}, {"replay": -1}, {"head": "auto", "earlier": "x"}):
        with pytest.raises((InvalidOptions, ValueError)):
            Finetune(**wrong)


def test_an_address_becomes_a_folder_and_the_valid_split_has_a_tenth_of_the_room(tmp_path):
    config = load_config(
        overrides=["pretrain.enabled=false", "finetune.earlier=models:/x@champion", "finetune.replay=50"]
    )
    asked = []
    tracker = SimpleNamespace(download=lambda uri: asked.append(uri) or (tmp_path / "model", "models:/x/3"))
    here = with_earlier_here(SimpleNamespace(config=config, tracker=tracker))
    assert here.finetune.earlier == str(tmp_path / "model") and asked == ["models:/x@champion"]
    assert kept_texts(here, KEPT_VALID).capacity == 5
    kept = Reservoir(9)
    kept.add([("text", "a")])
    kept.save(tmp_path / KEPT)
    assert list(kept_texts(here)) == [("text", "a")] and kept_texts(here).capacity == 50
    (tmp_path / KEPT).rename(tmp_path / "kept.jsonl")  # as it was called before
    assert list(kept_texts(here)) == [("text", "a")]


def test_every_face_goes_on_with_a_linear_head(tmp_path):
    """Beside the counts of new texts of all labels stands what the earlier model says, whoever asks."""
    texts, names = map(list, zip(*pairs("ab", 100), strict=True))
    more, others = map(list, zip(*pairs("ab", 10, 3), strict=True))
    lines = [f"__label__{name} {text}" for text, name in zip(texts, names, strict=True)]
    first = ftcore.train_supervised(lines, head="linear", verbose=0, thread=1)
    first.save_model(str(tmp_path / "m.bin"))
    few = [f"__label__{name} {text}" for text, name in zip(more, others, strict=True)]
    alone = ftcore.train_supervised(few, head="linear", verbose=0, thread=1)
    model = ftcore.train_supervised(
        few, head="linear", init_model=str(tmp_path / "m.bin"), verbose=0, thread=1
    )
    check = pairs("ab", 200, 9)

    def right(predict) -> float:
        return float(np.mean([predict(text) == name for text, name in check]))

    assert right(lambda text: model.predict(text)[0][0][9:]) >= max(
        0.95, right(lambda text: alone.predict(text)[0][0][9:])
    )
    learner = FastTextClassifier(head="linear", tokenizer="whitespace", warm_start=True).fit(texts, names)
    assert learner.fit(more, others).score([text for text, _ in check], [name for _, name in check]) > 0.95
    face = learner.model_
    face.fit(list(zip(more, others, strict=True)), head="linear")
    assert right(lambda text: face.predict([text])[0].labels[0]) > 0.95
    with pytest.raises(MissingLabels, match="earlier model's label 'a', which a linear head would forget"):
        FastTextClassifier.fit(learner, ["x y", "z y"], ["b", "c"])


def test_no_training_by_steps_begins_with_the_rows_of_a_linear_head(tmp_path):
    texts, names = map(list, zip(*pairs("ab", 100), strict=True))
    lines = [f"__label__{name} {text}" for text, name in zip(texts, names, strict=True)]
    model = ftcore.train_supervised(lines, head="linear", verbose=0, thread=1)
    model.save_model(str(tmp_path / "m.bin"))
    path = str(tmp_path / "m.bin")
    for given in ({"init_model": path}, {"pretrainedVectors": path, "dim": 2}):
        with pytest.raises(IncompatibleModel, match="has a linear head: its rows are scores"):
            ftcore.train_supervised(lines, verbose=0, **given)
    learner = FastTextClassifier(head="linear", tokenizer="whitespace").fit(texts, names)
    with pytest.raises(IncompatibleModel, match="has a linear head"):
        learner.model_.fit(list(zip(texts, names, strict=True)))
    with pytest.raises(InvalidOptions, match="retrain: this model has a linear head"):
        model.quantize(input=lines, cutoff=100, retrain=True)
    steps = ftcore.train_supervised(lines, dim=2, lr=0.5, verbose=0, thread=1)
    assert has_linear_head(model.classic) and not has_linear_head(steps.classic)
