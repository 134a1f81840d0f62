"""Models that the original trained and saved, and a way to run one script in both."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ftcore
from ftcore import compat
from tests.reference.peer import run_peer

WORDS = ["soup", "noodle", "面条", "牛肉", "sauce", "bake", "oven", "salt", "é", "pasta", "火锅", "spicy"]
LABELS = ("food", "菜", "both")


def labelled_lines(count: int, seed: int = 0) -> list[str]:
    """Lines with a label or two among words that tell it; some of neither."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        at = rng.randrange(3)
        words = [rng.choice(WORDS[4 * at : 4 * at + 4]) for _ in range(rng.randint(2, 6))] + rng.choices(
            WORDS, k=2
        )
        labels = [f"__label__{LABELS[at]}"] + ["__label__both"] * (rng.random() < 0.2)
        lines.append(" ".join([*labels, *words]))
    return [*lines, "__label__food", "no label here", ""]


@pytest.fixture(scope="session")
def train_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("compat") / "train.txt"
    path.write_text("\n".join(labelled_lines(400)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def test_file(tmp_path_factory) -> Path:
    """Unseen words, an unknown label, a line twice, a literal end of line, a last line without newline."""
    path = tmp_path_factory.mktemp("compat") / "test.txt"
    lines = labelled_lines(60, seed=1)
    lines += [
        "__label__food __label__food soup",
        "__label__unknown soup",
        "__label__菜 火锅 </s> __label__food bake",
    ]
    path.write_text("\n".join([*lines, "__label__菜 面条 unseen"]), encoding="utf-8")
    return path


KINDS = {  # name: train function, arguments; 12 threads, so that the original initialises all rows
    "softmax": ("train_supervised", {"wordNgrams": 2, "minn": 2, "maxn": 3, "loss": "softmax", "lr": 0.5}),
    "hs": ("train_supervised", {"loss": "hs", "lr": 0.5}),
    "ova": ("train_supervised", {"loss": "ova", "lr": 0.5, "label": "__label__"}),
    "skipgram": ("train_unsupervised", {"minCount": 1, "minn": 2, "maxn": 3}),
    "cbow": ("train_unsupervised", {"minCount": 1, "maxn": 0, "model": "cbow", "loss": "hs"}),
}


@pytest.fixture(scope="session")
def originals(train_file, tmp_path_factory) -> dict[str, Path]:
    """`.bin` of each of `KINDS`, and ``pruned`` (a `.ftz`), trained by the original."""
    folder = tmp_path_factory.mktemp("originals")
    calls = "".join(
        f"m = fasttext.{function}(path, dim=6, bucket=300, thread=12, verbose=0, **{named!r})\n"
        f"m.save_model(folder + '/{name}.bin')\n"
        for name, (function, named) in KINDS.items()
    )
    run_peer(
        "path, folder = str(given['path']), str(given['into'])\n"
        + calls
        + "m = fasttext.load_model(folder + '/softmax.bin')\n"
        "m.quantize(cutoff=260, qnorm=True, dsub=2)\n"
        "m.save_model(folder + '/pruned.ftz')\n",
        folder,
        path=train_file,
    )
    return {path.stem: path for path in folder.iterdir()}


PRELUDE = """
import json, os, tempfile
def error(call):
    try:
        call()
    except Exception as e:
        return [type(e).__name__, str(e)]
    return ["", ""]
"""


def run_here(script: str, **arrays: object) -> dict[str, np.ndarray]:
    """The script of `run_peer`, with ftcore as `fasttext`."""
    names = {
        name: getattr(ftcore, name)
        for name in (
            "train_supervised",
            "train_unsupervised",
            "load_model",
            "tokenize",
            "util",
            "EOS",
            "BOW",
            "EOW",
        )
    }
    out: dict[str, object] = {}
    fasttext = SimpleNamespace(**names, FastText=compat)
    exec(script, {"fasttext": fasttext, "np": np, "given": arrays, "out": out})
    return {name: np.asarray(value) for name, value in out.items()}


def run_both(script: str, **arrays: object) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(the original's, ours): what the script puts into ``out``; `error` gives [type, text] of a call's error."""
    return run_peer(PRELUDE + script, **arrays), run_here(PRELUDE + script, **arrays)
