"""Do the pipeline's defaults end within 3 points of a linear TF-IDF baseline, on small sets and on large ones?

Every set goes through `flows.pipeline` with no option but its sources and the seed; the run's own linear
baseline (`ftcore.evaluation.baseline`) is what it is measured against. ``banking77_thinned`` keeps of each class
a share drawn from 3 to 100 % (seed 7), ``banking77_ten`` ten documents a class, ``thucnews_1200`` 1,200 titles.
Test sets are the published ones. Seconds of the stages are wall time; measure on a quiet machine.

    python -m benchmarks.defaults --data ../shared/data [--only banking77] [--seeds 3]

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
import zstandard

from benchmarks.peer import machine, versions
from ftcore.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
TARGET = 0.03  # of accuracy and macro-F1 below the baseline
Rows = list[tuple[str, str]]  # (text, label)


def _banking77(data: Path) -> tuple[Rows, Rows]:
    def read(part: str) -> Rows:
        with (data / "banking77" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            return [(row["text"], row["category"]) for row in csv.DictReader(file)]

    return read("train"), read("test")


def _banking77_thinned(data: Path) -> tuple[Rows, Rows]:
    train, test = _banking77(data)
    draw = random.Random(7)
    share = {label: draw.uniform(0.03, 1) for label in sorted({label for _, label in train})}
    return [row for row in train if draw.random() < share[row[1]]], test


def _banking77_ten(data: Path) -> tuple[Rows, Rows]:
    train, test = _banking77(data)
    random.Random(3).shuffle(train)
    seen: dict[str, int] = {}
    few = []
    for text, label in train:
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= 10:
            few.append((text, label))
    return few, test


def _thucnews(data: Path) -> tuple[Rows, Rows]:
    def read(part: str) -> Rows:
        text = (data / "thucnews_titles" / f"{part}.txt").read_text(encoding="utf-8")
        return [tuple(line.rsplit("\t", 1)) for line in text.split("\n") if line]  # type: ignore[misc]

    test = read("test")
    seen = {title for title, _ in test + read("dev")}
    return [row for row in read("train_part") if row[0] not in seen], test


def _thucnews_1200(data: Path) -> tuple[Rows, Rows]:
    train, test = _thucnews(data)
    random.Random(5).shuffle(train)
    return train[:1200], test


def _ag_news(data: Path) -> tuple[Rows, Rows]:
    def read(part: str) -> Rows:
        with (data / "ag_news" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            return [(" ".join(row[1:]), row[0]) for row in csv.reader(file)]

    return read("train_subset"), read("test")


def _imdb(data: Path) -> tuple[Rows, Rows]:
    def read(part: str) -> Rows:
        with (data / "imdb" / f"{part}.jsonl.zst").open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            return [(row["text"], str(row["label"])) for row in map(json.loads, lines)]

    return read("train"), read("test")


SETS: dict[str, Callable[[Path], tuple[Rows, Rows]]] = {
    "banking77": _banking77,
    "banking77_thinned": _banking77_thinned,
    "banking77_ten": _banking77_ten,
    "thucnews_1200": _thucnews_1200,
    "thucnews": _thucnews,
    "ag_news": _ag_news,
    "imdb": _imdb,
}
SMALL = ["banking77", "banking77_thinned", "banking77_ten", "thucnews_1200"]


def write_set(name: str, data: Path, folder: Path) -> Path:
    """The set as csv files and a configuration that names them and nothing else."""
    try:
        parts = dict(zip(("train", "test"), SETS[name](data), strict=True))
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not there; give the folder of the sets with --data") from None
    for part, rows in parts.items():
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    sources = [
        {"path": "test.csv", "label": "label", "split": "test"},
        {"path": "train.csv", "label": "label"},
    ]
    tree = {"name": name, "data": str(folder), "store": str(folder / "store"), "ingest": {"sources": sources}}
    (folder / "set.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return folder / "set.yaml"


def run(config: Path, seed: int, overrides: list[str]) -> dict:
    """One pipeline run in a process of its own: its scores, the baseline's, and seconds of its stages."""
    command = [sys.executable, "-m", "flows.pipeline", "--config", str(config), f"seed={seed}"]
    command += ["split.test=0", "tracking.register_model=false", *overrides]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    found = {n: answer["metrics"][n] for n in ("accuracy", "macro_f1", "linear_accuracy", "linear_macro_f1")}
    seconds = {stage["stage"]: stage["seconds"] for stage in answer["stages"]}
    return found | {f"{stage}_seconds": seconds[stage] for stage in ("finetune", "baseline")}


def main() -> None:
    """Run the sets over the seeds; print medians and points above the baseline."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the sets")
    parser.add_argument("--only", nargs="+", choices=list(SETS), default=SMALL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_intermixed_args()
    results = {}
    for name in given.only:
        with tempfile.TemporaryDirectory() as folder:
            config = write_set(name, given.data, Path(folder))
            runs = [run(config, seed, given.overrides) for seed in range(given.seeds)]
        row = {key: round(statistics.median(r[key] for r in runs), 4) for key in runs[0]}
        points = {k: 100 * (row[k] - row[f"linear_{k}"]) for k in ("accuracy", "macro_f1")}
        row["within_target"] = all(p >= -100 * TARGET for p in points.values())
        results[name] = row | {"runs": runs}
        print(
            f"{name:<18} accuracy {row['accuracy']:.4f} ({points['accuracy']:+.1f} points)  "
            f"macro-F1 {row['macro_f1']:.4f} ({points['macro_f1']:+.1f})  baseline {row['linear_accuracy']:.4f}  "
            f"finetune {row['finetune_seconds']:.1f} s, baseline {row['baseline_seconds']:.1f} s"
        )
    about = {"date": str(datetime.date.today()), "machine": machine(), "versions": versions(None)}
    print(json.dumps({"benchmark": "defaults", **about, "seeds": given.seeds, "results": results}))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
