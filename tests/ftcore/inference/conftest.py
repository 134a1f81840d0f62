"""Small models made by the original, and what it answers."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from ftcore.formats.binary import read_binary
from ftcore.model.model import Model
from tests.reference.peer import run_peer

LOSSES = ("softmax", "ova", "ns", "hs")
WORDS = [f"w{i}" for i in range(220)] + ["电影", "好看", "naïve", "中国人", "brand-new"]
_TRAIN = """
for loss in given["losses"]:
    m = fasttext.train_supervised(str(given["path"]), loss=str(loss), dim=7, lr=.5, epoch=3, thread=12,
        wordNgrams=2, bucket=300, minn=2, maxn=3, minCount=3, verbose=0)
    m.save_model(f"{given['into']}/{loss}.bin")
    # small pieces and no norms for one of them: both forms of a quantised row
    m.quantize(str(given["path"]), cutoff=400, qnorm=bool(loss != "ns"), qout=False, dsub=3, verbose=0)
    m.save_model(f"{given['into']}/{loss}.ftz")
for model, loss in (("skipgram", "ns"), ("cbow", "hs")):
    m = fasttext.train_unsupervised(str(given["path"]), model, loss=loss, dim=7, epoch=1, lr=.01, thread=12,
        bucket=300, minCount=3, verbose=0)
    m.save_model(f"{given['into']}/{model}.bin")
"""


def random_lines(count: int, seed: int) -> list[str]:
    """Lines of 0 to 19 words, some of them in no model's vocabulary."""
    draw = random.Random(seed)
    return ["", "brand-new"] + [" ".join(draw.choices(WORDS, k=draw.randrange(20))) for _ in range(count - 2)]


@pytest.fixture(scope="session")
def labelled(tmp_path_factory) -> Path:
    """3,000 lines with 7 labels that overlap in their words."""
    draw = random.Random(1)
    path = tmp_path_factory.mktemp("inference") / "train.txt"
    with path.open("w") as file:
        for _ in range(3000):
            label = draw.randrange(7)
            words = draw.choices(WORDS[label * 18 : label * 18 + 110] + WORDS[-5:-1], k=draw.randrange(1, 20))
            file.write(f"__label__{label} {' '.join(words)}\n")
    return path


@pytest.fixture(scope="session")
def models(labelled, tmp_path_factory) -> Path:
    """Directory of the original's {softmax,ova,ns,hs}.{bin,ftz} and {skipgram,cbow}.bin."""
    folder = tmp_path_factory.mktemp("models")
    run_peer(_TRAIN, folder, path=labelled, losses=np.array(LOSSES))
    return folder


@pytest.fixture(scope="session")
def load(models):
    """Name of a model file -> what `read_binary` makes of it, each read once."""
    read: dict[str, Model] = {}

    def get(name: str) -> Model:
        if name not in read:
            read[name] = read_binary(models / name)
        return read[name]

    return get
