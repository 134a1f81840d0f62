"""Errors that a program can catch: each class where it happens, all of them `UserError`s, and none loses its class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ftcore
from ftcore import FastText, config, errors
from ftcore.base.pools import open_pool
from ftcore.config import load_config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.lines import Lines
from ftcore.dictionary.numbering import Numbering
from ftcore.errors import (
    Diverged,
    EmptyVocabulary,
    IncompatibleModel,
    InvalidOptions,
    MissingLabels,
    NoSuchColumn,
    RunError,
    UnreadableFile,
    UserError,
)
from ftcore.evaluation.comparison import compare_predictions
from ftcore.evaluation.metrics import evaluate_classification
from ftcore.formats.binary import read_binary, write_binary
from ftcore.formats.quantized import quantize
from ftcore.formats.vec import read_vec
from ftcore.inference.classifier import Classifier
from ftcore.reading.rows import open_rows

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UserError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_class_is_a_value_error_and_found_at_the_top(kind: type[UserError]):
    assert issubclass(kind, ValueError) and getattr(ftcore, kind.__name__) is kind
    assert kind.__name__ in ftcore.__all__
    made = kind("a")
    made.note = "kept"
    again = made.reworded("b \udcff")
    assert type(again) is kind and str(again) == "b \\udcff" and again.note == "kept" and str(made) == "a"


def test_what_the_original_throws_as_a_runtime_error_is_one():
    assert {kind for kind in KINDS if issubclass(kind, RuntimeError)} == {RunError, Diverged}


def trained(**options: object) -> FastText:
    return FastText.from_texts(["good film", "dull film"] * 3, [1, 0] * 3, dim=4, **options)


def not_a_number() -> None:
    ftcore.train_supervised(["__label__a x y", "__label__b y z"] * 50, dim=4, lr=1e30, thread=1, verbose=0)


def wrong_column(path: Path) -> None:
    (path / "a.csv").write_text("text,label\nx,y\n")
    list(open_rows(str(path / "a.csv"), ["txt"]).read())


def wrong_parquet_column(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["x"]}), path / "a.parquet")
    list(Lines(path / "a.parquet").blocks())


def broken_archive(path: Path) -> None:
    (path / "a.txt.gz").write_bytes(b"\x1f\x8b\x08broken")
    for block in Lines(path / "a.txt.gz").blocks():
        block()


def broken_model(path: Path) -> None:
    model = trained()
    model.save(path / "m")
    file = next(path.glob("m/*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1])
    FastText.load(path / "m")


def broken_binary(path: Path) -> None:
    write_binary(trained().to_model().with_prefix(), path / "m.bin")
    (path / "m.bin").write_bytes((path / "m.bin").read_bytes()[:-1])
    read_binary(path / "m.bin")


def broken_vectors(path: Path) -> None:
    (path / "a.vec").write_text("1 2\nword 1 x\n")
    read_vec(path / "a.vec")


def twice_quantised(path: Path) -> None:
    texts = [f"w{i} w{i + 1}" for i in range(300)]
    model = FastText.from_texts(texts, [i % 2 for i in range(300)], dim=4).to_model()
    quantize(quantize(model))


def vectors_that_predict(path: Path) -> None:
    model = trained().to_model()
    model.args = ftcore.FastText.from_texts(["a b"], dim=4).to_model().args
    Classifier(model)


def wrong_yaml(path: Path) -> None:
    (path / "a.yaml").write_text("seed: {")
    load_config(path / "a.yaml")


GOLD = [["a"], []]
SCORES = np.full((2, 2), 0.5, np.float32)
HAPPENS: list[tuple[type[UserError], Callable[[Path], object]]] = [
    (Diverged, lambda path: not_a_number()),
    (EmptyVocabulary, lambda path: Dictionary.build([], Numbering())),
    (EmptyVocabulary, lambda path: ftcore.train_unsupervised(["a b"], minCount=9, verbose=0)),
    (EmptyVocabulary, lambda path: FastText.from_texts(["a", "b"], ["x", "y"], min_count=3)),
    (MissingLabels, lambda path: FastText.from_texts(["a", "b"], ["x", "x"])),
    (MissingLabels, lambda path: evaluate_classification([[], []], SCORES, ["a", "b"], ["en", "en"])),
    (MissingLabels, lambda path: compare_predictions([[], []], {"m": ["a", "a"], "n": ["a", "b"]}, ["", ""])),
    (UserError, lambda path: evaluate_classification(GOLD, SCORES, ["a"], ["en", "en"])),
    (UserError, lambda path: evaluate_classification(GOLD, SCORES * np.nan, ["a", "b"], ["en", "en"])),
    (NoSuchColumn, wrong_column),
    (NoSuchColumn, wrong_parquet_column),
    (UnreadableFile, lambda path: ftcore.load_model(str(path / "gone.bin"))),
    (UnreadableFile, lambda path: ftcore.train_supervised(str(path / "gone.txt"))),
    (UnreadableFile, lambda path: open_rows(str(path / "gone.csv"), ["text"])),
    (UnreadableFile, lambda path: FastText.load(path / "gone")),
    (UnreadableFile, lambda path: load_config(path / "gone.yaml")),
    (UnreadableFile, broken_archive),
    (UnreadableFile, broken_model),
    (UnreadableFile, broken_binary),
    (UnreadableFile, broken_vectors),
    (IncompatibleModel, twice_quantised),
    (IncompatibleModel, vectors_that_predict),
    (InvalidOptions, lambda path: load_config(None, ["seeed=1"])),
    (InvalidOptions, lambda path: load_config(None, ["pretrain.dim=none"])),
    (InvalidOptions, wrong_yaml),
    (InvalidOptions, lambda path: trained(minn=5, maxn=2)),
    (InvalidOptions, lambda path: ftcore.train_supervised(["__label__a x"], dim=0)),
]


@pytest.mark.parametrize(("kind", "happens"), HAPPENS)
def test_an_error_is_of_the_class_that_says_what_happened(kind: type[UserError], happens, tmp_path: Path):
    with pytest.raises(UserError) as caught:
        happens(tmp_path)
    assert type(caught.value) is kind and len(str(caught.value)) > 20


def test_what_is_known_of_an_empty_vocabulary_need_not_be_read_from_its_words():
    with pytest.raises(EmptyVocabulary) as caught:
        Dictionary.build([(["x"], "a b a")], config.DictionaryOptions(min_count=7))
    assert (caught.value.min_count, caught.value.ntokens) == (7, 5)


def raise_named(name: str) -> None:
    """For a worker: the error of this name."""
    raise getattr(errors, name)(f"this is {name}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_of_a_worker_keeps_its_class(kind: type[UserError], pool):
    with pytest.raises(kind) as caught:
        pool.run("tests.ftcore.test_errors:raise_named", kind.__name__)
    assert type(caught.value) is kind and str(caught.value) == f"this is {kind.__name__}"


@pytest.fixture(scope="module")
def pool():
    with open_pool(2) as made:
        yield made
