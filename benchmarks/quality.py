"""How much better than fastText, tuned, and than a linear SVM are our classifiers on full data?

Per set and seed, on the same tokens: the original at the best point of a grid (a subprocess; the grid is searched once, on
seed 0 and the validation split, and its table kept in benchmarks/results/quality-grid.json), scikit-learn's LinearSVC on TF-IDF
of word 1-2-grams and character n-grams (C chosen on the validation split), and ours (`OURS`). Accuracy on the test set, mean
and standard error over the seeds; seconds of training; expected calibration error (15 bins) beside what 95 % of
perfectly calibrated models of as many documents stay below; and whether the original, opening our `.bin`, says the same labels.

    python -m benchmarks.quality --data ../shared/data [--quick] [--only SET …] [--seeds 5] [--sections full]

``--quick``: one seed, and where a set's grid is not kept four points of it are searched and not kept. ``FTCORE_PEER`` names
a Python with the original (default: ``.venv-peer/bin/python``). A question more is a function in `SECTIONS`.
The last line is one JSON object; a whole run is also written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ftcore
from benchmarks.peer import THREADS, conclude, load, peer_python
from benchmarks.quality_sets import SETS, Part, Split, read_split
from ftcore.errors import UserError

GRID = Path(__file__).resolve().parent / "results" / "quality-grid.json"
RATES, EPOCHS, WORDS = (0.1, 0.25, 0.5, 1.0), (5, 25, 50), (1, 2, 3)
QUICK = [{"lr": 0.5, "epoch": e, "wordNgrams": 2, "characters": c} for e in (5, 25) for c in (False, True)]
STRENGTHS = (0.1, 0.3, 1.0, 3.0)
BINS = 15
OURS: dict[str, dict[str, Any]] = {
    "linear": {"head": "linear"},
    "linear, refit": {"head": "linear", "refit": True},
}

TRAIN = """
import fasttext, json, sys, time
given = json.load(sys.stdin)
begun = time.perf_counter(), time.process_time()
model = fasttext.train_supervised(given["train"], verbose=0, **given["options"])
seconds = time.perf_counter() - begun[0], time.process_time() - begun[1]
lines = open(given["asked"], encoding="utf-8", newline="\\n").read().split("\\n")[:-1]
labels, scores = model.predict(lines)
print(json.dumps({"said": [found[0] if found else "" for found in labels],
                  "sure": [float(found[0]) if len(found) else 0.0 for found in scores],
                  "wall": seconds[0], "cpu": seconds[1]}))
"""
OPEN = """
import fasttext, json, sys
fasttext.FastText.eprint = lambda *a, **k: None
given = json.load(sys.stdin)
model = fasttext.load_model(given["model"])
lines = open(given["asked"], encoding="utf-8", newline="\\n").read().split("\\n")[:-1]
print(json.dumps({"said": [found[0] if found else "" for found in model.predict(lines)[0]]}))
"""


def ask(python: Path, script: str, order: dict) -> dict:
    """What the original answers, in a process of its own."""
    done = subprocess.run(
        [str(python), "-c", script], input=json.dumps(order), capture_output=True, text=True
    )
    if done.returncode:
        raise UserError(f"the original failed: {done.stderr.strip().splitlines()[-1:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def write(folder: Path, name: str, lines: Sequence[str]) -> str:
    """A text file of these lines."""
    path = folder / f"{name}.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return str(path)


# -------------------------------------------------------------------------------------------- scores
def accuracy(said: Sequence[str], part: Part) -> float:
    """Share of right labels (with their prefix)."""
    return float(np.mean([a == f"__label__{b}" for a, b in zip(said, part.labels, strict=True)]))


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over `BINS` equal ranges of probability.

    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, True]))
    0.1
    """
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    return round(
        float(sum(abs((sure[place == b] - right[place == b]).sum()) for b in range(BINS)) / len(sure)), 6
    )


def perfect_error(sure: np.ndarray, draws: int = 200) -> float:
    """Below what 95 % of models that are right as often as they say stay, on as many documents."""
    draw = np.random.default_rng(0)
    return float(
        np.quantile([calibration_error(sure, draw.random(len(sure)) < sure) for _ in range(draws)], 0.95)
    )


# --------------------------------------------------------------------------------------- who takes part
def grid_point(split: Split, point: dict) -> dict:
    """Arguments of the original."""
    minn, maxn = split.characters if point["characters"] else (0, 0)
    return {name: point[name] for name in ("lr", "epoch", "wordNgrams")} | {
        "minn": minn,
        "maxn": maxn,
        "thread": THREADS,
    }


def tuned_original(python: Path, split: Split, folder: Path, quick: bool) -> dict:
    """The point of the grid that does best on the validation split; kept, unless it is a quick one."""
    kept = json.loads(GRID.read_text()) if GRID.exists() else {}
    if split.name not in kept:
        whole = [
            {"lr": lr, "epoch": epoch, "wordNgrams": words, "characters": characters}
            for lr, epoch, words, characters in itertools.product(RATES, EPOCHS, WORDS, (False, True))
        ]
        train, valid = write(folder, "train", split.train.lines()), write(folder, "valid", split.valid.tokens)
        table = []
        for point in QUICK if quick else whole:
            order = {"train": train, "asked": valid, "options": grid_point(split, point) | {"seed": 0}}
            found = ask(python, TRAIN, order)
            table.append(
                point | {"valid": accuracy(found["said"], split.valid), "seconds": round(found["wall"], 2)}
            )
            print(f"  {split.name} grid {table[-1]}", file=sys.stderr)
        if quick:
            return max(table, key=lambda row: row["valid"])
        kept[split.name] = table
        GRID.write_text(json.dumps(kept, indent=1) + "\n")
    return max(kept[split.name], key=lambda row: row["valid"])


def original(python: Path, split: Split, folder: Path, point: dict, seed: int) -> dict:
    """The original at a point, asked the test set."""
    order = {
        "train": write(folder, "train", split.train.lines()),
        "asked": write(folder, "test", split.test.tokens),
        "options": grid_point(split, point) | {"seed": seed},
    }
    found = ask(python, TRAIN, order)
    return {
        "accuracy": accuracy(found["said"], split.test), "wall": found["wall"], "cpu": found["cpu"],
        **calibration(found["said"], np.minimum(found["sure"], 1), split.test),
    }  # fmt: skip


def calibration(said: Sequence[str], sure: np.ndarray, part: Part) -> dict:
    """The error and its bound."""
    right = np.array([a == f"__label__{b}" for a, b in zip(said, part.labels, strict=True)])
    return {"ece": calibration_error(sure, right), "ece_perfect": perfect_error(sure)}


def svm(split: Split, strength: float | None) -> dict:
    """A linear SVM on TF-IDF of words, their pairs and character n-grams; C chosen where it is not given."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    analyzer, texts = ("char", "texts") if split.language == "zh" else ("char_wb", "tokens")
    begun = time.perf_counter(), time.process_time()
    words = TfidfVectorizer(analyzer=_pairs, sublinear_tf=True)
    characters = TfidfVectorizer(analyzer=analyzer, ngram_range=split.characters, sublinear_tf=True)
    union = [(words, "tokens"), (characters, texts)]
    from scipy.sparse import hstack

    taught = hstack([one.fit_transform(getattr(split.train, column)) for one, column in union], format="csr")

    def seen(part: Part) -> Any:
        return hstack([one.transform(getattr(part, column)) for one, column in union], format="csr")

    def trained(strength: float) -> LinearSVC:
        return LinearSVC(C=strength, tol=0.01, random_state=0).fit(taught, split.train.labels)

    if strength is None:
        valid, gold = seen(split.valid), np.array(split.valid.labels)
        strength = max(STRENGTHS, key=lambda c: float((trained(c).predict(valid) == gold).mean()))
        begun = time.perf_counter(), time.process_time()
    machine = trained(strength)
    wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    right = machine.predict(seen(split.test)) == np.array(split.test.labels)
    return {"accuracy": float(right.mean()), "wall": wall, "cpu": cpu, "strength": strength}


def _pairs(line: str) -> list[str]:
    """Words and pairs of words."""
    words = line.split()
    return [*words, *map(" ".join, itertools.pairwise(words))]


def ours(split: Split, folder: Path, options: dict, seed: int, python: Path | None) -> dict:
    """One of `OURS`, asked the test set; its `.bin`, opened in the original, too."""
    minn, maxn = split.characters
    given = {"wordNgrams": 2, "minn": minn, "maxn": maxn, "seed": seed, "verbose": 0} | options
    begun = time.perf_counter(), time.process_time()
    model = ftcore.train_supervised(split.train.lines(), valid=split.valid.lines(), **given)
    wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    labels, scores = model.predict(split.test.tokens)
    said = [found[0] if found else "" for found in labels]
    sure = np.array([min(float(found[0]), 1.0) if len(found) else 0.0 for found in scores])
    made = {"accuracy": accuracy(said, split.test), "wall": wall, "cpu": cpu}
    made |= calibration(said, sure, split.test)
    file = folder / "ours.bin"
    model.save_model(str(file))
    made["bin_bytes"] = file.stat().st_size
    if python is not None:
        order = {"model": str(file), "asked": write(folder, "test", split.test.tokens)}
        theirs = ask(python, OPEN, order)["said"]
        made["same_in_original"] = float(np.mean([a == b for a, b in zip(said, theirs, strict=True)]))
    file.unlink()
    return made


# ------------------------------------------------------------------------------------------ the sections
def full(name: str, data: Path, seeds: int, quick: bool, python: Path | None) -> dict:
    """All documents of a set: each who takes part, over the seeds."""
    runs: dict[str, list[dict]] = {}
    point: dict | None = None
    strength: float | None = None
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        for seed in range(seeds):
            split = read_split(name, data, seed)

            def ran(who: str, made: dict, seed: int = seed) -> dict:
                runs.setdefault(who, []).append(made)
                print(
                    f"  {name} seed {seed} {who:14} {made['accuracy']:.4f} {made['wall']:6.1f} s",
                    file=sys.stderr,
                )
                return made

            if python is not None:
                point = point or tuned_original(python, split, folder, quick)
                ran("original", original(python, split, folder, point, seed))
            strength = ran("svm", svm(split, strength))["strength"]
            for who, options in OURS.items():
                ran(who, ours(split, folder, options, seed, python))
    return {"point": point, "runs": runs} | {"summary": {who: summary(made) for who, made in runs.items()}}


def summary(made: list[dict]) -> dict:
    """Mean accuracy with its standard error, and the medians of the rest."""
    values = [run["accuracy"] for run in made]
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    rest = {
        key: statistics.median(run[key] for run in made) for key in made[0] if key not in ("accuracy", "runs")
    }
    return {"accuracy": statistics.mean(values), "error": error, **rest}


SECTIONS: dict[str, Callable[[str, Path, int, bool, Path | None], dict]] = {"full": full}


def table(results: dict[str, dict]) -> None:
    """For the terminal."""
    for section, sets in results.items():
        print(section)
        for name, found in sets.items():
            for who, row in found["summary"].items():
                error = f" ± {100 * row['error']:.2f}" if row["error"] is not None else ""
                rest = "".join(f"  {key} {row[key]:.4g}" for key in row if key not in ("accuracy", "error"))
                print(f"  {name:20}{who:16}{100 * row['accuracy']:6.2f}{error}{rest}")
            heads = found["summary"]
            if "original" in heads:
                for who in OURS:
                    gain = 100 * (heads[who]["accuracy"] - heads["original"]["accuracy"])
                    behind = 100 * (heads[who]["accuracy"] - heads["svm"]["accuracy"])
                    print(f"  {name:20}{who:16}{gain:+6.2f} points to the original, {behind:+.2f} to the SVM")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with imdb/, sst2/, …"
    )
    parser.add_argument("--only", choices=list(SETS), nargs="+", default=list(SETS))
    parser.add_argument("--sections", choices=list(SECTIONS), nargs="+", default=list(SECTIONS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(arguments)
    logging.getLogger("ftcore").setLevel(logging.WARNING)
    loads, seeds = [load()], 1 if chosen.quick else chosen.seeds
    try:
        python = peer_python()
        results = {
            section: {
                name: SECTIONS[section](name, chosen.data, seeds, chosen.quick, python)
                for name in chosen.only
            }
            for section in chosen.sections
        }
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    table(results)
    whole = chosen.only == list(SETS) and chosen.sections == list(SECTIONS)
    about = {"seeds": seeds, "quick": chosen.quick}
    conclude("quality", about, loads, ["original"] if python else [], results, keep=whole)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
