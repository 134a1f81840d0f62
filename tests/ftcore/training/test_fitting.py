"""Models made to fit a size: the size is kept to, files open in the original, rows are renumbered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.dictionary.encode import as_batch
from ftcore.dictionary.init import initial_rows
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.formats.binary import write_binary
from ftcore.formats.quantized import cut_off, quantize
from ftcore.model.model import Args, Model
from ftcore.model.module import TwoTables
from ftcore.training.autotune import autotune
from ftcore.training.documents import Tokenized
from ftcore.training.fitting import TooSmall, dense, file_size, fit, parse_size, renumber
from ftcore.training.objective import answer
from tests.reference.peer import needs_peer, run_live
from tests.trained import finetune

ENGINE = choose_engine("cpu", "cpu")


@pytest.mark.parametrize(
    ("text", "size"), [("", None), ("800", 800), ("2k", 2000), ("3K", 3000), ("5M", 5_000_000), ("1G", 10**9)]
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["M", "2 M", "-1M", "1.5M", "2T", "0", "²M"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UserError, match="model size"):
        parse_size(text)


def rows(n: int, seed: int, classes: int = 4) -> list[tuple[list[str], str]]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        label = int(rng.integers(classes))
        words = [
            f"topic{label}word{rng.integers(9)}" if rng.random() < 0.5 else f"w{rng.zipf(1.3) % 2000}"
            for _ in range(10)
        ]
        made.append(([f"__label__{label}"], " ".join(words)))
    return made


class Texts(Tokenized):
    def __init__(self, n: int, seed: int, classes: int = 4) -> None:
        self.rows = rows(n, seed, classes)
        batch = as_batch([text for _, text in self.rows], [labels for labels, _ in self.rows])
        super().__init__(lambda: [batch])


def trained(texts: Texts, **options) -> tuple[Model, object, config.Finetune]:
    chosen = config.Finetune(
        **{"dim": 10, "epoch": 5, "lr": 0.5, "bucket": 3000, "keep_best": False, **options}
    )
    dictionary = texts.count(chosen)
    bags = texts.bags(dictionary, True)
    tables = TwoTables(
        torch.from_numpy(initial_rows(0, dictionary.numbers(), chosen.dim)),
        torch.zeros(dictionary.nlabels, chosen.dim),
    )
    finetune(tables, dictionary, bags, None, chosen, engine=ENGINE)
    names = ("dim", "epoch", "min_count", "neg", "word_ngrams", "loss", "bucket", "minn", "maxn", "lr")
    args = Args(model="supervised", **{name: getattr(chosen, name) for name in names})
    return (
        Model(args, dictionary, *(t.detach().numpy() for t in (tables.input, tables.output))),
        bags,
        chosen,
    )


@pytest.fixture(scope="module")
def model() -> tuple[Model, object, config.Finetune]:
    return trained(Texts(800, 0), word_ngrams=2, minn=2, maxn=3)


@pytest.mark.parametrize("dsub", [2, 4, 3])
@pytest.mark.parametrize("cutoff", [0, 700])
@pytest.mark.parametrize("qnorm", [False, True])
def test_the_size_of_a_file_is_known_before_it_is_made(model, tmp_path, dsub, cutoff, qnorm):
    classic = model[0]
    kept = cut_off(classic, cutoff) if cutoff else classic
    write_binary(quantize(classic, cutoff=cutoff, dsub=dsub, qnorm=qnorm), tmp_path / "m.ftz")
    assert file_size(kept, dsub, qnorm, False) == (tmp_path / "m.ftz").stat().st_size


def test_with_many_labels_the_output_is_quantised_too(tmp_path):
    classic = trained(Texts(1500, 0, classes=300), epoch=1)[0]
    fitted = fit(classic, 60_000)
    write_binary(fitted.classic, tmp_path / "m.ftz")
    assert fitted.qout and not isinstance(fitted.classic.output, np.ndarray)
    assert fitted.bytes == (tmp_path / "m.ftz").stat().st_size <= 60_000


@pytest.mark.parametrize("size", [26_000, 40_000, 90_000, 10_000_000])
def test_the_file_is_at_most_as_large_as_asked(model, tmp_path, size):
    fitted = fit(model[0], size)
    write_binary(fitted.classic, tmp_path / "m.ftz")
    found = (tmp_path / "m.ftz").stat().st_size
    assert found == fitted.bytes <= size
    rows = len(fitted.classic.input)
    if fitted.cutoff:
        assert found > size - 40 and rows == fitted.cutoff < len(model[0].input), "room is left"
    else:
        assert size >= 90_000 and rows == len(model[0].input)
    kept = {bytes(w) for w in fitted.classic.dictionary.words}
    assert b"</s>" in kept


def test_the_longest_rows_are_kept_as_the_original_s_cutoff_keeps_them(model):
    """Of the rows that occur; the original's choice among all buckets is `cut_off`."""
    classic = model[0]
    fitted = fit(classic, 30_000)
    found, expected = fitted.classic.dictionary, cut_off(classic, fitted.cutoff).dictionary
    assert set(expected.words) <= set(found.words)  # no room goes to buckets that never occurred
    occurring = np.isin(expected.bucket_rows.pairs[:, 0], classic.dictionary.buckets)
    assert {*expected.bucket_rows.pairs[occurring, 0].tolist()} <= {*found.bucket_rows.pairs[:, 0].tolist()}


def test_a_size_that_nothing_fits(model):
    with pytest.raises(TooSmall, match="2000 bytes"):
        fit(model[0], 2000)


@pytest.mark.parametrize("grams", [{}, {"word_ngrams": 2}])
def test_a_model_of_too_few_rows_to_quantise_is_taken_as_it_is_where_it_fits(tmp_path, grams):
    classic = trained(Texts(6, 0), epoch=1, bucket=50, **grams)[0]
    assert len(classic.input) < 256
    write_binary(classic, tmp_path / "m.bin")
    size = (tmp_path / "m.bin").stat().st_size
    for room in (size, 8_000_000):
        fitted = fit(classic, room)
        assert fitted.classic is classic and (fitted.bytes, fitted.cutoff, fitted.qout) == (size, 0, False)
    with pytest.raises(TooSmall, match=f"has {size} bytes.*too few"):
        fit(classic, size - 1)


def test_a_search_under_a_size_takes_a_small_model_whole():
    train, valid = Texts(6, 0), Texts(6, 1)
    options = config.Finetune(dim=4, epoch=2, lr=0.5)
    found = autotune(
        train,
        valid,
        options,
        {"dim", "word_ngrams", "minn", "maxn"},
        duration=1,
        model_size="8M",
        engine=ENGINE,
    )
    assert {trial.outcome for trial in found.trials} <= {"scored", "no time"} and found.score > 0


def test_bags_are_renumbered_as_if_encoded_anew(model):
    classic, bags, _ = model
    texts = Texts(50, 9)
    for cutoff in (300, 700, 1500):
        cut = cut_off(classic, cutoff)
        for old, again in ((bags, Texts(800, 0)), (texts.bags(classic.dictionary, False), texts)):
            made, expected = (
                renumber(old, classic.dictionary, cut.dictionary),
                again.bags(cut.dictionary, False),
            )
            kept = expected.ids >= 0
            assert made.ids.tolist() == expected.ids[kept].tolist()
            assert (
                np.diff(made.offsets).tolist()
                == np.add.reduceat(np.append(kept, False), expected.offsets[:-1]).tolist()
            )


@needs_peer
@pytest.mark.slow  # a fitted file is a quantised one, of which the original is asked always
def test_the_original_opens_a_fitted_model_and_answers_alike(model, tmp_path):
    classic, _, _ = model
    texts = Texts(100, 5)
    fitted = fit(classic, 40_000)
    write_binary(fitted.classic, tmp_path / "m.ftz")
    script = (
        "model = fasttext.load_model(str(given['path']))\n"
        "labels, p = model.predict([str(t) for t in given['texts']])\n"
        "out['labels'] = np.array([l[0] for l in labels]); out['p'] = np.array([q[0] for q in p])\n"
    )
    seen = run_live(script, path=str(tmp_path / "m.ftz"), texts=[text for _, text in texts.rows])
    bags = renumber(texts.bags(classic.dictionary, False), classic.dictionary, fitted.classic.dictionary)
    found = answer(TwoTables(*map(torch.from_numpy, dense(fitted.classic))), bags, "softmax")
    assert [classic.dictionary.labels[i] for i in found.labels[:, 0]] == seen["labels"].tolist()
    np.testing.assert_allclose(found.scores[:, 0], np.minimum(seen["p"], 1), atol=2e-4)


def test_a_search_under_a_size_judges_quantised_models(tmp_path):
    train, valid = Texts(800, 0), Texts(300, 1)
    base = config.Finetune(dim=16, epoch=5, lr=0.5, bucket=20_000)
    told = []

    def some(trial) -> None:
        told.append(trial)
        if len(told) >= 4 and any(t.outcome == "scored" for t in told):
            raise KeyboardInterrupt

    result = autotune(train, valid, base, model_size="60k", duration=60, engine=ENGINE, on_trial=some)
    scored = [t for t in told if t.outcome == "scored"]
    assert {t.outcome for t in told} <= {"scored", "too small", "no time", "stopped"}
    assert all(t.figures["bytes"] <= 60_000 for t in scored) and result.score > 0.6
    with pytest.raises(UserError, match="autotune-modelsize"):
        autotune(train, valid, base, {"dim"}, model_size="1k", duration=1, engine=ENGINE)
