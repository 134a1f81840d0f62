"""Damaged model directories and shipped bytes, attacked one by one in this process, which a crash may end.

Run by `test_fuzz_models.py`: ``python attack_models.py FIRST COUNT FOLDER``. The number of every attack is
printed before it begins, so that the one that ended the process is known; the last line holds the outcomes.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from ftcore import FastText, config
from ftcore.compat.functions import load_model
from ftcore.compat.model import _FastText
from ftcore.errors import UserError
from ftcore.formats import checkpoint, container
from ftcore.formats.binary import read_binary, write_binary
from ftcore.formats.directory import from_bytes, to_bytes
from ftcore.text.tokenizer import Whitespace
from tests.ftcore.formats.mutations import mutate, mutate_arrays, mutate_json
from tests.ftcore.formats.test_fuzz import seed_models
from tests.ftcore.formats.test_fuzz import use as use_classic

SECONDS = 10.0
SLACK = 1 << 30  # of address space beyond what the process has before the first attack
TEXTS = ["好看 a film", "unseen words", "", "</s> \udcff"]
MOST_BUCKETS = 100_000  # a `.bin` has a row for each


def seed_directories() -> list[FastText]:
    """Small models of every kind and loss; with user words and stopwords, text in two languages, numbers as labels."""
    texts = ["好看 a film", "boring 电影 b b", "nice 1 film", "dull"]
    made = []
    words = config.Text(stopwords=config.Stopwords(mode="on"))
    for loss, labels in (
        ("softmax", [1, 0, 1, 0]),
        ("hs", ["x", "y", "z", "x"]),
        ("ns", ["中", "y", "y", "x"]),
    ):
        made.append(
            FastText.from_texts(
                texts, labels, text=words, loss=loss, minn=1, maxn=3, word_ngrams=2, bucket=90, dim=4
            )
        )
    made.append(FastText.from_texts(texts, [["x", "y"], ["y"], [], ["x"]], loss="ova", dim=3))
    made[-1].tokenizer = Whitespace()
    for kind, loss in (("skipgram", "ns"), ("cbow", "hs")):
        made.append(FastText.from_texts(texts, kind=kind, loss=loss, minn=2, maxn=3, bucket=50, dim=3))
    for number, model in enumerate(made):
        rng = np.random.default_rng(number)
        for table in (model.tables.input, model.tables.output):
            table.data.numpy()[:] = rng.normal(size=table.shape)
    return made


def write_damaged(arrays: dict, header: dict, rng: random.Random, folder: Path) -> None:
    """A directory with right checksums, so that the damage reaches the checks behind them."""
    ways = rng.choice((("json",), ("arrays",), ("arrays",), ("arrays", "json"), ("tensors",), ("text",)))
    if "arrays" in ways:
        arrays = mutate_arrays(arrays, rng)
    weights = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    if "tensors" in ways:
        size = int.from_bytes(weights[:8], "little")
        weights = mutate(weights, rng, 8 + size)
    about = {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    whole = {**header, "format": checkpoint.FORMAT, "version": checkpoint.VERSION, "weights": about}
    if "json" in ways:
        whole = mutate_json(whole, rng)
    text = json.dumps(whole).encode()
    if "text" in ways:
        text = mutate(text, rng, len(text)) if rng.random() < 0.9 else b"[" * 100_000
    folder.mkdir(exist_ok=True)
    (folder / checkpoint.WEIGHTS).write_bytes(weights)
    (folder / checkpoint.HEADER).write_bytes(text)


def packed(folder: Path) -> bytes:
    """The same damage as shipped bytes."""
    text, weights = (folder / name for name in (checkpoint.HEADER, checkpoint.WEIGHTS))
    return (
        container.MAGIC
        + len(text.read_bytes()).to_bytes(8, "little")
        + text.read_bytes()
        + weights.read_bytes()
    )


def use(model: FastText, folder: Path, thorough: bool) -> None:
    """All that one does with a model; it may refuse (`UserError`, ValueError), never anything else."""
    if model.kind == "supervised":
        found = model.predict(TEXTS, k=2)
        assert len(found) == len(TEXTS) and all(set(answer.labels) <= set(model.labels) for answer in found)
    for word in (*model.words[:3], "unseen", "好看", "</s>"):
        assert model.word_vector(word).shape == (model.dim,)
    assert model.sentence_vector(TEXTS[0]).shape == (model.dim,)
    assert len(model.nearest_neighbors("film", 3)) <= 3
    again = FastText.from_bytes(model.to_bytes())
    assert again.words == model.words and again.labels == model.labels
    use_fasttext(_FastText(classic=model.to_model().with_prefix()), folder, thorough)
    if thorough:
        model.save(folder / "again")
        FastText.load(folder / "again")
        model.fit([(text, "x") for text in TEXTS[:2]] + [("b", "y")], epochs=1)


def use_fasttext(model: _FastText, folder: Path, thorough: bool) -> None:
    """The same through fastText's API."""
    use_classic(model.classic)
    if model.classic.args.supervised and model.get_labels():
        assert len(model.predict(["好看 a film", "w1 w2"], k=2)[0]) == 2
    model.get_nearest_neighbors("film", 3, "replace")
    model.get_subwords("w1"), model.get_line("a w1 </s>")
    if thorough and model.classic.dictionary.bucket < MOST_BUCKETS:
        write_binary(model.classic, folder / "again.bin")
        use_classic(read_binary(folder / "again.bin"))


def attack(number: int, seeds: list, shipped: list, folder: Path) -> str:
    rng = random.Random(number)
    thorough = number % 8 == 0
    if number % 3 == 2:
        write_damaged(*shipped[number // 3 % len(shipped)], rng, folder / "model")
    else:
        write_damaged(*seeds[number // 3 % len(seeds)], rng, folder / "model")
    try:
        if number % 3 == 2:
            model, run = _FastText(classic=from_bytes(packed(folder / "model"))), use_fasttext
        elif number % 3 == 1 and number % 2:
            model, run = FastText.from_bytes(packed(folder / "model")), use
        elif number % 9 == 0:
            model, run = load_model(folder / "model"), use_fasttext
        else:
            model, run = FastText.load(folder / "model"), use
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000, error
        assert str(folder / "model") in str(error) or "these bytes" in str(error), error
        return "refused"
    try:
        run(model, folder, thorough)
    except ValueError:  # and UserError, which is one
        return "refused in use"
    return "used"


def main(first: int, count: int, folder: Path) -> None:
    warnings.simplefilter("ignore")
    seeds = [container.unpack_arrays(model.to_bytes()) for model in seed_directories()]
    shipped = [container.unpack_arrays(to_bytes(classic)) for classic in seed_models()]
    for arrays, header in seeds:  # compiles everything, which is not an attack's time
        container_bytes = container.pack_arrays(arrays, header)
        use(FastText.from_bytes(container_bytes), folder, True)
    for arrays, header in shipped:
        use_fasttext(_FastText(classic=from_bytes(container.pack_arrays(arrays, header))), folder, True)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + SLACK, resource.RLIM_INFINITY))
    outcomes: Counter[str] = Counter()
    for number in range(first, first + count):
        print(number, flush=True)
        start = time.process_time()
        outcomes[attack(number, seeds, shipped, folder)] += 1
        assert time.process_time() - start < SECONDS
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
