"""Does our autotune find classifiers at least as good as the original's in the same time?

Both search for the same number of seconds on the same training and validation files, one after the other,
alternating; the model that each trains with what it found answers a test file that neither has seen.
``--duration`` seconds for each search (default 60), ``--seeds`` repetitions (default 3).
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peer import THREADS, machine, peer_has_avx, peer_python, versions
from ftcore import config
from ftcore.engines.choice import choose_engine
from ftcore.errors import UserError
from ftcore.model.module import TwoTables
from ftcore.training.autotune import Trial, autotune
from ftcore.training.documents import Tokenized
from ftcore.training.objective import answer
from ftcore.training.recipe import Conditions, learn

HERE = Path(__file__).resolve().parent
PATIENCE = 5  # times the duration, for the original's search and last training; then it is given up
TARGET = 0.003  # below the original's by no more: the noise of one model
Row = tuple[list[str], str]  # labels, tokens

PEER = """
import fasttext, json, resource, sys, time
order = json.load(sys.stdin)
begun = time.perf_counter()
model = fasttext.train_supervised(order["train"], autotuneValidationFile=order["valid"],
    autotuneDuration=order["duration"], thread=order["threads"], seed=order["seed"], verbose=2)
wall, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
n, precision, recall = model.test(order["test"])
args = model.f.getArgs()
found = {name: getattr(args, name) for name in ("epoch", "lr", "dim", "wordNgrams", "minn", "maxn", "bucket")}
print(json.dumps({"p": precision, "r": recall, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "found": found}))
"""


# ---------------------------------------------------------------------------------------------- texts
def cooking(data: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """The tutorial's split, its 3,000 held-out lines halved: several labels a line."""

    def read(name: str) -> list[Row]:
        rows = []
        for line in (data / "cooking" / name).read_text(encoding="utf-8").splitlines():
            words = clean(line).split()
            rows.append(([w for w in words if w.startswith("__label__")],
                         " ".join(w for w in words if not w.startswith("__label__"))))  # fmt: skip
        return rows

    held_out = read("cooking.valid")
    return read("cooking.train"), held_out[:1500], held_out[1500:]


def table(train: str, test: str, label: int, header: bool, valid: int) -> Callable:
    """A set in CSV: a label column, the others text; `valid` shuffled training rows are the validation set."""

    def read(data: Path) -> tuple[list[Row], list[Row], list[Row]]:
        rows = []
        for name in (train, test):
            with open(data / name, encoding="utf-8", newline="") as file:
                found = list(csv.reader(file))[int(header) :]
            texts = [" ".join(cell for i, cell in enumerate(r) if i != label) for r in found]
            labels = [f"__label__{r[label].replace(' ', '_')}" for r in found]
            rows.append([([name], clean(text)) for name, text in zip(labels, texts, strict=True)])
        random.Random(0).shuffle(rows[0])
        return rows[0][valid:], rows[0][:valid], rows[1]

    return read


def clean(text: str) -> str:
    """Lower case, punctuation marks as tokens of their own (labels stay)."""
    words = (
        w if w.startswith("__label__") else re.sub(r"([^\w\s'-])", r" \1 ", w.lower()) for w in text.split()
    )
    return " ".join(" ".join(words).split())


CASES: dict[str, Callable[[Path], tuple[list[Row], list[Row], list[Row]]]] = {
    "cooking": cooking,
    "banking77": table("banking77/train.csv", "banking77/test.csv", 1, True, 1500),
    "ag_news": table("ag_news/train_subset.csv", "ag_news/test.csv", 0, False, 2500),
}


def documents(rows: list[Row]) -> Tokenized:
    """Rows in memory."""
    return Tokenized.of([text for _, text in rows], [labels for labels, _ in rows])


# ------------------------------------------------------------------------------------------- searches
def measure_ours(
    texts: tuple[list[Row], list[Row], list[Row]], duration: float, seed: int, at_most: int = 1 << 30
) -> dict:
    """Search (at most so many trials), then train with what was found, threads of all cores."""
    train, valid, test = map(documents, texts)
    choice = choose_engine("cpu", "cpu")
    wall, cpu = time.perf_counter(), time.process_time()
    trials: list[Trial] = []

    def told(trial: Trial) -> None:
        trials.append(trial)
        if len(trials) == at_most:
            raise KeyboardInterrupt

    found = autotune(train, valid, config.Finetune(dim=100), duration=duration, seed=seed, engine=choice,
                     on_trial=told)  # fmt: skip
    options = found.options.model_copy(update={"keep_best": False})
    model, result = learn(train, options, Conditions(choice, seed, deterministic=False))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scored = answer(
        TwoTables.over(result.tables), test.bags(model.dictionary, grow=False), options.loss, seed=seed
    )
    return {
        "p": scored.precision, "r": scored.recall, "wall": wall, "cpu": cpu, "search": found.seconds,
        "trials": len(trials), "valid": found.score, "found": found.best.values(),
    }  # fmt: skip


def measure_peer(
    python: Path, texts: tuple[list[Row], list[Row], list[Row]], duration: float, seed: int
) -> dict | None:
    """The original's search in a process of its own; None where it does not come to an end."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for name, rows in zip(("train", "valid", "test"), texts, strict=True):
            path = Path(folder) / name
            path.write_text(
                "".join(f"{' '.join(labels)} {text}\n" for labels, text in rows), encoding="utf-8"
            )
            names[name] = str(path)
        order = {**names, "duration": int(duration), "seed": seed, "threads": THREADS}
        try:
            done = subprocess.run(
                [str(python), "-c", PEER], input=json.dumps(order), capture_output=True, text=True,
                timeout=PATIENCE * duration + 60,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
    if done.returncode and "enough time" in done.stderr:  # no trial ended
        return {"p": 0.0, "r": 0.0, "wall": duration, "cpu": 0.0, "found": None, "trials": 0, "valid": 0.0}
    if done.returncode:
        raise UserError(f"the original failed: {done.stderr[-500:]}")
    trials = re.findall(r"Trials:\s+(\d+) Best score:\s+([\d.]+|unknown)", done.stderr)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer | {"trials": int(trials[-1][0]), "valid": float(trials[-1][1])}


def compare(
    name: str, data: Path, peer: Path | None, duration: float, seeds: int
) -> dict[str, list[dict] | float]:
    """One set: both in turn, for every seed."""
    texts = CASES[name](data)
    ours, theirs = [], []
    for seed in range(seeds):
        turns = [("ours", ours, lambda s=seed: measure_ours(texts, duration, s))]
        if peer is not None:
            turns.append(("original", theirs, lambda s=seed: measure_peer(peer, texts, duration, s)))
        for who, list_, turn in turns[:: 1 if seed % 2 else -1]:
            r = turn()
            if r is None:
                print(
                    f"  {name} seed {seed} {who} given up: no end in {PATIENCE} times its duration",
                    file=sys.stderr,
                )
                continue
            list_.append(r)
            print(
                f"  {name} seed {seed} {who:8} P@1 {r['p']:.4f} valid {r['valid']:.4f} trials {r['trials']:3} "
                f"wall {r['wall']:.0f} s CPU {r['cpu']:.0f} s {r['found']}", file=sys.stderr,
            )  # fmt: skip
    made: dict = {"documents": [len(rows) for rows in texts], "ours": ours, "original": theirs}
    for who, runs in (("ours", ours), ("original", theirs)):
        if runs:
            made |= {
                f"{key}_{who}": statistics.median(r[key] for r in runs) for key in ("p", "trials", "wall")
            }
    if theirs:
        made["difference"] = made["p_ours"] - made["p_original"]
        made["within_target"] = made["difference"] >= -TARGET
    return made


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with cooking/, …")
    parser.add_argument("--only", choices=list(CASES), nargs="+", default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--duration", type=float, default=60, help="seconds for each search")
    parser.add_argument("--no-peer", action="store_true", help="ours alone")
    chosen = parser.parse_args(arguments)
    try:
        peer = None if chosen.no_peer else peer_python()
        warm = [(["__label__a"], "x y z"), (["__label__b"], "y z")] * 20
        measure_ours((warm, warm, warm), 300, 0, at_most=2)  # compiles the kernels
        results = {
            name: compare(name, chosen.data, peer, chosen.duration, chosen.seeds) for name in chosen.only
        }
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"medians of {chosen.seeds} seeds, {chosen.duration:g} s a search; original: {THREADS} threads")
    print(f"{'':12}{'P@1 original':>14}{'ours':>9}{'points':>8}{'trials original':>17}{'ours':>6}")
    for name, r in results.items():
        if "difference" in r:
            print(
                f"{name:12}{r['p_original']:14.4f}{r['p_ours']:9.4f}{100 * r['difference']:+8.2f}"
                f"{r['trials_original']:17.0f}{r['trials_ours']:6.0f}"
            )
        else:
            print(f"{name:12}{'':14}{r['p_ours']:9.4f}{'':25}{r['trials_ours']:6.0f}")
    report = {
        "benchmark": "autotune",
        "date": datetime.date.today().isoformat(),
        "seeds": chosen.seeds,
        "duration": chosen.duration,
        "machine": machine(),
        "versions": versions(peer),
        "peer_native": peer_has_avx(peer) if peer else None,
        "results": results,
    }
    print(json.dumps(report, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
