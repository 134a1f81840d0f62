"""What `train_documents` refuses, and how it is interrupted."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from ftcore import native


def chunk(documents=20, features=5, rows=30, classes=3, dim=7, **changes):
    """Keyword arguments of a chunk of softmax."""
    rng = np.random.default_rng(0)
    made = {
        "input": rng.random((rows, dim), np.float32),
        "output": rng.random((classes, dim), np.float32),
        "ids": rng.integers(0, rows, documents * features).astype(np.int32),
        "offsets": np.arange(documents + 1) * features,
        "order": rng.permutation(documents),
        "rate": np.full(documents, 0.1, np.float32),
        "weight": np.empty(0, np.float32),
        "loss": 0,
        "place": rng.integers(0, classes, documents),
        "row": np.empty(0, np.int32),
        "code": np.empty(0, np.float32),
        "spans": np.zeros(1, np.int64),
        "head_rate": 1.0,
        "decay": 0.0,
        "clip": 0.0,
        "train_input": True,
        "frozen": np.empty(0, np.bool_),
        "threads": 1,
    }
    return made | changes


SPANS = {"row": np.array([0, 1, 2], np.int32), "spans": np.array([0, 1, 3])}
WRONG = {
    "an id beyond the table": {"ids": np.full(100, 30, np.int32)},
    "a negative id": {"ids": np.full(100, -1, np.int32)},
    "an order beyond the documents": {"order": np.full(20, 20)},
    "a negative order": {"order": np.full(20, -1)},
    "offsets beyond the ids": {"offsets": np.arange(21) * 6},
    "offsets that fall": {"offsets": np.arange(20, -1, -1) * 5},
    "negative offsets": {"offsets": np.arange(-1, 20) * 5},
    "empty documents": {"offsets": np.zeros(21, np.int64)},
    "a label beyond the head": {"place": np.full(20, 3)},
    "a negative label": {"place": np.full(20, -1)},
    "too few rates": {"rate": np.zeros(19, np.float32)},
    "too few weights": {"weight": np.zeros(19, np.float32)},
    "too short a mask": {"frozen": np.zeros(29, np.bool_)},
    "no such loss": {"loss": 4},
    "no threads": {"threads": 0},
    "no offsets": {"offsets": np.empty(0, np.int64)},
    "another dim": {"output": np.zeros((3, 6), np.float32)},
    "no class": {"output": np.zeros((0, 7), np.float32)},
    "a span beyond": {"loss": 1, "place": np.full(20, 2), **SPANS},
    "a row of a span beyond": {"loss": 2, "place": np.full(20, 1), **SPANS, "row": np.full(3, 3, np.int32)},
    "spans beyond the rows": {"loss": 1, "place": np.full(20, 1), **SPANS, "spans": np.array([0, 1, 4])},
    "no codes": {"loss": 3, "place": np.full(20, 1), **SPANS},
}


@pytest.mark.parametrize("wrong", list(WRONG))
@pytest.mark.parametrize("threads", [1, 3])
def test_a_chunk_that_fits_nothing_is_refused(wrong, threads):
    with pytest.raises(ValueError, match="."):
        native.train_documents(**chunk(**{"threads": threads, **WRONG[wrong]}))


def test_arrays_of_another_type_are_refused():
    for change in (
        {"ids": np.zeros(100, np.int64)},
        {"input": np.zeros((7, 30), np.float32).T},
        {"order": np.arange(40)[::2]},
    ):
        with pytest.raises(TypeError):
            native.train_documents(**chunk(**change))


@pytest.mark.parametrize("threads", [2, 8])
@pytest.mark.parametrize("loss", [0, 1, 2])
@pytest.mark.parametrize("joint", [{}, {"clip": 1.0}, {"decay": 0.01}])
def test_what_each_thread_knows_comes_home(threads, loss, joint):
    """At a tiny rate the order of updates is forgotten: threads move the tables as far as one does."""
    found = []
    for number in (1, threads):
        given = chunk(400, 9, loss=loss, threads=number, **joint)
        given["rate"] = np.full(400, 1e-3, np.float32)
        if loss:
            given |= {"row": np.arange(3, dtype=np.int32), "spans": np.arange(4)}
        before = given["input"].copy(), given["output"].copy()
        native.train_documents(**given)
        found.append([given[name] - old for name, old in zip(("input", "output"), before, strict=True)])
    for one, many in zip(*found, strict=True):
        assert np.abs(one).max() > 1e-5
        np.testing.assert_allclose(many, one, atol=0.05 * np.abs(one).max())


@pytest.mark.parametrize("documents", [1, 2, 5, 33, 1000])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_each_document_is_one_threads(threads, documents):
    """At rate 0 nothing moves: the loss is the sum over all documents, each once, whoever claims it."""
    given = chunk(documents, threads=threads, rate=np.zeros(documents, np.float32))
    features = given["input"][given["ids"].reshape(documents, -1)].mean(1)[given["order"]]
    scores = (features @ given["output"].T).astype(np.float64)
    right = scores[np.arange(documents), given["place"]]
    loss, broken = native.train_documents(**given)
    assert loss == pytest.approx((np.log(np.exp(scores).sum(1)) - right).sum(), rel=1e-5)
    assert broken == -1


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_is_answered_within_a_second(threads):
    """A chunk of some ten seconds."""
    given = chunk(200_000, 100, rows=1000, classes=300, dim=100, threads=threads)
    at = {}

    def interrupt():
        at["sent"] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        native.train_documents(**given)
    assert time.monotonic() - at["sent"] < 1
    timer.join()
