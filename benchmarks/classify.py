"""Does the reference engine, in batches of at most 16 and without pretraining, reach the original's accuracy?

The three configurations in examples/ (and IMDB with unigrams), on the same shards with the same
hyperparameters: dim, lr, epochs, n-grams, buckets and min_count as their ``finetune`` says. Ours trains as
the pipeline does, the validation split choosing the epoch; the original (12 threads, a subprocess) reads the
train split's tokens, shuffled, from a file, because its threads start at different places in it and some
data sets are sorted by label. Both answer the same test split, scored by the same function (accuracy, which
is P@1, and macro-F1). A seed at a time, in turn. Seconds are from tokens, in memory (ours) or on disk (the
original's), to a trained model, without saving.

    python -m benchmarks.classify --data ../shared/data [--only imdb] [--seeds 3] [--work FOLDER]

``FTCORE_PEER`` names a Python with the original, built with ``-O3 -march=native`` (default:
``.venv-peer/bin/python``). The last line is one JSON object; it is also written, with the machine and the
versions, to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.peer import THREADS, machine, peer_has_avx, peer_python, versions
from ftcore.config import Config, digest, load_config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import documents, encode_bags
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.reading.sources import cut_file, list_files
from ftcore.shards.commit import CommitOptions, commit_shards
from ftcore.shards.dedup import find_duplicates
from ftcore.shards.manifest import MANIFEST, load_manifest
from ftcore.shards.prepare import KEYS, PrepareOptions, prepare_parts
from ftcore.shards.shards import iter_batches
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.effort import settle, usable
from ftcore.training.recipe import Conditions, Prepared, fit

HERE = Path(__file__).resolve().parent
CASES: dict[str, tuple[str, list[str]]] = {  # name: (configuration, changes)
    "imdb": ("imdb", []),
    "imdb-unigrams": ("imdb", ["finetune.word_ngrams=1", "finetune.lr=0.1"]),
    "thucnews": ("thucnews", []),
    "bilingual_reviews": ("bilingual_reviews", []),
}
TARGET = 0.005  # of accuracy that ours may fall short of the original

PEER = """
import fasttext, json, sys, time
given = json.load(sys.stdin)
wall, cpu = time.perf_counter(), time.process_time()
model = fasttext.train_supervised(given["train"], verbose=0, **given["options"])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
lines = open(given["test"], encoding="utf-8", newline="\\n").read().split("\\n")[:-1]
labels, _ = model.predict(lines)
prefix = len("__label__")
print(json.dumps({"said": [found[0][prefix:] if found else "" for found in labels], "wall": wall, "cpu": cpu}))
"""


@dataclass(frozen=True)
class Score:
    """One training: its scores on the test split, by language too, and the seconds it took."""

    accuracy: float
    macro_f1: float
    languages: dict[str, list[float]]  # language: [accuracy, macro_f1]
    wall: float
    cpu: float


@dataclass(frozen=True)
class TestSplit:
    """What both are asked: token lines [N], gold labels [N], languages [N]."""

    lines: list[str]
    gold: np.ndarray
    languages: np.ndarray

    @classmethod
    def read(cls, shards: Path) -> TestSplit:
        """The test split of some shards."""
        lines, gold, languages = [], [], []
        for batch in iter_batches(shards, ["test"], columns=["tokens", "labels", "language"]):
            lines += batch.column("tokens").to_pylist()
            gold += [labels[0] for labels in batch.column("labels").to_pylist()]
            languages += batch.column("language").to_pylist()
        return cls(lines, np.array(gold), np.array(languages))

    def score(self, said: Sequence[str], wall: float, cpu: float) -> Score:
        """Scores of the answers [N]; the one function for both."""
        answers = np.array(said)
        assert len(answers) == len(self.gold)
        by_language = {}
        for name in np.unique(self.languages):
            some = self.languages == name
            by_language[str(name)] = [
                float((answers[some] == self.gold[some]).mean()),
                macro_f1(answers[some], self.gold[some]),
            ]
        accuracy = float((answers == self.gold).mean())
        return Score(accuracy, macro_f1(answers, self.gold), by_language, wall, cpu)


def macro_f1(answers: np.ndarray, gold: np.ndarray) -> float:
    """Mean F1 of the labels that are gold or answered.

    >>> round(macro_f1(np.array(["a", "b", "b"]), np.array(["a", "b", "a"])), 4)
    0.6667
    """
    scores = []
    for label in np.union1d(answers, gold):
        hits = np.sum((answers == label) & (gold == label))
        scores.append(2 * hits / (np.sum(answers == label) + np.sum(gold == label)))
    return float(np.mean(scores))


# -------------------------------------------------------------------------------------------- shards
def prepare(config: Config, work: Path) -> Path:
    """Shards of the labelled sources, made once per configuration and input.

    The unlabelled sources are left out: without pretraining nothing reads them, and standing last they
    change no labelled document.
    """
    labelled = [source for source in config.ingest.sources if source.label is not None]
    config = config.model_copy(update={"ingest": config.ingest.model_copy(update={"sources": labelled})})
    options = CommitOptions.of(config)
    parts = [p for f in list_files(config.ingest, config.data) for p in cut_file(f, config.ingest)]
    name = digest([options.shaping(), [part.digest for part in parts]])[:16]
    shards = work / name / "shards"
    if (shards / MANIFEST).is_file():
        load_manifest(shards)
        return shards
    print(f"  preparing {len(parts)} parts", file=sys.stderr)
    prepared = prepare_parts(parts, PrepareOptions.of(config), work / name / "parts")
    drops = work / name / "drops"
    find_duplicates([Path(part.path) / KEYS for part in prepared], drops)
    commit_shards(prepared, drops, options, shards)
    return shards


def write_peer_file(shards: Path, path: Path, seed: int) -> Path:
    """The train split as the original reads it, in a random order."""
    lines = [
        f"__label__{labels[0]} {tokens.decode()}\n"
        for labels, tokens in documents(iter_batches(shards, ["train"]))
    ]
    random.Random(seed).shuffle(lines)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return path


# ------------------------------------------------------------------------------------------ trainings
def measure_ours(shards: Path, test: TestSplit, config: Config, seed: int) -> Score:
    """The reference engine, as tasks/finetune.py calls it without pretraining."""
    train, valid = (list(iter_batches(shards, [split])) for split in ("train", "valid"))
    wall, cpu = time.perf_counter(), time.process_time()
    dictionary = Dictionary.build(documents(train), config.finetune)
    bags = encode_bags(train, dictionary, grow=True)
    options = settle(config.finetune, **usable(bags))
    held_out = encode_bags(valid, dictionary)
    model = FastText.untrained(
        Tokenizer(config.text), dictionary, dim=config.finetune_dim, loss=options.loss, seed=seed
    )
    prepared = Prepared(dictionary, bags, held_out if len(held_out) else None)
    fit(model.tables, prepared, options, Conditions(choose_engine("auto", "cpu"), seed))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    best = model.probabilities(test.lines).argmax(1)
    return test.score([str(model.labels[i]) for i in best], wall, cpu)


def measure_peer(
    python: Path, train: Path, held_out: Path, test: TestSplit, config: Config, seed: int
) -> Score:
    """The original with the same hyperparameters, in a process of its own."""
    o = config.finetune
    options = {
        "dim": config.finetune_dim,
        "lr": o.lr,
        "epoch": o.epoch,
        "minCount": o.min_count,
        "minn": o.minn,
        "maxn": o.maxn,
        "wordNgrams": o.word_ngrams,
        "bucket": o.bucket,
        "loss": o.loss,
        "neg": o.neg,
        "thread": THREADS,
        "seed": seed,
    }
    order = {"train": str(train), "test": str(held_out), "options": options}
    done = subprocess.run(
        [str(python), "-c", PEER], input=json.dumps(order), capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return test.score(answer["said"], answer["wall"], answer["cpu"])


def compare(name: str, data: str, work: Path, peer: Path | None, seeds: int) -> dict:
    """All seeds of one case: both in turn."""
    file, changes = CASES[name]
    config = load_config(HERE.parent / "examples" / f"{file}.yaml", [f"data={data}", *changes])
    assert config.finetune.batch_size <= 16
    shards = prepare(config, work)
    test = TestSplit.read(shards)
    assert not any("\n" in line for line in test.lines)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        held_out = Path(folder) / "test.txt"
        held_out.write_text("".join(f"{line}\n" for line in test.lines), encoding="utf-8", newline="\n")
        for seed in range(seeds):
            if peer is not None:
                train = write_peer_file(shards, Path(folder) / "train.txt", seed)
                theirs.append(measure_peer(peer, train, held_out, test, config, seed))
                print(f"  {name} seed {seed} original {theirs[-1].accuracy:.4f}", file=sys.stderr)
            ours.append(measure_ours(shards, test, config, seed))
            print(f"  {name} seed {seed} ours     {ours[-1].accuracy:.4f}", file=sys.stderr)
    manifest = load_manifest(shards, verify=False)
    return {
        "finetune": config.finetune.model_dump() | {"dim": config.finetune_dim},
        "documents": {split: sum(found.values()) for split, found in manifest.documents.items()},
        "majority": float(max(np.mean(test.gold == label) for label in np.unique(test.gold))),
        "ours": [asdict(score) for score in ours],
        "original": [asdict(score) for score in theirs],
    } | summary(ours, theirs)


def summary(ours: list[Score], theirs: list[Score]) -> dict:
    """Medians over the seeds, and their differences and ratios (ours to the original's)."""

    def median(scores: list[Score], key: str) -> float:
        return statistics.median(getattr(score, key) for score in scores)

    found: dict = {f"{key}_ours": median(ours, key) for key in ("accuracy", "macro_f1", "wall", "cpu")}
    if theirs:
        found |= {f"{key}_original": median(theirs, key) for key in ("accuracy", "macro_f1", "wall", "cpu")}
        found["difference"] = found["accuracy_ours"] - found["accuracy_original"]
        found["cpu_ratio"] = found["cpu_original"] / found["cpu_ours"]
        found["within_target"] = found["difference"] >= -TARGET
    return found


# --------------------------------------------------------------------------------------------- report
def table(results: dict[str, dict]) -> Iterator[str]:
    """Lines for the terminal."""
    yield f"{'':18}{'original':>9}{'ours':>8}{'points':>8}{'  F1 orig':>9}{'F1 ours':>9}{'CPU orig':>10}{'CPU ours':>10}{'ratio':>7}{'wall':>13}"
    for name, row in results.items():
        if "difference" not in row:
            yield f"{name:18}{'':9}{row['accuracy_ours']:8.4f}{'':8}{'':9}{row['macro_f1_ours']:9.4f}"
            continue
        yield (
            f"{name:18}{row['accuracy_original']:9.4f}{row['accuracy_ours']:8.4f}{100 * row['difference']:+8.2f}"
            f"{row['macro_f1_original']:9.4f}{row['macro_f1_ours']:9.4f}"
            f"{row['cpu_original']:9.1f}s{row['cpu_ours']:9.1f}s{row['cpu_ratio']:6.2f}x"
            f"{row['wall_original']:6.1f} {row['wall_ours']:5.1f}s"
        )


def warm_up() -> None:
    """Compile the kernels before anything is timed."""
    lines, labels = ["a b c", "d e"] * 20, [["x"], ["y"]] * 20
    for n in (1, 2):
        model = FastText.from_texts(
            lines, [found[0] for found in labels], dim=10, word_ngrams=n, minn=n, maxn=2, bucket=100
        )
        model.fit(list(zip(lines, [found[0] for found in labels], strict=True)), epochs=1)
        model.probabilities(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../shared/data", help="folder with imdb/, thucnews_titles/, …")
    parser.add_argument("--only", choices=list(CASES), nargs="+", default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--work",
        type=Path,
        help="folder that keeps the shards (empty it when the text code changed); default: a temporary one",
    )
    chosen = parser.parse_args(arguments)
    try:
        peer = peer_python()
        warm_up()
        with tempfile.TemporaryDirectory() as folder:
            work = chosen.work or Path(folder)
            results = {name: compare(name, chosen.data, work, peer, chosen.seeds) for name in chosen.only}
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"medians of {chosen.seeds} seeds; original: {THREADS} threads, ours: 1 thread, batches of 16")
    print("\n".join(table(results)))
    report = {
        "benchmark": "classify",
        "date": datetime.date.today().isoformat(),
        "seeds": chosen.seeds,
        "machine": machine(),
        "versions": versions(peer),
        "peer_native": peer_has_avx(peer) if peer else None,
        "results": results,
    }
    if chosen.only == list(CASES):  # a part of it must not replace the whole
        out = HERE / "results" / f"{report['date']}-classify.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
