"""Weights of documents: what they are equal to, on both engines, and which are refused."""

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import as_batch, encode_bags
from ftcore.dictionary.init import initial_rows
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.model.module import TwoTables
from tests.trained import finetune

LINES = ["a b c", "d e f", "a x", "d y"]
LABELS = [["p"], ["q"], ["p"], ["q"]]


def train(engine="cpu", loss="softmax", weights=None, batch_size=1, **options):
    chosen = config.Finetune(dim=4, epoch=1, lr=0.5, batch_size=batch_size, loss=loss, **options)
    dictionary = Dictionary.build(zip(LABELS, LINES, strict=True), chosen)
    bags = encode_bags([as_batch(LINES, LABELS)], dictionary, grow=True)
    rows = torch.from_numpy(initial_rows(0, dictionary.numbers(), 4))
    tables = TwoTables(rows, torch.tensor([[0.1] * 4, [-0.1] * 4]))
    finetune(
        tables, dictionary, bags, None, chosen, engine=choose_engine(engine, "cpu"), document_weights=weights
    )
    return np.concatenate([tables.input.detach().numpy(), tables.output.detach().numpy()])


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize("loss", ["softmax", "ova", "ns", "hs"])
def test_documents_that_weigh_as_their_class(engine, loss):
    own = train(engine, loss, np.array([3, 0.5, 3, 0.5]))
    assert np.array_equal(own, train(engine, loss, class_weights={"p": 3, "q": 0.5}))
    assert not np.allclose(own, train(engine, loss))
    both = train(engine, loss, np.array([3, 0.5, 3, 0.5]), class_weights={"p": 1 / 3, "q": 2})
    assert np.allclose(both, train(engine, loss), atol=1e-6)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_a_weight_belongs_to_its_document(engine):
    """With the order of documents fixed by the seed, a weight of 0 leaves out exactly that document's words."""
    table = train(engine, weights=np.array([1, 1, 1, 0]))
    start = train(engine, weights=np.array([0, 0, 0, 1e-30]))
    words = [b"</s>", b"a", b"d", b"b", b"c", b"e", b"f", b"x", b"y"]
    moved = {
        word
        for word, row, before in zip(words, table, start, strict=False)
        if not np.array_equal(row, before)
    }
    assert moved == set(words) - {b"y"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"\(2,\) document weights for 4 documents"),
        ([1, 1, -2, 1], "weight -2.0 of document 2"),
        ([1, np.nan, 1, 1], "weight nan of document 1"),
        ([[1], [1], [1], [1]], r"\(4, 1\) document weights"),
    ],
)
def test_weights_that_are_none(weights, message):
    with pytest.raises(UserError, match=message):
        train(weights=np.array(weights))
