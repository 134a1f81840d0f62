"""fastText itself, trained with one thread, equals `reference.original` step for step; our engines equal that.

The start is `pretrainedVectors` with every word, </s> too, so that no row of the original's is left to chance.
Built with gcc 12, with and without ``-march=native``, the original agreed in every bit; what the tests allow is for
other compilers.
"""

import json
from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest
import torch

from ftcore import config
from ftcore.base.ragged import Ragged
from ftcore.dictionary.encode import BagCorpus
from ftcore.engines.cpu.supervised import train_bags
from ftcore.engines.reference.engine import Reference
from ftcore.engines.setup import FinetuneSetup, LossTables
from ftcore.model.module import TwoTables
from tests.reference.dictionary import tokens
from tests.reference.original import Minstd, Original
from tests.reference.peer import data_file, needs_peer, run_live, run_peer

DIM = 8
PEER = """
import json
arguments = json.loads(str(given["arguments"]))
files = {"input": str(given["text"]), "pretrainedVectors": str(given["vectors"])}
model = getattr(fasttext, str(given["kind"]))(**arguments, **files)
words, counts = model.get_words(include_freq=True)
out["words"], out["counts"] = np.array([word.encode() for word in words]), counts
if str(given["kind"]) == "train_supervised":
    labels, counts = model.get_labels(include_freq=True)
    out["labels"], out["label_counts"] = np.array([label.encode() for label in labels]), counts
out["input"], out["output"] = model.get_input_matrix(), model.get_output_matrix()
"""
OPTIONS = {"lrUpdateRate": "lr_update_rate"}  # the original's name: ours


# ----------------------------------------------------------------------------------------------- texts
def synthetic(words: list[str], seed: int, lines: int = 300) -> list[str]:
    """Lines of 3 to 15 words, frequent ones more often, every second one fixed by that before it."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, len(words) + 1)
    found = []
    for _ in range(lines):
        line = rng.choice(len(words), size=rng.integers(3, 16), p=share / share.sum())
        line[1::2] = (line[: len(line) // 2 * 2 : 2] * 7 + 3) % len(words)
        found.append(" ".join(words[i] for i in line))
    found[lines // 2] = ""
    return found


ENGLISH = [
    a + b for a in ("th", "s", "qu", "ma", "no") for b in ("e", "ing", "at", "ick", "or", "un", "y", "est")
]
CHINESE = [a + b for a in "我天北电中" for b in ("", "气", "京", "影", "国", "的", "好", "是")]
LANGUAGES = ["English", "Chinese"]


def generated(language: str) -> list[str]:
    return synthetic(ENGLISH, 1) if language == "English" else synthetic(CHINESE, 2)


def labelled(lines: list[str]) -> list[str]:
    """One label or two by the line's first word and number; none on every tenth line."""
    names, found = ("a", "b", "c", "类"), []
    for number, line in enumerate(lines):
        k = len(line) + number % 2
        chosen = [names[k % 4]] + [names[(k + 1) % 4]] * (number % 3 == 0)
        found.append(" ".join(f"__label__{name}" for name in chosen * (number % 10 > 0)) + " " + line)
    return found


def real(language: str, lines: int) -> list[str]:
    """Labelled lines of the test sets, each Chinese character a word."""
    if language == "English":
        return data_file("cooking/cooking.train").read_text(encoding="utf-8").split("\n")[:lines]
    found = data_file("thucnews_titles/dev.txt").read_text(encoding="utf-8").split("\n")[:lines]
    return [f"__label__{line.split(chr(9))[1]} {' '.join(line.split(chr(9))[0])}" for line in found]


def without_labels(lines: list[str]) -> list[str]:
    return [" ".join(word for word in line.split() if "__label__" not in word) for line in lines]


# ----------------------------------------------------------------------------------------- both trained
class Both:
    """The original's result, and what makes a simulation of it."""

    def __init__(self, folder, lines: list[str], model: str, loss: str, ask: Callable = run_peer, **options):
        self.model, self.loss, self.options = model, loss, options
        self.text = "".join(f"{line}\n" for line in lines).encode()
        (folder / "train.txt").write_bytes(self.text)
        words = sorted({word for line in without_labels(lines) for word in line.split()} | {"</s>"})
        start = np.random.default_rng(3).uniform(-1 / DIM, 1 / DIM, (len(words), DIM)).astype(np.float32)
        rows = [
            " ".join([word, *map(repr, row.tolist())]) + "\n" for word, row in zip(words, start, strict=True)
        ]
        (folder / "start.vec").write_text(f"{len(rows)} {DIM}\n" + "".join(rows), encoding="utf-8")
        kind = "train_supervised" if model == "sup" else "train_unsupervised"
        arguments = {
            "dim": DIM, "loss": loss, "thread": 1, "minCount": 1, "minn": 0, "maxn": 0, "verbose": 0, **options,
        }  # fmt: skip
        if model != "sup":
            arguments["model"] = "skipgram" if model == "sg" else model
        files = {"text": folder / "train.txt", "vectors": folder / "start.vec"}
        self.peer = ask(PEER, kind=kind, arguments=json.dumps(arguments), **files)
        by_word = {word.encode(): row for word, row in zip(words, start, strict=True)}
        self.words = self.peer["words"].tolist()
        self.start = np.array([by_word[word] for word in self.words])
        # every word of the start vectors is counted once more
        self.ntokens = len(words) + sum(len(tokens(line.encode())) + 1 for line in lines)

    def simulation(self, **how) -> Original:
        labels = self.peer.get("labels", np.empty(0, "S1")).tolist()
        counts = self.peer.get("label_counts", np.empty(0, int)).tolist()
        options = {OPTIONS.get(name, name): value for name, value in self.options.items()}
        return Original(
            self.model, self.loss, self.words, self.peer["counts"].tolist(), self.ntokens, self.start,
            labels, counts, **options, **how,
        )  # fmt: skip

    def difference(self, fused: bool) -> float:
        ours = self.simulation(fused=fused)
        assert len(list(ours.run(self.text))) > 100
        assert np.abs(ours.input - self.start).max() > 100 * 1e-5
        found = [ours.input - self.peer["input"], ours.output - self.peer["output"]]
        return max(float(np.abs(part).max()) for part in found)

    def agrees(self, tolerance: float) -> bool:
        """Whether the simulation is the original, compiled with fused multiply-add or without."""
        return self.difference(fused=True) <= tolerance or self.difference(fused=False) <= tolerance


UNSUPERVISED = {"lr": 0.1, "epoch": 1, "ws": 3, "neg": 3, "t": 0.02}
SUPERVISED = {"lr": 0.5, "epoch": 2, "neg": 3, "seed": 4}


@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize("model", ["sg", "cbow"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_word_vectors(tmp_path, language, model, loss):
    assert Both(tmp_path, generated(language), model, loss, **UNSUPERVISED).agrees(1e-5)


@pytest.mark.parametrize("loss", ["softmax", "ns", "ova", "hs"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_supervised(tmp_path, language, loss):
    assert Both(tmp_path, labelled(generated(language)), "sup", loss, **SUPERVISED).agrees(1e-6)


@needs_peer
@pytest.mark.slow
@pytest.mark.parametrize("model, loss", [(m, loss) for m in ("sg", "cbow") for loss in ("ns", "hs")])
@pytest.mark.parametrize("language", LANGUAGES)
def test_word_vectors_on_real_text(tmp_path, language, model, loss):
    lines = without_labels(real(language, 400))
    assert Both(tmp_path, lines, model, loss, run_live, **(UNSUPERVISED | {"t": 1e-3})).agrees(1e-5)


@needs_peer
@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "ns", "ova"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_supervised_on_real_text(tmp_path, language, loss):
    assert Both(tmp_path, real(language, 300), "sup", loss, run_live, **(SUPERVISED | {"epoch": 1})).agrees(
        1e-6
    )


# ------------------------------------------------------------------------------- engines on its draws
class Recorded:
    """In the place of numpy's generator: the draws that a simulation made."""

    def __init__(self, steps):
        self.steps = steps

    def random(self, n):  # which of its labels each document takes
        assert n == len(self.steps)
        return np.array([(step.drawn + 0.5) / len(step.labels) for step in self.steps])

    def integers(self, low, high, shape):  # places in the table of negatives
        entries = np.array([step.entries for step in self.steps])
        assert low == 0 and entries.shape == shape and entries.max() < high
        return entries


def fed(engine, corpus, steps, options, setup, tables):
    """Train on the steps, a run of equal learning rates a call."""
    for _, run in groupby(range(len(steps)), key=lambda k: steps[k].rate):
        run = np.array(list(run))
        rate = float(steps[run[0]].rate)
        recorded = Recorded([steps[k] for k in run])
        engine(tables, corpus, run, options, lambda done, rate=rate: rate, recorded, setup)


@pytest.mark.parametrize("loss", ["softmax", "ns", "ova", "hs"])
@pytest.mark.parametrize("engine", [train_bags, Reference().finetune_bags], ids=["cpu", "reference"])
def test_engines_on_the_draws_of_the_original(engine, loss):
    """The original's sequence with exact sigmoids, where the original reads a table of 512 bins."""
    lines = labelled(generated("Chinese"))
    words = sorted({word.encode() for line in without_labels(lines) for word in line.split()} | {b"</s>"})
    labels = [b"__label__a", b"__label__b", b"__label__c", "__label__类".encode()]
    text = "".join(f"{line}\n" for line in lines).encode()
    found = [token for line in lines for token in tokens(line.encode())]
    counts = [max(1, found.count(word)) for word in words]
    label_counts = sorted((found.count(label) for label in labels), reverse=True)
    start = np.random.default_rng(5).uniform(-0.2, 0.2, (len(words), DIM)).astype(np.float32)
    original = Original(
        "sup", loss, words, counts, len(found) + len(lines), start, labels, label_counts,
        lr=0.5, epoch=2, neg=3, exact=True, fused=False,
    )  # fmt: skip
    steps = list(original.run(text))
    rows, targets = Ragged.of(step.rows for step in steps), Ragged.of(step.labels for step in steps)
    corpus = BagCorpus(
        rows.values.astype(np.int32), rows.offsets, targets.values.astype(np.int32), targets.offsets
    )
    tables = TwoTables(torch.from_numpy(start.copy()), torch.zeros(len(labels), DIM))
    options = config.Finetune(dim=DIM, loss=loss, lr=0.5, neg=3, batch_size=1)
    setup = FinetuneSetup(LossTables.build(loss, np.array(label_counts)))
    fed(engine, corpus, steps, options, setup, tables)
    assert np.abs(original.output).max() > 0.1 and len({step.rate for step in steps}) > 20
    np.testing.assert_allclose(tables.input.detach().numpy(), original.input, atol=1e-5, rtol=0)
    np.testing.assert_allclose(tables.output.detach().numpy(), original.output, atol=1e-5, rtol=0)


def test_the_generator_is_the_standard_one():
    """C++ defines minstd_rand by its 10000th number from the default seed, 1."""
    rng = Minstd(1)
    assert [rng.next() for _ in range(10_000)][-1] == 399268537
    assert Minstd(0).next() == Minstd(1).next()  # 0 would stay 0: the standard makes it 1
