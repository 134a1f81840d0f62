"""The published figures on real data; minutes long, so marked slow."""

import io
import json
import re

import numpy as np
import pytest
import torch
import zstandard

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import as_batch, documents, encode_bags
from ftcore.dictionary.init import initial_rows
from ftcore.engines.choice import choose_engine
from ftcore.model.losses import huffman_tree
from ftcore.model.module import TwoTables
from ftcore.training.validation import validate
from tests.reference.peer import data_file
from tests.trained import finetune


def imdb(part):
    with data_file(f"imdb/{part}.jsonl.zst").open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        rows = [json.loads(line) for line in text]
    return [" ".join(re.findall(r"\w+", r["text"].lower())) for r in rows], [[str(r["label"])] for r in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "original"), [("softmax", 0.878), ("ova", 0.878), ("hs", 0.866), ("ns", 0.883)]
)
def test_imdb_unigrams_reach_the_originals_accuracy(loss, original):
    """Within half a point of the original (12 threads, the same tokens and options, measured once)."""
    train, test = (as_batch(*imdb(part)) for part in ("train", "test"))
    options = config.Finetune(dim=100, loss=loss, batch_size=16)
    dictionary = Dictionary.build(documents([train]), options)
    bags = encode_bags([train], dictionary, grow=True)
    rows = torch.from_numpy(initial_rows(0, dictionary.numbers(), 100))
    tables = TwoTables(rows, torch.zeros(dictionary.nlabels, 100))
    result = finetune(tables, dictionary, bags, None, options, engine=choose_engine("auto", "cpu"))
    assert np.isfinite(result.history[-1]["loss"])
    tree = huffman_tree(dictionary.label_counts) if loss == "hs" else None
    scores = validate(tables, encode_bags([test], dictionary), loss, tree=tree)
    assert scores["accuracy"] > original - 0.005
