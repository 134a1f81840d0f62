"""How many documents a CPU-second does prediction label, and how long does one text take? Ours against the fastest peers.

The original trains a model of each case (dim 100) and saves it; then each peer (the original and its forks, see
`benchmarks.peer`) and ours answer the same test texts in turn, each in a process of its own that has loaded the
model before: a list of texts (k = 1; texts in, labels and probabilities out; ``predict_batch`` where a fork has
it), the first call of a model and later ones; one text after another, short ones and long ones; and ours from a
Parquet file of the same texts, to arrays and to another file. Every round starts new processes. CPU seconds are of
all threads of the process; medians of the rounds. The labels must be the same. One thread is one CPU (affinity).

    python -m benchmarks.predict --data ../shared/data [--only imdb-bigrams] [--rounds 3]

The last line is one JSON object; it is also written, with the machine, its load and the versions, to
benchmarks/results/. A run on a busy machine is marked.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peer import THREADS, conclude, load, peers
from ftcore.errors import UserError

HERE = Path(__file__).resolve().parent
# documents per CPU-second over the fastest peer's: later calls, the first call of a model
TARGETS = {"imdb-unigrams": (2.5, 1.5), "imdb-bigrams": (4.0, 1.5)}
FEW = 25_000  # documents a call, at least

TRAIN = """
import fasttext, json, sys
given = json.load(sys.stdin)
fasttext.train_supervised(given["train"], verbose=0, **given["options"]).save_model(given["model"])
"""
ANSWER = """
import json, os, sys, time, resource
model_path, texts_path, table = sys.argv[1:4]
texts = json.load(open(texts_path))
some = texts[:2000]
{load}
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
cores = os.sched_getaffinity(0)
for line in sys.stdin:
    what, _, threads = line.strip().partition(" ")
    os.sched_setaffinity(0, list(cores)[:1] if threads == "1" else cores)
    cpu, wall = used(), time.perf_counter()
    said = calls[what]()
    cpu, wall = used() - cpu, time.perf_counter() - wall
    print(json.dumps({{"cpu": cpu, "wall": wall, "said": said and [row[0] if len(row) else "" for row in said[0]]}}), flush=True)
"""
THEIRS = """
{statement}
if hasattr(fasttext, "FastText"): fasttext.FastText.eprint = lambda *a, **k: None
model = fasttext.load_model(model_path)
many = getattr(model, "predict_batch", model.predict)
try:
    model.predict(some[0])
    one = model.predict
except ValueError:  # the original's predict of a single text fails with numpy 2; this is what it calls
    one = lambda text: model.f.predict(text + "\\n", 1, 0.0, "strict")
calls = {{"list": lambda: many(texts), "loop": lambda: [one(text) for text in some] and None}}
"""
OURS = """
import ftcore
model = ftcore.load_model(model_path)
def scored():
    from ftcore.formats.binary import read_binary
    from ftcore.inference.classifier import Classifier
    from ftcore.inference.scoring import score_file
    if not made:
        made.append(Classifier(read_binary(model_path)))
    return score_file(made[0], table, ["text"], table + ".out.parquet") and None
made = []
calls = {
    "list": lambda: model.predict(texts),
    "loop": lambda: [model.predict(text) for text in some] and None,
    "file": scored,
}
"""


@dataclass(frozen=True)
class Case:
    """A data set and what the original is trained with."""

    name: str
    data: str
    options: dict[str, float]


CASES = {
    case.name: case
    for case in (
        Case("sst2-unigrams", "sst2", {"lr": 0.1, "epoch": 5}),  # two labels, short texts
        Case("imdb-unigrams", "imdb", {"lr": 0.1, "epoch": 3}),
        Case("imdb-bigrams", "imdb", {"lr": 0.5, "epoch": 3, "wordNgrams": 2}),
        Case("banking77-unigrams", "banking77", {"lr": 0.5, "epoch": 25}),
        Case("banking77-bigrams", "banking77", {"lr": 0.5, "epoch": 25, "wordNgrams": 2}),
    )
}


def read(data: Path, name: str, split: str) -> Iterator[tuple[str, str]]:
    """(label, text) of a split (sst2 tells the labels of dev alone); words and marks between spaces, in lower case."""
    if name == "imdb":
        with pa.input_stream(str(data / f"imdb/{split}.jsonl.zst"), compression="zstd") as packed:
            rows = [json.loads(line) for line in io.TextIOWrapper(packed, encoding="utf-8")]
        pairs = [(row["label"], row["text"].replace("<br />", " ")) for row in rows]
    elif name == "sst2":
        with open(
            data / f"sst2/{'dev' if split == 'test' else split}.tsv", encoding="utf-8", newline=""
        ) as file:
            pairs = [(row[0], row[1]) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
            pairs = [pair for pair in pairs if pair[0] in ("0", "1")]  # without the head where there is one
    else:
        with open(data / f"banking77/{split}.csv", encoding="utf-8", newline="") as file:
            pairs = [(row["category"], row["text"]) for row in csv.DictReader(file)]
    random.Random(0).shuffle(pairs)
    for label, text in pairs:
        yield label.replace(" ", "_"), " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


class Worker:
    """A process that has loaded the model and answers on demand."""

    def __init__(self, python: str, load: str, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [python, "-c", ANSWER.format(load=load), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent,
        )  # fmt: skip

    def ask(self, what: str) -> dict:
        """Seconds of one call, and its answers."""
        print(what, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise UserError(f"the process stopped ({self.process.wait()}); its message is above")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(case: Case, data: Path, peers: dict[str, tuple[Path, str]], rounds: int, folder: Path) -> dict:
    """All calls of one case, in turn, in new processes every round."""
    train, model = folder / "train.txt", folder / "model.bin"
    train.write_text("".join(f"__label__{a} {b}\n" for a, b in read(data, case.data, "train")), "utf-8")
    options = {"dim": 100, "thread": THREADS, **case.options}
    order = json.dumps({"train": str(train), "model": str(model), "options": options})
    peer = str(peers["original"][0])
    subprocess.run([peer, "-c", TRAIN], input=order, text=True, check=True, capture_output=True)
    test = [text for _, text in read(data, case.data, "test")]
    test *= -(-FEW // len(test))
    (folder / "texts.json").write_text(json.dumps(test))
    pq.write_table(pa.table({"text": test}), folder / "texts.parquet", compression="zstd")
    given = [str(model), str(folder / "texts.json"), str(folder / "texts.parquet")]
    sides = {
        name: (str(python), THEIRS.format(statement=statement)) for name, (python, statement) in peers.items()
    }
    sides["ours"] = (sys.executable, OURS)
    spent: dict[str, dict[str, list[dict]]] = {side: {} for side in sides}
    said: dict[str, list[str]] = {}
    for _ in range(rounds):
        for side, (python, opening) in sides.items():
            worker, rows = Worker(python, opening, given), spent[side]
            said[side] = worker.ask("list")["said"] if side not in said else said[side]
            for name, call in (
                ("first", "list"),
                ("list", "list"),
                ("one thread", "list 1"),
                ("loop", "loop 1"),
                ("loop", "loop 1"),
            ):
                rows.setdefault(name, []).append(worker.ask(call))
            for call in ("file", "file") if side == "ours" else ():
                rows.setdefault(call, []).append(worker.ask(call))
            worker.close()
    result: dict = {
        "documents": len(test), "labels": len({label for label, _ in read(data, case.data, "train")}),
        "words": sum(len(text.split()) for text in test) / len(test),
        "same_labels": {side: sum(a == b for a, b in zip(said["original"], said[side], strict=True)) / len(test) for side in said},
    }  # fmt: skip
    for side, rows in spent.items():
        result[side] = {}
        for name, runs in rows.items():
            count = min(2000, len(test)) if name == "loop" else len(test)
            row = {key: statistics.median(run[key] for run in runs) for key in ("cpu", "wall")}
            result[side][name] = row | {
                "per_cpu_second": count / row["cpu"],
                "microseconds": 1e6 * row["cpu"] / count,
            }
    for name in ("first", "list", "loop"):
        best = max(peers, key=lambda side: result[side][name]["per_cpu_second"])
        ours = result["ours"][name]["per_cpu_second"]
        result[f"{name}_ratio"] = {"fastest": best, "ratio": ours / result[best][name]["per_cpu_second"]}
    result["two_threads"] = result["ours"]["one thread"]["wall"] / result["ours"]["list"]["wall"]
    if case.name in TARGETS:
        result["target"] = TARGETS[case.name]
    return result


def table(results: dict[str, dict], sides: list[str]) -> Iterator[str]:
    """Lines for the terminal."""
    for name, row in results.items():
        yield f"{name} ({row['labels']} labels, {row['words']:.0f} words a text)"
        yield f"  {'':22}{'first list':>14}{'later lists':>14}{'by the clock':>14}{'one text':>12}"
        for side in sides:
            found = row[side]
            yield (
                f"  {side:22}{found['first']['per_cpu_second']:12,.0f}/s{found['list']['per_cpu_second']:12,.0f}/s"
                f"{row['documents'] / found['list']['wall']:12,.0f}/s{found['loop']['microseconds']:10.2f} us"
            )
        for what in ("first", "list", "loop"):
            yield f"  {what}: {row[f'{what}_ratio']['ratio']:.2f} x {row[f'{what}_ratio']['fastest']}"
        yield f"  two threads by the clock: {row['two_threads']:.2f} x one; a file of Parquet {row['ours']['file']['per_cpu_second']:,.0f}/s"


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with imdb/, banking77/"
    )
    parser.add_argument("--only", choices=list(CASES), nargs="+", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--work", type=Path, help="where files of up to 1 GB are made (default: a temporary one)"
    )
    chosen = parser.parse_args(arguments)
    loads = [load()]
    try:
        found = peers()
        if "original" not in found:
            return 1
        results = {}
        for name in chosen.only:
            with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
                results[name] = measure(CASES[name], chosen.data, found, chosen.rounds, Path(folder))
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(results, [*found, "ours"])))
    conclude("predict", {"rounds": chosen.rounds}, loads, list(found), results, chosen.only == list(CASES))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
