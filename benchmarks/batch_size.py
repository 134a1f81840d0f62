"""What does a larger batch cost in accuracy and save in time, beside the original fastText?

IMDB reviews, unigrams (lower-cased ``\\w+``), dim 100, lr 0.1, 5 epochs: the reference engine at batch
sizes 1, 4, 16 and 64, and the official fastText at 12 threads, in turn, a round for every seed. Seconds
are from text in memory (ours) or on disk (the original) to a trained model, wall clock and CPU of all
threads; the original's do not include saving. Medians over the rounds.

    python -m benchmarks.batch_size --data ../shared/data [--rounds 3]

``FTCORE_PEER`` names a Python with the original, built with ``CXXFLAGS="-O3 -funroll-loops -march=native"`` (default:
``.venv-peer/bin/python``); without it only ours is measured. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import zstandard

from benchmarks.peer import THREADS, peer_has_avx, peer_python
from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import as_batch, documents, encode_bags
from ftcore.dictionary.init import initial_rows
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.model.module import TwoTables
from ftcore.training.recipe import Conditions, Prepared, fit
from ftcore.training.validation import validate

DIM, LR, EPOCHS = 100, 0.1, 5

PEER = """
import fasttext, json, sys, time
train, test, dim, lr, epoch, thread = sys.argv[1:]
wall, cpu = time.perf_counter(), time.process_time()
model = fasttext.train_supervised(train, dim=int(dim), lr=float(lr), epoch=int(epoch), thread=int(thread), verbose=0)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"accuracy": model.test(test)[1], "wall": wall, "cpu": cpu}))
"""

Pairs = list[tuple[str, str]]  # (tokens joined by a space, label)


def read_imdb(data: Path, part: str) -> Pairs:
    """Reviews of one part, tokenised simply."""
    path = data / "imdb" / f"{part}.jsonl.zst"
    with path.open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        rows = [json.loads(line) for line in text]
    return [(" ".join(re.findall(r"\w+", row["text"].lower())), str(row["label"])) for row in rows]


def measure_ours(train: Pairs, test: Pairs, batch_size: int, seed: int) -> dict[str, float]:
    """Accuracy on the test part; seconds from tokens to a trained model, and of training alone."""
    wall, cpu = time.perf_counter(), time.process_time()
    options = config.Finetune(dim=DIM, lr=LR, epoch=EPOCHS, batch_size=batch_size)
    batch = [as_batch([text for text, _ in train], [[label] for _, label in train])]
    dictionary = Dictionary.build(documents(batch), options)
    bags = encode_bags(batch, dictionary, grow=True)
    rows = torch.from_numpy(initial_rows(seed, dictionary.numbers(), DIM))
    tables = TwoTables(rows, torch.zeros(dictionary.nlabels, DIM))
    start = time.process_time()
    fit(tables, Prepared(dictionary, bags), options, Conditions(choose_engine("reference", "cpu"), seed))
    trained = time.process_time() - start
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    held_out = encode_bags([as_batch([text for text, _ in test], [[label] for _, label in test])], dictionary)
    accuracy = validate(tables, held_out, "softmax", seed=seed)["accuracy"]
    return {"accuracy": accuracy, "wall": wall, "cpu": cpu, "train_cpu": trained}


def measure_peer(python: Path, train: Path, test: Path) -> dict[str, float]:
    """The same of the original, in a process of its own."""
    arguments = [str(a) for a in (train, test, DIM, LR, EPOCHS, THREADS)]
    done = subprocess.run([str(python), "-c", PEER, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def write_peer_file(path: Path, pairs: Pairs) -> Path:
    path.write_text("".join(f"__label__{label} {text}\n" for text, label in pairs), encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 16, 64])
    chosen = parser.parse_args(arguments)
    try:
        peer = peer_python()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    train, test = read_imdb(chosen.data, "train"), read_imdb(chosen.data, "test")
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        test_file = write_peer_file(Path(folder) / "test.txt", test)
        measure_ours(train[::50], test[:10], 16, 0)  # compile and warm up
        for seed in range(chosen.rounds):
            random.Random(seed).shuffle(train)
            train_file = write_peer_file(Path(folder) / "train.txt", train)
            if peer is not None:
                found.setdefault("fasttext", []).append(measure_peer(peer, train_file, test_file))
            for size in chosen.batch_sizes:
                found.setdefault(str(size), []).append(measure_ours(train, test, size, seed))
            print(f"round {seed + 1} of {chosen.rounds} done", file=sys.stderr)
    report(found, peer_has_avx(peer) if peer else None, chosen.rounds)
    return 0


def report(found: dict[str, list[dict[str, float]]], avx: bool | None, rounds: int) -> None:
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in found.items()
    }
    peer = medians.get("fasttext")
    print(f"IMDB unigrams, dim {DIM}, lr {LR}, {EPOCHS} epochs; medians of {rounds} rounds")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, "
          f"numpy {np.__version__}, python {platform.python_version()}, peer native: {avx}")  # fmt: skip
    print(
        f"{'':14} {'accuracy':>9} {'spread':>15} {'wall s':>8} {'CPU s':>8} {'train CPU':>9} {'CPU ratio':>10}"
    )
    for name, row in medians.items():
        title = f"fastText x{THREADS}" if name == "fasttext" else f"batch {name}"
        scores = [run["accuracy"] for run in found[name]]
        spread = f"{min(scores):.4f}-{max(scores):.4f}"
        alone = f"{row['train_cpu']:9.2f}" if "train_cpu" in row else f"{'':9}"
        ratio = f"{peer['cpu'] / row['cpu']:9.2f}x" if peer else ""
        print(
            f"{title:14} {row['accuracy']:9.4f} {spread:>15} {row['wall']:8.2f} {row['cpu']:8.2f} {alone} {ratio}"
        )
        row["accuracies"] = scores
        row["cpu_ratio_to_fasttext"] = peer["cpu"] / row["cpu"] if peer else None
    print(json.dumps({"benchmark": "batch_size", "rounds": rounds, "peer_native": avx, "medians": medians}))


if __name__ == "__main__":
    raise SystemExit(main())
