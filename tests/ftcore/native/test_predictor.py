"""What answers by itself, from bytes to labels or vectors: against the same in plain numpy, and what it refuses."""

from __future__ import annotations

import gc
import signal
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.dictionary.lookup import Words

WORDS = [b"</s>", b"film", "电影".encode(), b"a-word-of-many-bytes", b"dull"]
DIM, LABELS, BUCKET = 5, 3, 97
RNG = np.random.default_rng(0)
SIGMOID = (1 / (1 + np.exp(-np.linspace(-8, 8, 513)))).astype(np.float32)
NONE = np.zeros(0, np.int32)


def vocabulary(ngrams: int = 2) -> native.Vocabulary:
    packed = Words.of([*WORDS, b"__label__x"])
    table = native.WordTable(packed.blob, packed.offsets)
    bucket = BUCKET if ngrams > 1 else 0
    return native.Vocabulary(
        table, len(WORDS), 0, b"__label__", NONE, np.zeros(1, np.int64), 0, 0, ngrams, bucket
    )


TABLE = RNG.normal(size=(len(WORDS) + BUCKET, DIM)).astype(np.float32)
OUTPUT = RNG.normal(size=(LABELS, DIM)).astype(np.float32)


def predictor(
    table: np.ndarray = TABLE, folded: bool = True, output: np.ndarray = OUTPUT
) -> native.Predictor:
    rows = native.Rows(table, len(table), DIM, len(WORDS), BUCKET, None, False, 0)
    place = np.zeros((len(table), len(output)), np.float32) if folded else None
    return native.Predictor(vocabulary(), rows, output, place, native.SOFTMAX, SIGMOID, NONE, NONE)


def expected(line: str | bytes) -> np.ndarray:
    """Probabilities by numpy, from the features that `line_features` gives."""
    data = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
    text = np.frombuffer(data.replace(b"\n", b" ") + b"\n" + bytes(8), np.uint8)
    ids = native.line_features(text, True, False, vocabulary())[0]
    scores = OUTPUT.astype(float) @ TABLE[ids].mean(axis=0, dtype=float)
    return np.exp(scores) / np.exp(scores).sum()


LINE = st.one_of(
    st.text(max_size=40), st.binary(max_size=40),
    st.lists(st.sampled_from(["film", "电影", "dull", "new", "</s>", "__label__x", "\0", "\ud800"]), max_size=9).map(" ".join),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(LINE, max_size=8), st.booleans())
def test_a_list_answers_as_numpy_does_and_each_line_alone_with_the_same_bits(lines, folded):
    model = predictor(folded=folded)
    labels, found, ends, sound = model.lines(lines, LABELS, 0.0)
    assert sound and ends.tolist() == [LABELS * b for b in range(len(lines) + 1)]
    one = native.NamedAnswers(predictor(folded=folded), ["x", "y", "z"], 1)
    for b, line in enumerate(lines):
        truth = expected(line)
        np.testing.assert_allclose(
            found[ends[b] : ends[b + 1]], truth[labels[ends[b] : ends[b + 1]]], rtol=2e-4, atol=2e-5
        )
        assert (np.diff(found[ends[b] : ends[b + 1]]) <= 0).all()
        alone = predictor(folded=folded).lines([line], LABELS, 0.0)
        assert alone[0].tolist() == labels[ends[b] : ends[b + 1]].tolist()
        assert alone[1].tobytes() == found[ends[b] : ends[b + 1]].tobytes()
        quick = one.predict(line, -1, 0.0, "strict")
        if quick is None:
            assert isinstance(line, bytes) or "\n" in line or "\ud800" in line
        else:
            assert quick[0] == tuple("xyz"[i] for i in alone[0]) and quick[1].tolist() == alone[1].tolist()


SPEECH = ["film", "电影", "dull", "new", "a-word-of-many-bytes", "é", "</s>", "__label__x", "\0"]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("folded", [True, False])
def test_threads_give_the_bits_of_each_line_alone(threads, folded):
    """Pieces of a list are answered side by side, and put in order: more lines than one piece holds, in one call."""
    random = np.random.default_rng(1)
    lines = [" ".join(random.choice(SPEECH, random.integers(0, 30))) for _ in range(3000)]
    lines[1500] = "film " * 100_000
    alone = predictor(folded=folded)
    said = [alone.lines([line], LABELS, 0.3) for line in lines]
    labels, found, ends, sound = predictor(folded=folded).lines(lines, LABELS, 0.3, threads)
    assert sound and ends.tolist() == np.cumsum([0, *(len(one[0]) for one in said)]).tolist()
    assert labels.tolist() == np.concatenate([one[0] for one in said]).tolist()
    assert found.tobytes() == np.concatenate([one[1] for one in said]).tobytes()
    names, numbers = native.NamedAnswers(predictor(folded=folded), ["x", "y", "z"], threads).predict(
        lines, -1, 0.3, "strict"
    )
    assert names == [["xyz"[i] for i in one[0]] for one in said]
    assert [one.tobytes() for one in numbers] == [one[1].tobytes() for one in said]
    assert {one.dtype for one in numbers} == {np.dtype(np.float32)}


@pytest.mark.parametrize("at", [0, 2600, 2999])
@pytest.mark.parametrize("wrong", ["a\nb", "\ud800", b"film", None, "film"])
def test_a_list_with_more_to_it_is_left_to_whoever_says_what(at, wrong):
    lines = ["dull"] * 3000
    lines[at] = wrong
    answer = native.NamedAnswers(predictor(), ["x", "y", "z"], 2).predict(lines, 1, 0.0, "strict")
    assert (answer is None) == (wrong != "film")
    table = TABLE.copy()
    table[1] = np.nan
    lines[at] = "film"
    model = predictor(table)
    assert native.NamedAnswers(model, ["x", "y", "z"], 2).predict(lines, 1, 0.0, "strict") is None
    assert not model.lines(lines, 1, 0.0, 2)[3]


def test_an_answer_in_lists_leaves_the_collector_as_it_was():
    one = native.NamedAnswers(predictor(), ["x", "y", "z"], 2)
    for wanted in (False, True):
        gc.enable() if wanted else gc.disable()
        try:
            for lines in (["film"] * 3000, ["film\n"] * 3000):
                one.predict(lines, 1, 0.0, "strict")
                assert gc.isenabled() == wanted
        finally:
            gc.enable()


def test_an_interrupt_ends_a_list():
    """Ctrl-C is answered between pieces; the list would take minutes."""
    model = native.NamedAnswers(predictor(), ["x", "y", "z"], 2)
    line = "film dull " * 50_000
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.predict([line] * 200_000, 1, 0.0, "strict")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - started < 10  # a second, on a machine with nothing else to do


def test_long_lines_many_labels_and_thresholds():
    model = predictor()
    one = native.NamedAnswers(model, ["x", "y", "z"], 1)
    for line in ("", "\0", "film " * 200_000, "x" * 3_000_000, " " * 100_000):
        labels, found, ends, sound = model.lines([line], 1 << 40, 0.0)
        assert sound and ends.tolist() == [0, LABELS]
        assert one.predict(line, 1 << 40, 0.0, "strict")[1].tolist() == found.tolist()
    assert (
        one.predict("film", -1, 1.5, "strict")[0] == ()
        and len(one.predict("film", -1, 1.5, "strict")[1]) == 0
    )
    assert model.lines(["film"], 1, 1.5)[2].tolist() == [0, 0]
    assert [part.tolist() for part in model.lines([], 1, 0.0)[:3]] == [[], [], [0]]


@pytest.mark.parametrize("folded", [True, False])
def test_numbers_that_are_none_are_told(folded):
    table = TABLE.copy()
    table[1] = np.nan
    model = predictor(table, folded)
    assert model.lines(["dull"], 1, 0.0)[3] and not model.lines(["film"], 1, 0.0)[3]
    one = native.NamedAnswers(model, ["x", "y", "z"], 1)
    assert one.predict("film", 1, 0.0, "strict") is None and one.predict("dull", 1, 0.0, "strict") is not None


def test_rows_that_are_codes_are_asked_for():
    rows = native.Rows(None, len(TABLE), DIM, len(WORDS), BUCKET, None, False, 0)
    folded = np.zeros((len(TABLE), LABELS), np.float32)
    model = native.Predictor(vocabulary(), rows, OUTPUT, folded, native.SOFTMAX, SIGMOID, NONE, NONE)
    missing = model.lines(["film dull"], 1, 0.0)
    assert isinstance(missing, np.ndarray) and {1, 4, 0} <= set(missing.tolist())
    native.fold_rows(TABLE[missing], OUTPUT, missing, folded)
    found = model.lines(["film dull"], LABELS, 0.0)[1]
    assert found.tobytes() == predictor().lines(["film dull"], LABELS, 0.0)[1].tobytes()
    lines = ["film new"] * 2000 + ["dull 电影 old"] * 2000
    missing = model.lines(lines, 1, 0.0, 2)
    assert 2 in missing and len(set(missing.tolist())) > 4  # of all pieces
    native.fold_rows(TABLE[np.unique(missing)], OUTPUT, np.unique(missing), folded)
    assert (
        model.lines(lines, LABELS, 0.0, 2)[1].tobytes() == predictor().lines(lines, LABELS, 0.0)[1].tobytes()
    )


@pytest.mark.filterwarnings("ignore:nanobind")
def test_what_does_not_fit_is_refused():
    rows = native.Rows(TABLE, len(TABLE), DIM, len(WORDS), BUCKET, None, False, 0)
    good = [vocabulary(), rows, OUTPUT, None, native.SOFTMAX, SIGMOID, NONE, NONE]
    other = native.Rows(TABLE, len(TABLE), DIM, len(WORDS) - 1, BUCKET, None, False, 0)
    bad = {
        0: [None, rows, native.Vocabulary.__new__(native.Vocabulary)], 1: [None, other],
        2: [OUTPUT[:0], OUTPUT[:, :-1].copy(), OUTPUT.astype(float)], 3: [np.zeros((2, LABELS), np.float32)],
        4: [-1, 3, native.TREE], 5: [SIGMOID[:-1].copy()],
    }  # fmt: skip
    native.Predictor(*good)
    for at, values in bad.items():
        for value in values:
            with pytest.raises((TypeError, ValueError)):
                native.Predictor(*good[:at], value, *good[at + 1 :])
    for arguments in (
        [TABLE, 5, DIM, 5, BUCKET, None, False, 0],
        [TABLE, len(TABLE), DIM, 1 << 31, 0, None, False, 0],
    ):
        with pytest.raises(ValueError):
            native.Rows(*arguments)
    for places in (
        np.full(BUCKET, len(TABLE), np.int32),
        np.full(BUCKET, -2, np.int32),
        np.zeros(3, np.int32),
    ):
        with pytest.raises(ValueError):
            native.Rows(TABLE, len(TABLE), DIM, len(WORDS), BUCKET, places, False, 0)
    model = native.Predictor(*good)
    for call in (
        lambda: model.lines(["a"], 0, 0.0),
        lambda: model.text(np.zeros(7, np.uint8), 1, 0.0),
        lambda: model.lines(3, 1, 0.0),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
    assert model.lines(["a", None], 1, 0.0) is None and model.lines([3], 1, 0.0) is None
    with pytest.raises(ValueError):
        native.NamedAnswers(model, ["x"], 1)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 131])
def test_means_are_summed_in_the_order_of_the_features(dim):
    """In float32, one after another, whatever the width: the bits of the obvious loop. The table may lie anywhere."""
    raw = np.zeros(4 * 50 * dim + 1, np.uint8)
    table = np.ndarray((50, dim), np.float32, raw[1:].data)
    table[:] = RNG.normal(size=(50, dim)) * 10 ** RNG.uniform(-4, 4, size=(50, 1))
    ids, offsets = RNG.integers(-4, 50, 40, np.int32), np.array([0, 0, 1, 17, 40])
    extra, out = RNG.normal(size=(4, dim)).astype(np.float32), np.empty((4, dim), np.float32)
    native.mean_rows(table, extra, ids, offsets, out)
    for b in range(4):
        total, line = np.zeros(dim, np.float32), ids[offsets[b] : offsets[b + 1]]
        for i in line.tolist():
            total += table[i] if i >= 0 else extra[-1 - i]
        assert out[b].tobytes() == (total * np.float32(1 / len(line)) if len(line) else total).tobytes()


@pytest.mark.parametrize("dim", [1, 3, 4, 15, 16, 21, 100, 300])
def test_a_product_has_the_same_bits_alone_and_folded(dim):
    rows, output = RNG.normal(size=(9, dim)).astype(np.float32), RNG.normal(size=(71, dim)).astype(np.float32)
    out, folded = np.empty((9, 71), np.float32), np.zeros((9, 71), np.float32)
    native.products(rows, output, out)
    native.fold_rows(rows, output, np.arange(9, dtype=np.int32), folded)
    np.testing.assert_allclose(out, rows.astype(float) @ output.T.astype(float), rtol=1e-4, atol=1e-4)
    assert folded.tobytes() == out.tobytes()
    for b, c in ((0, 0), (3, 70), (8, 42)):
        one = np.empty((1, 1), np.float32)
        native.products(rows[b : b + 1], output[c : c + 1], one)
        assert one[0, 0] == out[b, c]
