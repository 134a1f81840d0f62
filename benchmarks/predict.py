"""How many documents a CPU-second does prediction label, from Python lists and from Parquet? Ours against the original.

The original trains a model of each case (dim 100) and saves it; then it and ours answer the same test texts
in turn, each in a process of its own that has loaded the model before: ``model.predict(list)`` of both
(k = 1; texts in, labels and probabilities out) and of one text after another, and ours from a Parquet file of the same texts, once to
arrays and once to another file with all columns, a label and a score. The first call of each is not
counted. CPU seconds are of all threads of the process; medians of the rounds. The answers must be the same.

    python -m benchmarks.predict --data ../shared/data [--only imdb-bigrams] [--rounds 5]

``FTCORE_PEER`` names a Python with the original, built with ``-O3 -march=native`` (default:
``.venv-peer/bin/python``). The last line is one JSON object; it is also written, with the machine and the
versions, to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import csv
import datetime
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

from benchmarks.peer import THREADS, machine, peer_has_avx, peer_python, versions
from ftcore.errors import UserError

HERE = Path(__file__).resolve().parent
TARGETS = {"imdb-unigrams": 2.5, "imdb-bigrams": 4.0}  # documents per CPU-second, times the original's
PARQUET_TARGET = 1.5  # times our own list
FEW = 25_000  # documents a call, at least

TRAIN = """
import fasttext, json, sys
given = json.load(sys.stdin)
fasttext.train_supervised(given["train"], verbose=0, **given["options"]).save_model(given["model"])
"""
ANSWER = """
import json, sys, time, resource
model_path, texts_path, table = sys.argv[1:4]
texts = json.load(open(texts_path))
{load}
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for line in sys.stdin:
    cpu, wall = used(), time.perf_counter()
    said = calls[line.strip()]()
    cpu, wall = used() - cpu, time.perf_counter() - wall
    print(json.dumps({{"cpu": cpu, "wall": wall, "said": said and [row[0] if row else "" for row in said[0]]}}), flush=True)
"""
THEIRS = """
import fasttext
fasttext.FastText.eprint = lambda *a, **k: None
model = fasttext.load_model(model_path)
# its own predict of a single text fails with numpy 2; this is what it calls
calls = {
    "list": lambda: model.predict(texts),
    "loop": lambda: [model.f.predict(text + "\\n", 1, 0.0, "strict") for text in texts] and None,
}
"""
OURS = """
import ftcore, pyarrow.parquet as pq
from ftcore.formats.binary import read_binary
from ftcore.inference.parquet import predict_column, predict_parquet
from ftcore.inference.predict import Predictor
from ftcore.inference.threads import ahead
model, predictor = ftcore.load_model(model_path), Predictor(read_binary(model_path))
def arrays():
    batches = pq.ParquetFile(table, memory_map=True).iter_batches(batch_size=8192, columns=["text"])
    for found in ahead(lambda b: predict_column(predictor, b.column(0)), ((b,) for b in batches), predictor.threads):
        pass
calls = {
    "list": lambda: model.predict(texts),
    "loop": lambda: [model.predict(text) for text in texts] and None,
    "parquet": arrays,
    "file": lambda: predict_parquet(predictor, table, table + ".out") and None,
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
        Case("imdb-unigrams", "imdb", {"lr": 0.1, "epoch": 3}),
        Case("imdb-bigrams", "imdb", {"lr": 0.5, "epoch": 3, "wordNgrams": 2}),
        Case("banking77-unigrams", "banking77", {"lr": 0.5, "epoch": 25}),
        Case("banking77-bigrams", "banking77", {"lr": 0.5, "epoch": 25, "wordNgrams": 2}),
    )
}


def read(data: Path, name: str, split: str) -> Iterator[tuple[str, str]]:
    """(label, text) of a split; words and marks between spaces, in lower case."""
    if name == "imdb":
        with pa.input_stream(str(data / f"imdb/{split}.jsonl.zst"), compression="zstd") as packed:
            rows = [json.loads(line) for line in io.TextIOWrapper(packed, encoding="utf-8")]
        pairs = [(row["label"], row["text"].replace("<br />", " ")) for row in rows]
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


def measure(case: Case, data: Path, peer: Path, rounds: int, folder: Path) -> dict:
    """All calls of one case, in turn."""
    train, model = folder / "train.txt", folder / "model.bin"
    train.write_text("".join(f"__label__{a} {b}\n" for a, b in read(data, case.data, "train")), "utf-8")
    options = {"dim": 100, "thread": THREADS, **case.options}
    order = json.dumps({"train": str(train), "model": str(model), "options": options})
    subprocess.run([str(peer), "-c", TRAIN], input=order, text=True, check=True, capture_output=True)
    test = [text for _, text in read(data, case.data, "test")]
    test *= -(-FEW // len(test))
    (folder / "texts.json").write_text(json.dumps(test))
    pq.write_table(pa.table({"text": test}), folder / "texts.parquet", compression="zstd")
    given = [str(model), str(folder / "texts.json"), str(folder / "texts.parquet")]
    workers = {"original": Worker(str(peer), THEIRS, given), "ours": Worker(sys.executable, OURS, given)}
    calls = [
        ("original", "list"), ("ours", "list"), ("original", "loop"), ("ours", "loop"), ("ours", "parquet"), ("ours", "file")
    ]  # fmt: skip
    first = {call: workers[call[0]].ask(call[1])["said"] for call in calls}
    same = sum(a == b for a, b in zip(first[calls[0]], first[calls[1]], strict=True)) / len(test)
    spent: dict[tuple[str, str], list[dict]] = {call: [] for call in calls}
    for _ in range(rounds):
        for side, what in calls:
            spent[side, what].append(workers[side].ask(what))
    for worker in workers.values():
        worker.close()
    result: dict = {"documents": len(test), "labels": len({label for label, _ in read(data, case.data, "train")}),
                    "words": sum(len(text.split()) for text in test) / len(test), "same_labels": same}  # fmt: skip
    for (side, what), runs in spent.items():
        row = {key: statistics.median(run[key] for run in runs) for key in ("cpu", "wall")}
        result[f"{side}_{what}"] = row | {"per_cpu_second": len(test) / row["cpu"]}
    ours = result["ours_list"]["per_cpu_second"]
    result["ratio"] = ours / result["original_list"]["per_cpu_second"]
    loops = [result[f"{side}_loop"]["per_cpu_second"] for side in ("ours", "original")]
    result["loop_ratio"] = loops[0] / loops[1]
    result["parquet_ratio"] = result["ours_parquet"]["per_cpu_second"] / ours
    result["file_ratio"] = result["ours_file"]["per_cpu_second"] / ours
    if case.name in TARGETS:
        result["target"] = TARGETS[case.name]
    return result


def table(results: dict[str, dict]) -> Iterator[str]:
    """Lines for the terminal."""
    yield f"{'documents per CPU-second':26}{'original':>10}{'ours':>10}{'ratio':>7}{'target':>8}{'Parquet':>10}{'to list':>8}{'to file':>10}{'one by one':>12}"
    for name, row in results.items():
        rates = [
            row[key]["per_cpu_second"] for key in ("original_list", "ours_list", "ours_parquet", "ours_file")
        ]
        yield (
            f"{name:26}{rates[0]:10,.0f}{rates[1]:10,.0f}{row['ratio']:6.1f}x{row.get('target', 0) or '':>7}"
            f"{rates[2]:10,.0f}{row['parquet_ratio']:7.2f}x{rates[3]:10,.0f}{row['loop_ratio']:11.1f}x"
        )


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with imdb/, banking77/"
    )
    parser.add_argument("--only", choices=list(CASES), nargs="+", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--work", type=Path, help="where files of up to 1 GB are made (default: a temporary one)"
    )
    chosen = parser.parse_args(arguments)
    try:
        peer = peer_python()
        if peer is None:
            return 1
        results = {}
        for name in chosen.only:
            with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
                results[name] = measure(CASES[name], chosen.data, peer, chosen.rounds, Path(folder))
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(results)))
    report = {
        "benchmark": "predict",
        "date": datetime.date.today().isoformat(),
        "rounds": chosen.rounds,
        "parquet_target": PARQUET_TARGET,
        "machine": machine(),
        "versions": versions(peer),
        "peer_native": peer_has_avx(peer),
        "results": results,
    }
    if chosen.only == list(CASES):  # a part of it must not replace the whole
        out = HERE / "results" / f"{report['date']}-predict.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
