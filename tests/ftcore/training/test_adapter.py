"""Adapters: what a task adds to a shared table, in as many bytes as were asked for; the table is shared and never another one."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ftcore.formats.quantized
from ftcore import cli
from ftcore.config import Finetune
from ftcore.engines.choice import choose_engine
from ftcore.errors import IncompatibleModel, InvalidOptions, UserError
from ftcore.formats.adapter import Adapter, read_adapted
from ftcore.formats.binary import read_binary, write_binary
from ftcore.formats.directory import read_directory, write_directory
from ftcore.formats.opening import read_model
from ftcore.formats.shared import open_shared
from ftcore.formats.vec import write_vec
from ftcore.inference.classifier import Classifier
from ftcore.text.tokenizer import Whitespace
from ftcore.training.adapter import learn_adapter
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.trust.explanation import explain

LABELS = ["pay", "card", "rate"]
CPU = Conditions(choose_engine("cpu", "cpu"))


def drawn(count: int, seed: int, labels: int = 3) -> tuple[list[str], list[list[str]]]:
    """Texts of topics; a word in five is of the topic, one in ten is unknown to the table."""
    rng, lines, names = random.Random(seed), [], []
    for _ in range(count):
        topic = rng.randrange(labels)
        words = [
            f"t{topic}w{rng.randrange(20)}" if rng.random() < 0.2 else f"w{rng.randrange(60)}"
            for _ in range(9)
        ]
        lines.append(" ".join([*words, f"new{rng.randrange(9)}"]))
        names.append([LABELS[topic]])
    return lines, names


TRAIN, TEST = drawn(600, 0), drawn(200, 1)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.vec` of words that tells half of the topics' words apart."""
    rng = np.random.default_rng(0)
    words = ["</s>", *(f"w{n}" for n in range(60)), *(f"t{t}w{n}" for t in range(3) for n in range(20))]
    vectors = rng.normal(size=(len(words), 16)).astype(np.float32)
    for n, word in enumerate(words):
        if word[0] == "t" and int(word[3:]) < 10:
            vectors[n] += 3 * np.eye(16)[int(word[1])]
    path = tmp_path_factory.mktemp("base") / "words.vec"
    write_vec(path, [word.encode() for word in words], vectors)
    return path


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.bin` of word vectors with n-grams of characters."""
    path = tmp_path_factory.mktemp("base") / "words.bin"
    made = ftcore.train_unsupervised(
        TRAIN[0] * 4, dim=8, minn=2, maxn=3, bucket=500, epoch=3, minCount=1, thread=1, verbose=0
    )
    made.save_model(str(path))
    return path


def learnt(path: Path, size: str = "20k", **options) -> Adapter:
    options = {"head": "linear", "word_ngrams": 2, "bucket": 3000} | options
    documents = Tokenized.of(*TRAIN)
    return learn_adapter(
        documents, Finetune(adapter=size, **options), CPU, open_shared(path), Tokenized.of(*TEST)
    )[0]


def accuracy(model) -> float:
    found = Classifier(model).probabilities(TEST[0]).argmax(axis=1)
    return float(np.mean([model.labels[i] == gold for i, (gold,) in zip(found, TEST[1], strict=True)]))


def test_rows_are_shared_rows_times_the_head_and_the_changes(table: Path):
    adapter, shared = learnt(table), open_shared(table)
    model = adapter.model(shared)
    words = shared.dictionary.nwords
    weights = 1e-3 / (1e-3 + np.asarray(shared.shares, np.float64))
    expected = np.zeros((model.dictionary.rows, 3))
    expected[:words] = (shared.table * weights[:, None]) @ adapter.scores.T.astype(np.float64)
    changes = adapter.changes
    for n, row in enumerate(model.dictionary.to_rows(changes.rows)):
        for at in range(changes.offsets[n], changes.offsets[n + 1]):
            size = int(changes.sizes[at])
            expected[row, changes.labels[at]] += np.sign(size) * (size / 127) ** 2 * changes.largest
    input, output = model.dense
    assert np.abs(expected).max() > 1
    assert (input @ output.T) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert (
        model.input.gather(np.array([5, 1, 5])) == input[[5, 1, 5]]
    ).all()  # whatever is asked for beside it


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_with_enough_bytes_it_is_the_classifier_that_was_trained(table: Path, loss: str):
    from ftcore.training import recipe
    from ftcore.training.adapter import OnSharedTable, adapter_of

    start, options = (
        OnSharedTable(open_shared(table)),
        Finetune(head="linear", word_ngrams=2, bucket=3000, adapter="1M", loss=loss),
    )
    options = recipe.with_dim(options, start)
    prepared = recipe.prepare(Tokenized.of(*TRAIN), options, start)
    whole, _ = recipe.train(prepared, options, CPU, start)
    model = adapter_of(whole, start, prepared, options).model(start.shared)
    known = Classifier(whole).probabilities(TEST[0])
    found = Classifier(model).probabilities(TEST[0])
    assert found == pytest.approx(known, abs=0.04)
    assert (found.argmax(axis=1) == known.argmax(axis=1)).mean() > 0.98


@pytest.mark.parametrize("head", ["linear", "sgd"])
def test_few_bytes_keep_most_of_it(table: Path, head: str):
    options = {} if head == "linear" else {"head": "sgd", "lr": 0.5, "epoch": 20}
    large, small = learnt(table, "1M", **options), learnt(table, "4k", **options)
    assert len(small.to_bytes()) <= 4000 < len(large.to_bytes())
    assert 0 < len(small.changes.rows) < len(large.changes.rows)
    shared = open_shared(table)
    assert accuracy(small.model(shared)) >= accuracy(large.model(shared)) - 0.04 > 0.6


def test_two_tasks_share_one_table(table: Path, tmp_path: Path):
    learnt(table).save(tmp_path / "a.adapter")
    learnt(table, word_ngrams=1).save(tmp_path / "b.adapter")
    a, b = read_model(tmp_path / "a.adapter"), read_adapted(tmp_path / "b.adapter", table)
    assert a.input.shared is b.input.shared and a.dictionary.word_index is b.dictionary.word_index
    before = a.input.shared.table.copy()
    assert (
        [model.labels for model in (a, b)] == [a.labels, a.labels] and accuracy(a) > 0.7 and accuracy(b) > 0.7
    )
    assert (a.input.shared.table == before).all() and Classifier(a).predictor.tables.table is None


@pytest.mark.parametrize("kind", ["vec", "bin", "directory"])
def test_merged_it_is_the_same_classifier(table: Path, binary: Path, tmp_path: Path, kind: str):
    path, own = {"vec": table, "bin": binary}.get(kind, tmp_path / "words"), {}
    if kind == "directory":
        model = ftcore.FastText.from_texts(TRAIN[0], text=None, dim=8, minn=2, maxn=3, bucket=500).to_model()
        write_directory(path, model)
    if kind != "vec":
        own = {"minn": 2, "maxn": 3, "bucket": 500}
    adapter = replace(learnt(path, **own), tokenizer=Whitespace())
    adapter.save(tmp_path / "task.adapter")
    one = read_model(tmp_path / "task.adapter")
    for output in ("m.bin", "m"):
        assert (
            cli.main(["merge", str(path), str(tmp_path / "task.adapter"), "--output", str(tmp_path / output)])
            == 0
        )
    merged = [read_binary(tmp_path / "m.bin"), read_directory(tmp_path / "m")]
    expected = Classifier(one).probabilities(TEST[0])
    for other in merged:
        assert (Classifier(other).probabilities(TEST[0]) == expected).all()
    assert accuracy(one) > 0.6
    told = explain(Classifier(one), TEST[0][0])
    assert sum(part.value for part in told.parts) == pytest.approx(told.score, abs=1e-5)


def test_another_table_is_refused(table: Path, tmp_path: Path, capsys):
    adapter = learnt(table)
    adapter.save(tmp_path / "task.adapter")
    lines = table.read_text().split("\n")
    lines[7] = lines[7].replace(lines[7].split(" ")[1], "0.5")  # one number of one row
    (tmp_path / "other.vec").write_text("\n".join(lines))
    with pytest.raises(IncompatibleModel, match=r"other\.vec is not the one that the adapter was trained on"):
        read_adapted(tmp_path / "task.adapter", tmp_path / "other.vec")
    moved = replace(adapter, path="/nowhere/words.vec")
    moved.save(tmp_path / "moved.adapter")
    assert cli.main(["predict", str(tmp_path / "moved.adapter"), "-"]) == 1
    assert "its table is neither at /nowhere/words.vec nor at" in capsys.readouterr().err
    (tmp_path / "words.vec").write_bytes(table.read_bytes())  # beside the adapter it is found
    assert read_model(tmp_path / "moved.adapter").labels == adapter.labels


def test_what_cannot_be_one_is_refused(table: Path, binary: Path, tmp_path: Path):
    with pytest.raises(InvalidOptions, match=r"finetune.adapter = 300: its head and labels take"):
        learnt(table, "300")
    with pytest.raises(IncompatibleModel, match="set minn=2 maxn=3 bucket=500 as"):
        learnt(binary, minn=1, maxn=2)
    with pytest.raises(ValueError, match="set loss softmax"):
        Finetune(adapter="1M", loss="hs")
    with pytest.raises(
        UserError, match=f"{binary.name}: no adapter, .*the table of vectors that it stands on is another"
    ):
        Adapter.load(binary)
    with pytest.raises(UserError, match="no table here"):
        open_shared(tmp_path / "missing.vec")
    model = learnt(table).model(open_shared(table))
    path = tmp_path / "small.ftz"
    write_binary(ftcore.formats.quantized.quantize(model.with_prefix().written_out(), dsub=1), path)
    with pytest.raises(UserError, match="is quantised and no table to build on"):
        open_shared(path)


def test_damage_is_told(table: Path):
    data, rng, shared, refused = learnt(table, "4k").to_bytes(), random.Random(0), open_shared(table), 0
    for _ in range(300):
        broken = bytearray(data)
        if rng.random() < 0.2:
            del broken[rng.randrange(len(data)) :]
        else:
            broken[rng.randrange(len(data) if rng.random() < 0.3 else 1200)] ^= 1 << rng.randrange(8)
        try:
            Classifier(Adapter.from_bytes(bytes(broken)).model(shared)).probabilities(TEST[0][:2])
        except UserError:
            refused += 1
    assert refused > 200  # the others change a label's name or a path
