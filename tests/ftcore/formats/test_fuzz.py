"""Mutated `.bin`, `.ftz` and `.vec` files: a `UserError` or a model that works, in bounded time and memory."""

from __future__ import annotations

import random
import resource
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ftcore import config
from ftcore.dictionary.bucket_rows import EveryBucket
from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import UserError
from ftcore.formats import binary
from ftcore.formats.binary import read_binary, write_binary
from ftcore.formats.quantized import quantize
from ftcore.formats.vec import read_vec, write_vec
from ftcore.inference.predict import Predictor
from ftcore.inference.vectors import Vectors
from ftcore.model.model import Args, Model
from tests.ftcore.formats.mutations import mutate

SECONDS = 5.0  # a file of some kilobytes takes milliseconds; the machine may be busy
MEMORY = 64 << 20
SLACK = 1 << 30  # of address space, most of it the stacks and arenas of threads
TEXTS = ["w1 中文 unseen w2", "", "\udcff w3 w3 w3"]


def seed_models() -> list[Model]:
    """Small models of every kind of file: all losses, subwords, word n-grams, quantised, cut off."""
    rng = np.random.default_rng(0)
    made = []
    for number, loss in enumerate(("hs", "ns", "softmax", "ova")):
        for supervised in (True, False):
            subwords = number % 2 == 1 or not supervised
            options = config.DictionaryOptions(
                bucket=280,
                minn=2 if subwords else 0,
                maxn=3 if subwords else 0,
                word_ngrams=2 if supervised else 1,
            )
            words = [b"w%d" % i for i in range(9)] + ["中文".encode(), b"\xff", b"</s>"]
            labels = [f"__label__{i}" for i in range(4)] if supervised else []
            counts = np.arange(len(words), 0, -1)
            dictionary = Dictionary(
                words, labels, counts, np.array([4, 3, 2, 1][: len(labels)]), 99, options, EveryBucket()
            )
            args = Args(
                model="supervised" if supervised else ("cbow", "skipgram")[number % 2], loss=loss, dim=3, bucket=280,
                minn=options.minn, maxn=options.maxn, word_ngrams=options.word_ngrams,
            )  # fmt: skip
            rows = len(words) + 280
            table = rng.normal(size=(rows, 3)).astype(np.float32)
            output = rng.normal(size=(len(labels) or len(words), 3)).astype(np.float32)
            made.append(Model(args, dictionary, table, output))
    many = made[4]
    labels = [f"__label__{i}" for i in range(260)]
    old = many.dictionary
    dictionary = Dictionary(old.words, labels, old.counts, np.ones(260, int), 99, old.options, EveryBucket())
    many = Model(many.args, dictionary, many.input, rng.normal(size=(260, 3)).astype(np.float32))
    made += [quantize(made[0], qnorm=True), quantize(made[3], dsub=2), quantize(made[2], cutoff=270)]
    return [*made, quantize(many, qout=True, qnorm=True), quantize(made[1], cutoff=260, qnorm=True)]


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes, int]]:
    """(ending, bytes, size of header and vocabulary) of the files to damage; all kernels compiled by them."""
    folder = tmp_path_factory.mktemp("seeds")
    found = []
    for number, classic in enumerate(seed_models()):
        path = folder / f"{number}.bin"
        write_binary(classic, path)
        use(read_binary(path))
        found.append(("bin", path.read_bytes(), 500))
    words = [b"w%d" % i for i in range(20)] + ["中文".encode(), b"\xff", b"a b"]
    write_vec(folder / "m.vec", words, np.random.default_rng(0).normal(size=(23, 5)).astype(np.float32))
    read_vec(folder / "m.vec")
    data = (folder / "m.vec").read_bytes()
    return found + [("vec", data, len(data))] * (len(found) // 2)


def use(classic: Model) -> None:
    """Vectors, and predictions of a classifier: what must not crash on any model that was accepted."""
    vectors = Vectors(classic, threads=1)
    words = [*classic.dictionary.words[:3], b"unseen", b"w1", "中文".encode()]
    assert vectors.words(words).shape == (len(words), classic.args.dim)
    assert vectors.sentence("w1 w2 unseen").shape == (classic.args.dim,)
    if classic.args.supervised and classic.dictionary.nlabels:
        found = Predictor(classic, threads=1).predict(TEXTS, k=2)
        assert len(found) == len(TEXTS)
        assert np.all((found.labels >= 0) & (found.labels < classic.dictionary.nlabels))


def attack(ending: str, data: bytes, path: Path) -> str:
    """What came of a file: "accepted", or the kind of refusal. Fails on anything else."""
    path.write_bytes(data)
    tracemalloc.reset_peak()
    before, start = tracemalloc.get_traced_memory()[0], time.perf_counter()
    try:
        if ending == "vec":
            words, vectors = read_vec(path, threads=1)
            assert len(words) == len(vectors)
        else:
            use(read_binary(path))
        outcome = "accepted"
    except UserError as error:
        outcome = "refused"
        assert str(path) in str(error), error
    peak = tracemalloc.get_traced_memory()[1] - before
    assert peak <= max(MEMORY, 4 * len(data)), f"{peak:,} bytes for a file of {len(data):,}"
    assert time.perf_counter() - start < SECONDS
    return outcome


def campaign(seeds: list, first: int, count: int, folder: Path) -> Counter:
    """Damage number `first` and the following; a failure names its number, which reproduces it."""
    outcomes: Counter = Counter()
    path = folder / "damaged"
    tracemalloc.start()
    patch = pytest.MonkeyPatch()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])  # tracemalloc does not see what kernels take
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + SLACK, hard))
    try:
        for number in range(first, first + count):
            rng = random.Random(number)
            ending, data, head = seeds[number % len(seeds)]
            patch.setattr(binary, "COPY_BELOW", MEMORY * (number % 2))  # matrices left in the map, or copied
            try:
                outcomes[ending, attack(ending, mutate(data, rng, head), path)] += 1
            except Exception as error:
                error.add_note(f"damage number {number} of a .{ending}; the file is {path}")
                raise
    finally:
        patch.undo()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        tracemalloc.stop()
    return outcomes


def test_damaged_files(seeds: list, tmp_path: Path):
    outcomes = campaign(seeds, 0, 400, tmp_path)
    assert sum(outcomes.values()) == 400
    for ending in ("bin", "vec"):  # both ways are taken, or the damage would be too weak or too strong
        assert outcomes[ending, "refused"] > 20 and outcomes[ending, "accepted"] > 5, outcomes


@pytest.mark.slow
def test_ten_thousand_damaged_files(seeds: list, tmp_path: Path):
    outcomes = campaign(seeds, 1000, 10_000, tmp_path)
    assert sum(outcomes.values()) == 10_000
