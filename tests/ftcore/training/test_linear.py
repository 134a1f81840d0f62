"""The linear head: scikit-learn's machine on the same features, folded into a fastText model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.svm import LinearSVC

import ftcore
from ftcore import config
from ftcore.ecosystem import FastTextClassifier
from ftcore.engines.choice import choose_engine
from ftcore.errors import InvalidOptions, MissingLabels
from ftcore.formats.binary import read_binary, write_binary
from ftcore.formats.vec import write_vec
from ftcore.inference.predict import Predictor
from ftcore.training import linear, machines
from ftcore.training.buckets import DEFAULT, ROOM, as_needed, within_size
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import Conditions, learn, prepare
from ftcore.training.search import FeatureSearch, Settings
from ftcore.training.shape import centred, fitted_shape, roots
from ftcore.training.start import FromVectors

HOW = Conditions(choose_engine("cpu", "cpu"), threads=2)
OPTIONS = config.Finetune(head="linear", word_ngrams=2, bucket=100_000, min_count=1)


def drawn(n: int, seed: int, labels: int = 4) -> tuple[list[str], list[str]]:
    """Texts in which words speak for labels, more or less; some words and pairs occur once."""
    draw = np.random.default_rng(seed)
    names = [f"c{draw.integers(labels)}" for _ in range(n)]
    lines = []
    for i, name in enumerate(names):
        own = [f"{name}w{w}" for w in draw.integers(0, 30, 2)]
        other = [f"c{draw.integers(labels)}w{w}" for w in draw.integers(0, 30, 2)]
        words = [*own, *other, *(f"w{w}" for w in draw.zipf(1.5, 5) % 60), f"once{seed}x{i}"]
        lines.append(" ".join(draw.permutation(words)))
    return lines, names


TRAIN, GOLD = drawn(400, 0)
TEST, TRUE = drawn(300, 1)
VALID, SEEN = drawn(200, 2)


def rows(labels: list[str]) -> list[list[str]]:
    return [[label] for label in labels]


def made(options: config.Finetune = OPTIONS, valid: bool = True, **changed):
    held_out = Tokenized.of(VALID, rows(SEEN)) if valid else None
    return learn(Tokenized.of(TRAIN, rows(GOLD)), options.model_copy(update=changed), HOW, valid=held_out)


def answered(model, lines: list[str]) -> list[str]:
    predictor = Predictor(model)
    return [predictor.names[i] for i in predictor.predict(lines).labels]


def features(line: str) -> list[str]:
    words = [*line.split(), "</s>"]
    return [*words, *map(" ".join, zip(words[:-1], words[1:], strict=True))]


def test_labels_are_those_of_scikit_learns_own_pipeline():
    """Counts of words, the end of line among them, and of pairs, times smoothed idf; rows of length 1."""
    model, _ = made(strength=1.0, weighing="idf")
    words = CountVectorizer(analyzer=features)
    scale = TfidfTransformer()
    matrix = scale.fit_transform(words.fit_transform(TRAIN))
    machine = LinearSVC(C=1.0, fit_intercept=False, tol=machines.TOLERANCE, random_state=0).fit(matrix, GOLD)
    theirs = machine.predict(scale.transform(words.transform(TEST)))
    ours = answered(model, TEST)
    assert np.mean(ours == theirs) > 0.98  # the solver stops early, and a few pairs share a bucket
    assert np.mean(np.array(ours) == TRUE) > 0.75


def test_it_is_a_fasttext_model(tmp_path):
    """A `.bin` holds it, and what is read back answers with the same labels and probabilities."""
    lines = [f"__label__{label} {line}" for label, line in zip(GOLD, TRAIN, strict=True)]
    valid = [f"__label__{label} {line}" for label, line in zip(SEEN, VALID, strict=True)]
    model = ftcore.train_supervised(lines, head="linear", valid=valid, wordNgrams=2, bucket=5000, verbose=0)
    assert model.get_dimension() == len(model.labels) == 4
    model.save_model(tmp_path / "m.bin")
    again = ftcore.load_model(tmp_path / "m.bin")
    labels, scores = model.predict(TEST, k=4)
    read, same = again.predict(TEST, k=4)
    # a bucket without a row has fastText's random one there
    assert labels == read and np.allclose(scores, same, atol=1e-5)
    right = [row[0] == f"__label__{true}" for row, true in zip(labels, TRUE, strict=True)]
    assert np.mean(right) > 0.75


def test_features_that_training_has_not_seen_weigh_nothing():
    model, _ = made(bucket=1_000_000)  # with few of them unseen ones share rows
    predictor = Predictor(model)
    plain, padded = "c1w3 w2 new0", "c1w3 w2 " + " ".join(f"new{i}" for i in range(40))
    (known,), (other,) = predictor.raw([plain])[1], predictor.raw([padded])[1]
    # the mean is over more features, that is all
    assert np.allclose(known / np.abs(known).max(), other / np.abs(other).max(), atol=1e-3)


def test_probabilities_say_how_often_it_is_right():
    model, result = made()
    predictor = Predictor(model)
    found = predictor.predict(TEST)
    right = np.array([predictor.names[i] for i in found.labels]) == TRUE
    assert abs(right.mean() - found.scores.mean()) < 0.05
    row = result.history[0]
    assert (
        row["epoch"] == 1 and row["valid_accuracy"] > 0.75 and 0 < row["loss"] < row["valid_loss"] < np.log(4)
    )


def test_many_documents_give_probabilities_a_shape_and_few_do_not(monkeypatch):
    """The model's scores of the documents that judged are those that were fitted to them, here summed by hand."""
    kept: list[np.ndarray] = []

    def noted(scores, gold, parts, means):
        shape = fitted_shape(scores, gold, parts, means)
        by_feature = roots(centred(parts), shape.size)
        kept.append(centred(scores) @ shape.matrix + shape.root * means(by_feature))
        return shape

    monkeypatch.setattr(linear, "fitted_shape", noted)
    made()
    assert not kept, "200 documents are too few"
    lines, names = drawn(600, 7)
    model, _ = learn(Tokenized.of(TRAIN, rows(GOLD)), OPTIONS, HOW, valid=Tokenized.of(lines, rows(names)))
    assert np.allclose(Predictor(model).raw(lines)[1], kept[0], atol=2e-3)
    assert np.abs(kept[0]).max() > 2


def test_a_given_strength_is_kept_and_another_is_chosen_by_the_validation_set():
    weak, strong = (made(strength=strength)[0] for strength in (1e-4, 100.0))
    size = [np.abs(model.input).max() for model in (weak, strong)]
    assert answered(weak, TEST) != answered(strong, TEST) and size[0] != size[1]
    chosen = np.mean(np.array(answered(made()[0], TEST)) == TRUE)
    accuracies = [np.mean(np.array(answered(made(strength=s)[0], TEST)) == TRUE) for s in linear.STRENGTHS]
    assert chosen >= max(accuracies) - 0.02


@pytest.mark.parametrize("documents", [2, 5, 40])
def test_few_documents_without_a_validation_set(documents: int):
    lines, labels = (
        [f"{'good' if i % 2 else 'bad'} w{i % 7}" for i in range(documents)],
        ["no", "yes"] * documents,
    )
    model, _ = learn(Tokenized.of(lines, rows(labels[:documents])), OPTIONS, HOW)
    assert answered(model, ["good w1", "bad w2"]) == ["yes", "no"]


def test_several_labels_a_document():
    lines = [
        f"{a} {b} w{i % 5}"
        for i in range(60)
        for a, b in (("ax", "bx"), ("ax", "n"), ("n", "bx"), ("n", "n"))
    ]
    labels = [[x for x, w in (("a", "ax"), ("b", "bx")) if w in line.split()] for line in lines]
    model, _ = learn(Tokenized.of(lines, labels), OPTIONS.model_copy(update={"loss": "ova"}), HOW)
    predictor = Predictor(model)
    found = predictor.predict(["ax bx w1", "ax n w2", "n bx w3"], k=2, threshold=0.5)
    assert [sorted(row) for row in found.named(predictor.names)[0]] == [["a", "b"], ["a"], ["b"]]


def test_weights_of_documents_and_of_labels():
    """A document of weight 0 is as if it were not there; a label that counts more is said more often."""
    lines, labels = [*TRAIN, *TRAIN], [*GOLD, *["c0"] * len(TRAIN)]
    weights = np.repeat([1.0, 0.0], len(TRAIN))
    plain = learn(Tokenized.of(TRAIN, rows(GOLD)), OPTIONS.model_copy(update={"strength": 1.0}), HOW)[0]
    weighed = learn(
        Tokenized.of(lines, rows(labels), weights), OPTIONS.model_copy(update={"strength": 1.0}), HOW
    )[0]
    assert np.mean(np.array(answered(weighed, TEST)) == answered(plain, TEST)) > 0.95
    more = made(strength=0.01, class_weights={"c2": 20.0, "c0": 1.0, "c1": 1.0, "c3": 1.0})[0]
    assert answered(more, TEST).count("c2") > answered(made(strength=0.01)[0], TEST).count("c2")


def test_threads_and_repeats_give_the_same_bits():
    one, other = made()[0], learn(
        Tokenized.of(TRAIN, rows(GOLD)), OPTIONS, Conditions(choose_engine("cpu", "cpu"), threads=1),
        valid=Tokenized.of(VALID, rows(SEEN)),
    )[0]  # fmt: skip
    assert one.input.tobytes() == other.input.tobytes()


def test_what_is_refused():
    with pytest.raises(InvalidOptions, match="loss = hs: head linear knows softmax and ova"):
        made(loss="hs")
    with pytest.raises(MissingLabels, match="every training document has the label 'x'"):
        learn(Tokenized.of(["a b", "c"], [["x"], ["x"]]), OPTIONS, HOW)
    with pytest.raises(MissingLabels, match="nothing to fine-tune on"):
        learn(Tokenized.of(["a b", "c"], [[], []]), OPTIONS, HOW)
    with pytest.raises(InvalidOptions, match="head = linear is not searched for a model's size"):
        ftcore.train_supervised(
            ["__label__a x", "__label__b y"], head="linear", autotuneValidationFile=["__label__a x"],
            autotuneModelSize="1M", verbose=0,
        )  # fmt: skip
    with pytest.raises(ValueError, match="head"):
        ftcore.train_supervised(["__label__a x", "__label__b y"], head="quadratic", verbose=0)


def test_scikit_learns_face():
    model = FastTextClassifier(head="linear", word_ngrams=2, tokenizer="whitespace").fit(TRAIN, GOLD)
    assert np.mean(model.predict(TEST) == TRUE) > 0.75
    assert np.allclose(model.predict_proba(TEST).sum(axis=1), 1)


def test_a_search_tries_kinds_of_features_and_ends_when_all_are_tried():
    """Labels that follow from pairs of words, then from parts of words."""
    draw = np.random.default_rng(0)
    pairs = [f"{a} {b} w{i % 9}" for i in range(300) for a, b in [draw.permutation(["x", "y"])]]
    parts = [f"{'un' if i % 2 else 're'}{''.join(draw.choice(list('abcdefgh'), 6))}" for i in range(400)]
    for lines, label in ((pairs, lambda t: str(t.index("x") < t.index("y"))), (parts, lambda t: t[:2])):
        labelled = [f"__label__{label(line)} {line}" for line in lines]
        model = ftcore.train_supervised(
            labelled[:200],
            head="linear",
            autotuneValidationFile=labelled[200:],
            autotuneDuration=60,
            verbose=0,
        )
        assert model.test(labelled[200:])[1] > 0.95
        assert (model.wordNgrams > 1) if lines is pairs else (model.maxn > 0), "what was found is trained"


def test_what_is_fixed_is_not_searched():
    base = Settings(OPTIONS.model_copy(update={"dim": 4}))
    search = FeatureSearch(base, {"word_ngrams"})
    asked = [settings.options for settings in iter(lambda: search.ask(0.5), None)]
    assert [(o.word_ngrams, o.minn, o.maxn) for o in asked] == [(2, 0, 0), (2, 2, 5), (2, 1, 3)]
    whole = FeatureSearch(base, {"minn"})
    assert {o.options.word_ngrams for o in iter(lambda: whole.ask(0.5), None)} == {1, 2, 3}
    rowless = FeatureSearch(Settings(config.Finetune(head="linear", dim=4, bucket=0)), {"bucket"})
    assert [o.options.word_ngrams for o in iter(lambda: rowless.ask(0.5), None)] == [1]


def topical(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of rare words of two topics: few of them are in any two texts."""
    draw = np.random.default_rng(seed)
    names = [("sport", "food")[i % 2] for i in range(n)]
    return [" ".join(f"{name[0]}{w}" for w in draw.integers(0, 400, 6)) for name in names], names


def words_of_topics() -> FromVectors:
    """Vectors of these words: near those of their topic."""
    draw = np.random.default_rng(9)
    words = [f"{topic}{w}".encode() for topic in "sf" for w in range(400)]
    centres = np.repeat(draw.normal(size=(2, 16)), 400, axis=0)
    return FromVectors(words, (centres + draw.normal(0, 1, (800, 16))).astype(np.float32))


def test_pretrained_vectors_speak_for_words_that_training_has_not_seen(tmp_path):
    lines, names = topical(24, 0)
    test, true = topical(200, 1)
    plain, _ = learn(Tokenized.of(lines, rows(names)), OPTIONS, HOW)
    start = words_of_topics()
    model, _ = learn(Tokenized.of(lines, rows(names)), OPTIONS, HOW, start=start)
    right = [np.mean(np.array(answered(m, test)) == true) for m in (plain, model)]
    assert right[0] < 0.9 and right[1] > 0.95, "they are told by their vectors"
    write_binary(model, tmp_path / "m.bin")
    assert answered(read_binary(tmp_path / "m.bin"), test) == answered(model, test), "folded into rows"
    without, _ = learn(
        Tokenized.of(lines, rows(names)), OPTIONS.model_copy(update={"vectors": 0.0}), HOW, start=start
    )
    assert answered(without, test) == answered(plain, test)


def test_scores_are_those_of_words_and_vectors_side_by_side():
    """What is folded into rows is what scikit-learn's machine says of counts and sums of vectors, row by row."""
    lines, names = topical(60, 2)
    test, _ = topical(50, 3)
    start = words_of_topics()
    model, _ = learn(
        Tokenized.of(lines, rows(names)),
        OPTIONS.model_copy(update={"vectors": 2.0, "strength": 1.0}),
        HOW,
        start=start,
    )
    words = CountVectorizer(analyzer=features)
    counts = words.fit_transform(lines)
    idf = TfidfTransformer(norm=None).fit(counts)
    place = {word: i for i, word in enumerate(start.words)}
    weight = 1e-3 / (1e-3 + 1 / ((np.arange(800) + 1) * (np.log(800) + 1)))

    def sums(some: list[str]) -> np.ndarray:
        return np.array(
            [sum(start.vectors[i] * weight[i] for w in s.split() for i in [place[w.encode()]]) for s in some]
        )

    unit = (
        np.linalg.norm(idf.transform(counts).toarray(), axis=1).mean()
        / np.linalg.norm(sums(lines), axis=1).mean()
    )

    def seen(some: list[str]) -> np.ndarray:
        both = np.hstack([idf.transform(words.transform(some)).toarray(), 2.0 * unit * sums(some)])
        return both / np.linalg.norm(both, axis=1, keepdims=True)

    machine = LinearSVC(C=1.0, fit_intercept=False, tol=1e-6, max_iter=100_000, random_state=0).fit(
        seen(lines), names
    )
    assert answered(model, test) == machine.predict(seen(test)).tolist()


def test_a_size_that_is_asked_for_is_kept_to(tmp_path):
    """N-grams share as many buckets as there is room for; the file answers as the model does."""
    whole, _ = made()
    model, _ = made(size="120k")
    assert model.dictionary.bucket < whole.dictionary.bucket and 100_000 % model.dictionary.bucket == 0
    write_binary(model, tmp_path / "m.bin")
    assert 60_000 < (tmp_path / "m.bin").stat().st_size <= 120_000
    assert answered(read_binary(tmp_path / "m.bin"), TEST) == answered(model, TEST)
    right, before = (np.mean(np.array(answered(m, TEST)) == TRUE) for m in (model, whole))
    assert right > before - 0.05
    with pytest.raises(InvalidOptions, match="size = 2k: the model's .* words for 4 labels take"):
        made(size="2k")


def test_a_size_too_small_for_vectors_asks_for_fewer_of_them(tmp_path):
    """A higher min_count would leave every word of theirs where it is."""
    words = [b"v%d" % n for n in range(2000)]
    write_vec(tmp_path / "v.vec", words, np.ones((2000, 4), np.float32))
    lines = ["__label__a x y", "__label__b z w"] * 3
    with pytest.raises(
        InvalidOptions, match="give more, or take vectors of fewer words, which 2,000 of these came with"
    ):
        ftcore.train_supervised(
            lines, head="linear", size="5k", pretrainedVectors=str(tmp_path / "v.vec"), dim=4, verbose=0
        )


def test_fewer_buckets_are_those_of_a_text_read_anew():
    valid = Tokenized.of(VALID, rows(SEEN))
    documents = Tokenized.of(TRAIN, rows(GOLD))
    shared = within_size(prepare(documents, OPTIONS, valid=valid), "50k")
    bucket = shared.dictionary.bucket
    anew = prepare(documents, OPTIONS.model_copy(update={"bucket": bucket}), valid=valid)
    assert np.array_equal(shared.dictionary.buckets, anew.dictionary.buckets)
    for own, other in ((shared.train, anew.train), (shared.valid, anew.valid)):
        assert np.array_equal(own.ids, other.ids) and np.array_equal(own.offsets, other.offsets)


def test_the_default_number_of_buckets_is_as_many_as_are_needed(tmp_path):
    """A `.bin` is small without being told to; a number that is given stays."""
    plain = OPTIONS.model_copy(update={"bucket": DEFAULT})
    prepared = prepare(Tokenized.of(TRAIN, rows(GOLD)), plain, valid=Tokenized.of(VALID, rows(SEEN)))
    occurring, bucket = len(prepared.dictionary.buckets), as_needed(prepared).dictionary.bucket
    assert ROOM * occurring <= bucket < 8 * occurring and DEFAULT % bucket == 0
    model = made(plain)[0]
    assert model.dictionary.bucket == bucket
    write_binary(model, tmp_path / "m.bin")
    assert (tmp_path / "m.bin").stat().st_size < 17 * (bucket + 1000) < 1_000_000
    assert answered(read_binary(tmp_path / "m.bin"), TEST) == answered(model, TEST)
    assert as_needed(prepare(Tokenized.of(TRAIN, rows(GOLD)), OPTIONS)).dictionary.bucket == 100_000


def test_a_large_machine_looks_at_the_clock_between_passes(monkeypatch):
    """Where nothing is ready it says so; what had been tried is chosen from; left alone it ends as it would have."""
    prepared = prepare(Tokenized.of(TRAIN, rows(GOLD)), OPTIONS, valid=Tokenized.of(VALID, rows(SEEN)))
    monkeypatch.setattr(machines, "CHUNK", 1)
    with pytest.raises(machines.TooLate):
        linear.fit_linear(prepared, OPTIONS, in_time=lambda: False)
    asked: list[int] = []

    def some() -> bool:
        asked.append(1)
        return len(asked) < 30

    right = linear.fit_linear(prepared, OPTIONS, in_time=some)[1].history[0]["valid_accuracy"]
    assert right > 0.7 and len(asked) > 30
    in_passes = linear.fit_linear(prepared, OPTIONS)[1].history[0]["valid_accuracy"]
    monkeypatch.undo()
    assert abs(in_passes - linear.fit_linear(prepared, OPTIONS)[1].history[0]["valid_accuracy"]) < 0.02


def test_vectors_whose_weight_took_all_the_time_are_what_is_chosen_from(monkeypatch):
    """The machine that tells how much vectors weigh is a machine: where the clock then stops there is a model."""
    lines, names = topical(200, 0)
    held, true = topical(200, 1)
    start = words_of_topics()
    prepared = prepare(Tokenized.of(lines, rows(names)), OPTIONS, start, Tokenized.of(held, rows(true)))
    vectors = start.pretrained_rows(prepared.dictionary, OPTIONS, 0)
    train, ready = machines.MachineSolver.at, []

    def once(self: machines.MachineSolver, *given: object, **more: object) -> np.ndarray:
        if ready:
            raise machines.TooLate
        ready.append(train(self, *given, **more))
        return ready[0]

    monkeypatch.setattr(machines.MachineSolver, "at", once)
    _, result = linear.fit_linear(prepared, OPTIONS, vectors, in_time=lambda: not ready)
    assert result.history[0]["valid_accuracy"] > 0.95
