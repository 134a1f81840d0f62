"""The original fastText in `benchmarks.quality`: a process that trains or opens, and the grid that tunes it.

The grid is searched by our own engine (`ftcore.train_supervised`, the default head, 1 thread), which does the original's
arithmetic in a third of its time; the original itself is trained at the point that is best on the validation split. For two
sets (`COMPARED`) the original's own validation accuracy at the best points stands beside ours. All points are tried, but of
imdb, whose texts are long, character n-grams of many epochs only where few are near (`searched`).
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ftcore
from benchmarks.few_vectors import dim
from benchmarks.peer import THREADS
from benchmarks.quality_scores import accuracy, calibration
from benchmarks.quality_sets import Split
from ftcore.base.files import atomic_write_bytes
from ftcore.errors import UserError

GRID = Path(__file__).resolve().parent / "results" / "quality-grid.json"
RATES, EPOCHS, WORDS = (0.1, 0.25, 0.5, 1.0), (5, 25, 50), (1, 2, 3)
QUICK: list[dict[str, Any]] = [
    {"lr": 0.5, "epoch": e, "wordNgrams": 2, "characters": c} for e in (5, 25) for c in (False, True)
]
LARGE = ("imdb",)
FAR = 0.01  # of them 25 and more epochs of character n-grams only where 5 are at most so far below 5 without
COMPARED = {"banking77": 3, "sst2": 1}  # points at which the original is asked the validation split, too
SEARCHED_BY = "ftcore, head sgd, 1 thread, seed 0"

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
labels, scores = model.predict(lines)
print(json.dumps({"said": [found[0] if found else "" for found in labels],
                  "sure": [float(found[0]) if len(found) else 0.0 for found in scores]}))
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


def original(
    python: Path, split: Split, folder: Path, point: dict, seed: int, vectors: Path | None = None
) -> dict:
    """The original at a point, from pretrained vectors where there are any, asked the test set."""
    begun = {} if vectors is None else {"pretrainedVectors": str(vectors), "dim": dim(vectors)}
    order = {
        "train": write(folder, "train", split.train.lines()),
        "asked": write(folder, "test", split.test.tokens),
        "options": arguments(split, point) | {"seed": seed, "thread": THREADS} | begun,
    }
    found = ask(python, TRAIN, order)
    return {
        "accuracy": accuracy(found["said"], split.test), "wall": found["wall"], "cpu": found["cpu"], **point,
        **calibration(found["said"], found["sure"], split.test),
    }  # fmt: skip


# ----------------------------------------------------------------------------------------------- the grid
def arguments(split: Split, point: dict) -> dict:
    """A point as arguments of either."""
    minn, maxn = split.characters if point["characters"] else (0, 0)
    return {name: point[name] for name in ("lr", "epoch", "wordNgrams")} | {"minn": minn, "maxn": maxn}


def points() -> Iterator[dict]:
    """The grid, short trainings first."""
    for epoch, characters, words, lr in itertools.product(EPOCHS, (False, True), WORDS, RATES):
        yield {"lr": lr, "epoch": epoch, "wordNgrams": words, "characters": characters}


def tuned_original(python: Path | None, split: Split, folder: Path, quick: bool) -> dict:
    """The point of the grid that does best on the validation split; each is kept as soon as it is known, unless it is a quick one."""
    mine: dict = _kept().get(split.name, {"by": SEARCHED_BY, "whole": False, "points": []})
    if quick and not mine["whole"]:
        return _best([tried(split, point) for point in QUICK])

    def keep() -> None:
        kept = _kept() | {split.name: mine}
        atomic_write_bytes(GRID, (json.dumps(kept).replace('{"lr"', '\n{"lr"') + "\n").encode())

    def valid(point: dict) -> float:
        """What is known of a point, or found."""
        for row in mine["points"]:
            if row | point == row:
                return float(row["valid"])
        mine["points"].append(tried(split, point))
        keep()
        return float(mine["points"][-1]["valid"])

    if not quick:
        searched(valid, split.name in LARGE)
        mine |= {"tried": len(mine["points"]), "whole": True}
        keep()
    if python is not None and split.name in COMPARED:
        train = write(folder, "train", split.train.lines())
        asked = write(folder, "valid", split.valid.tokens)
        for row in sorted(mine["points"], key=lambda row: -row["valid"])[: COMPARED[split.name]]:
            if "valid_original" not in row:
                options = arguments(split, row) | {"seed": 0, "thread": THREADS}
                said = ask(python, TRAIN, {"train": train, "asked": asked, "options": options})["said"]
                row["valid_original"] = accuracy(said, split.valid)
                keep()
    return _best(mine["points"])


def _kept() -> dict[str, dict]:
    return dict(json.loads(GRID.read_text())) if GRID.exists() else {}


def searched(valid: Callable[[dict], float], large: bool) -> None:
    """All points; of a large set character n-grams of 25 and 50 epochs only where those of 5 are near words alone."""
    short = [(point["characters"], valid(point)) for point in points() if point["epoch"] == EPOCHS[0]]
    words, letters = (max(found for has, found in short if has is which) for which in (False, True))
    for point in points():
        if not (large and point["characters"] and letters < words - FAR):
            valid(point)


def tried(split: Split, point: dict) -> dict:
    """A point with its accuracy on the validation split."""
    begun = time.process_time()
    model = ftcore.train_supervised(
        split.train.lines(), thread=1, seed=0, verbose=0, **arguments(split, point)
    )
    seconds = time.process_time() - begun
    said = [found[0] if found else "" for found in model.predict(split.valid.tokens)[0]]
    row = point | {"valid": round(accuracy(said, split.valid), 5), "cpu": round(seconds, 2)}
    print(f"  {split.name} grid {row}", file=sys.stderr, flush=True)
    return row


def _best(rows: Sequence[dict]) -> dict:
    """The point that does best on the validation split; of equals the cheapest."""
    row = max(rows, key=lambda row: (row["valid"], -row["epoch"], -row["wordNgrams"], not row["characters"]))
    return {name: row[name] for name in next(points())}
