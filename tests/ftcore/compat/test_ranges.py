"""What the original takes is taken: values without a meaning, large ones, and its kinds of errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ftcore as fasttext
from ftcore.compat.arguments import Arguments
from ftcore.errors import UserError


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ranges") / "train.txt"
    lines = ["__label__a x y z", "__label__b u v w", "__label__a x u", "__label__b y v"]
    path.write_text("\n".join(lines * 3) + "\n")
    return str(path)


def supervised(text: str, **options):
    return fasttext.train_supervised(text, **{"verbose": 0, "thread": 1, "dim": 4, "bucket": 100, **options})


def unsupervised(text: str, **options):
    base = {"verbose": 0, "thread": 1, "dim": 4, "bucket": 100, "minCount": 1, "t": 1.0}
    return fasttext.train_unsupervised(text, **{**base, **options})


def learnt(model) -> bool:
    return bool(np.any(model.get_output_matrix()))


@pytest.mark.parametrize("options", [{"lr": 0}, {"epoch": 0}])
def test_a_rate_or_number_of_passes_of_zero_trains_nothing(text: str, options: dict):
    model = supervised(text, **options)
    assert not learnt(model) and np.all(model.get_input_matrix() != 0)
    assert np.array_equal(model.get_input_matrix(), supervised(text, epoch=0).get_input_matrix())
    assert not learnt(unsupervised(text, **{k: v for k, v in options.items() if k != "loss"}))


def test_a_threshold_of_zero_discards_every_word(text: str):
    assert not learnt(unsupervised(text, t=0)) and learnt(unsupervised(text))
    assert learnt(supervised(text, t=0)), "a classifier discards none"


@pytest.mark.parametrize("loss", ["softmax", "hs", "ova"])
def test_negatives_mean_nothing_to_a_loss_that_draws_none(text: str, loss: str):
    with_five = supervised(text, loss=loss, neg=5)
    assert np.array_equal(
        supervised(text, loss=loss, neg=0).get_output_matrix(), with_five.get_output_matrix()
    )


@pytest.mark.parametrize(
    "options", [{"maxn": 40, "minn": 1}, {"wordNgrams": 20}, {"dim": 20000}, {"neg": 2000, "loss": "ns"}]
)
def test_there_is_no_upper_end(text: str, options: dict):
    model = supervised(text, **options)
    assert learnt(model) and model.get_dimension() == options.get("dim", 4)


def test_nor_of_rates_and_passes():
    arguments = Arguments.read(["x"], {"lr": 1e6, "epoch": 10**6, "minCount": 10**9}, supervised=True)
    assert (arguments.options().lr, arguments.options().epoch) == (1e6, 10**6)
    assert Arguments.read(["x"], {"ws": 10**6, "t": 5}, supervised=False).options().ws == 10**6


def test_long_ngrams_are_those_of_the_word(text: str):
    model = supervised(text, minn=1, maxn=10**6)
    names, _ = model.get_subwords("xy")
    assert names == ["<x", "<xy", "<xy>", "x", "xy", "xy>", "y", "y>"]


@pytest.mark.parametrize(
    ("train", "options", "words"),
    [
        (unsupervised, {"neg": 0}, "neg = 0"),
        (supervised, {"lr": -1}, "lr = -1"),
        (supervised, {"lr": float("nan")}, "lr = nan"),
        (unsupervised, {"t": -1.0}, "t = -1"),
        (unsupervised, {"ws": 0}, "ws = 0"),
        (unsupervised, {"loss": "ova"}, "loss = 'ova'"),
        (supervised, {"dim": 0}, "dim = 0"),
    ],
)
def test_what_has_no_sense_is_refused_by_name(text: str, train, options: dict, words: str):
    with pytest.raises(ValueError) as error:
        train(text, **options)
    assert words in str(error.value)


# ------------------------------------------------------------------------------------------ errors
def test_a_training_that_diverges_is_a_runtime_error_as_in_the_original(text: str):
    for kind in (RuntimeError, ValueError):
        with pytest.raises(kind, match="Encountered NaN"):
            supervised(text, lr=1e30)


def test_a_search_for_an_unknown_label_is_a_runtime_error(text: str):
    with pytest.raises(RuntimeError, match="Unknown autotune metric label"):
        supervised(text, autotuneValidationFile=text, autotuneMetric="f1:__label__none", autotuneDuration=30)


def test_a_row_that_is_not_there_is_out_of_range(text: str):
    for row in (-1, 10**9):
        with pytest.raises(ValueError, match="out of range"):
            supervised(text).get_input_vector(row)


def test_word_vectors_predict_nothing(text: str):
    model = unsupervised(text)
    for call in (lambda: model.predict(""), lambda: model.predict(["x"]), lambda: model.test(text)):
        with pytest.raises(ValueError, match="Model needs to be supervised for prediction!"):
            call()


def test_a_labels_vector_is_that_of_an_unknown_word(text: str):
    """The original's Python build ends the process here; the row behind the words belongs to n-grams."""
    model = supervised(text, minn=2, maxn=3)
    names, rows = model.get_subwords("__label__a")
    assert names[:2] == ["__label__a", "<_"] and rows[0] == model.get_word_id("__label__a")
    expected = np.mean([model.get_input_vector(int(r)) for r in rows[1:]], axis=0)
    assert np.allclose(model.get_word_vector("__label__a"), expected, atol=1e-6)


def test_the_table_of_defaults():
    from ftcore.compat import unsupervised_default

    assert (unsupervised_default["maxn"], unsupervised_default["loss"], unsupervised_default["t"]) == (
        6,
        "ns",
        1e-4,
    )


def test_matrices_set_on_a_quantised_model_make_it_a_plain_one(tmp_path: Path):
    words = [f"w{n}" for n in range(400)]
    path = tmp_path / "many.txt"
    path.write_text("".join(f"__label__{n % 2} {w} x{n}\n" for n, w in enumerate(words)))
    for cutoff in (0, 300):
        model = supervised(str(path), dim=8, minCount=1)
        model.quantize(cutoff=cutoff, input=str(path))
        rows = len(model.classic.input)
        matrix = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
        model.set_matrices(matrix, np.ones((2, 8), np.float32))
        assert not model.is_quantized()
        assert np.array_equal(model.get_input_matrix(), matrix)
        model.predict("w1 x2")
        model.quantize()
        assert model.is_quantized()
        with pytest.raises(UserError, match="already quantized"):
            model.quantize()
