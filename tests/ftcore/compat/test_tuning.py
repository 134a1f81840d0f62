"""Autotune through fastText's own arguments, in Python and on the command line."""

from __future__ import annotations

import numpy as np
import pytest

import ftcore as fasttext
from ftcore.compat import tuning
from ftcore.compat.command_line import commands
from ftcore.errors import UserError
from tests.reference.peer import needs_peer, run_live


def lines(n: int, seed: int) -> list[str]:
    """The order of two words decides the label."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        label = int(rng.integers(2))
        words = [f"w{rng.integers(60)}" for _ in range(6)]
        at = int(rng.integers(7))
        pair = ["alpha", "beta"] if label else ["beta", "alpha"]
        made.append(" ".join([f"__label__{label}", *words[:at], *pair, *words[at:]]))
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuning")
    for name, n, seed in (("train", 600, 0), ("valid", 300, 1), ("test", 300, 2)):
        (folder / name).write_text("\n".join(lines(n, seed)) + "\n")
    return folder


@pytest.fixture(autouse=True)
def enough(monkeypatch):
    """A good model is enough, however slow the machine; a Ctrl-C then ends the search."""
    trial = tuning._Watch.trial

    def stop(self, made) -> None:
        trial(self, made)
        if made.score > 0.85 or made.number == 60:
            raise KeyboardInterrupt

    monkeypatch.setattr(tuning._Watch, "trial", stop)


def train(files, **named):
    mine = {"autotuneValidationFile": str(files / "valid"), "autotuneDuration": 120}
    mine |= {"dim": 16, "bucket": 20_000, "thread": 1, "verbose": 0, "seed": 1}
    return fasttext.train_supervised(str(files / "train"), **mine | named)


def test_what_was_found_is_trained_and_what_was_given_stays(files, capsys):
    model = train(files, verbose=2)
    assert (model.dim, model.thread) == (16, 1) and model.wordNgrams >= 2
    n, precision, recall = model.test(str(files / "test"))
    assert n == 300 and precision == recall > 0.8
    said = capsys.readouterr().err
    assert "Warning : dim is manually set" in said and "Warning : lr" not in said
    assert "Training again with best arguments" in said and "Best score:" in said


def test_a_model_of_a_size(files, tmp_path, monkeypatch):
    model = train(files, autotuneModelSize="40k")
    assert model.is_quantized()
    model.save_model(str(tmp_path / "m.ftz"))
    assert (tmp_path / "m.ftz").stat().st_size <= 40_000
    assert model.test(str(files / "test"))[1] > 0.6
    monkeypatch.undo()
    with pytest.raises(UserError, match="increase `autotune-modelsize`"):
        train(files, autotuneModelSize="1k", autotuneDuration=2)


def test_a_metric_of_one_label(files):
    model = train(files, autotuneMetric="recallAtPrecision:60:__label__1")
    assert model.test_label(str(files / "test"))["__label__1"]["recall"] > 0.5
    with pytest.raises(UserError, match="__label__7"):
        train(files, autotuneMetric="f1:__label__7")


def test_input_may_be_lines(files):
    model = fasttext.train_supervised(
        lines(300, 3),
        autotuneValidationFile=lines(100, 4),
        autotuneDuration=120,
        dim=8,
        bucket=5000,
        thread=1,
        verbose=0,
    )
    assert model.test(str(files / "test"))[0] == 300


def test_no_such_validation_file(files):
    with pytest.raises(UserError, match="Validation file cannot be opened"):
        train(files, autotuneValidationFile=str(files / "nowhere"))


@needs_peer
@pytest.mark.slow  # nothing that a model found by a search has is its own; the others are asked about always
def test_the_original_opens_what_was_found(files, tmp_path):
    model = train(files)
    model.save_model(str(tmp_path / "m.bin"))
    script = (
        "model = fasttext.load_model(str(given['path']))\n"
        "out['test'] = np.array(model.f.test(str(given['test']), 1, 0.0))\n"
    )
    seen = run_live(script, path=str(tmp_path / "m.bin"), test=str(files / "test"))
    assert tuple(seen["test"]) == pytest.approx(model.test(str(files / "test")))


@pytest.mark.parametrize(("size", "ending"), [("40k", "ftz"), ("", "bin")])
def test_the_command_line(files, tmp_path, capsys, size, ending):
    words = [
        "-input",
        files / "train",
        "-output",
        tmp_path / "m",
        "-dim",
        16,
        "-bucket",
        20_000,
        "-verbose",
        0,
    ]
    words += ["-thread", 1, "-autotune-validation", files / "valid", "-autotune-duration", 120]
    words += ["-autotune-modelsize", size] if size else []
    commands.train("supervised", [str(word) for word in words])
    assert {p.name for p in tmp_path.iterdir()} == {f"m.{ending}", "m.vec"}
    model = fasttext.load_model(str(tmp_path / f"m.{ending}"))
    assert model.is_quantized() == bool(size) and model.test(str(files / "test"))[1] > 0.6


def test_without_buckets_the_search_tries_words_alone(files, monkeypatch):
    def stop(self, made) -> None:
        assert made.outcome == "scored"
        if made.number == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(tuning._Watch, "trial", stop)
    for given in ({}, {"minn": 2}):  # which alone turns no subwords on
        model = train(files, bucket=0, **given)
        args = model.classic.args
        assert (args.bucket, args.word_ngrams, args.maxn) == (
            0,
            1,
            0,
        )  # the order of words is out of its reach
        assert model.get_input_matrix().shape == (len(model.words), 16)
    for impossible in ({"wordNgrams": 2}, {"minn": 2, "maxn": 3}):
        with pytest.raises(ValueError, match="bucket"):
            train(files, bucket=0, **impossible)


def test_a_small_model_under_a_size_stays_as_it_is(files, tmp_path):
    lines = ["__label__a good", "__label__b bad"] * 5
    path = tmp_path / "few"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = fasttext.train_supervised(
        str(path), autotuneValidationFile=str(path), autotuneDuration=2, autotuneModelSize="8M", verbose=0,
        thread=1, dim=5, wordNgrams=1, maxn=0,
    )  # fmt: skip
    assert not model.is_quantized() and model.predict("bad")[0] == ("__label__b",)
    model.save_model(str(tmp_path / "m.bin"))
    assert (tmp_path / "m.bin").stat().st_size < 1000
