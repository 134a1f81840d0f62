"""How many tokens does a CPU-second of pretraining train, ours and the fastest peers', and what do two threads bring?

``python -m benchmarks.pretrain [--data ../shared/data] [--megabytes 100] [--models skipgram,cbow]
[--languages en,zh] [--repeats 3] [--epoch 1] [--updates auto] [--threads 1,2] [--peers original,fasttext-new]
[--dim 100] [--work FOLDER]``

All train on the same text in turn, each in a process of its own, peers (`benchmarks.peer`; the original natively built)
with 12 threads. Their training is the time beyond that of 0 epochs (reading, and filling the matrix; of one that
refuses 0, what twice the epochs add); ours is measured by itself. Tokens are those in the vocabulary that were trained: all go on until as many were as the text has
tokens. Peak memory is that of the whole process. Medians; the last line of stdout is one JSON object; of a run over
all cases and 3 repeats it is also written to benchmarks/results/. A run on a busy machine is marked.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.corpora import SUBWORDS, wikipedia, work_folder
from benchmarks.peer import THREADS, conclude, load, peers

PEER = """
import json, resource, sys, time
arguments = json.loads(sys.argv[1])
exec(sys.argv[2])
if hasattr(fasttext, "FastText"): fasttext.FastText.eprint = lambda *a, **k: None
wall = time.perf_counter()
fasttext.train_unsupervised(**arguments)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - wall,
                  "peak_mb": used.ru_maxrss / 1024}))
"""


@dataclass(frozen=True)
class Run:
    """One training: CPU and wall seconds of its stages, tokens trained, peak memory."""

    tokens: int
    train_cpu: float
    train_wall: float
    read_cpu: float  # dictionary and ids (ours); reading and filling the matrix (peers)
    peak_mb: float

    @property
    def speed(self) -> float:
        """Tokens per CPU-second of training."""
        return self.tokens / self.train_cpu


def options_of(given: argparse.Namespace, model: str, language: str) -> dict:
    """The options that both take, by the original's names."""
    minn, maxn = SUBWORDS[language]
    return {"model": model, "dim": given.dim, "epoch": given.epoch, "minn": minn, "maxn": maxn}


def ours(path: Path, chosen: dict, updates: str, threads: int) -> Run:
    """In a process of its own: `measure`."""
    spec = json.dumps({"path": str(path), "chosen": chosen, "updates": updates, "threads": threads})
    command = [sys.executable, "-m", "benchmarks.pretrain", "--measure", spec]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"our training failed:\n{done.stderr[-3000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def measure(spec: dict) -> Run:
    """Dictionary, ids and training of one text in this process."""
    import torch

    from ftcore import config
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.dictionary.encode import read_tokens
    from ftcore.dictionary.init import initial_rows
    from ftcore.dictionary.lines import Lines
    from ftcore.engines.choice import choose_engine
    from ftcore.model.module import TwoTables
    from ftcore.training.recipe import Conditions, Prepared, fit

    def run(text, epoch: int) -> tuple[float, ...]:
        chosen = {**spec["chosen"], "epoch": epoch, "updates": spec["updates"]}
        options = config.Pretrain(**chosen)
        start = time.process_time()
        dictionary = Dictionary.read(Lines(text), options)
        corpus = read_tokens(Lines(text), dictionary)
        read = time.process_time() - start
        rows = torch.from_numpy(initial_rows(0, dictionary.numbers(), options.dim))
        tables = TwoTables(rows, torch.zeros(dictionary.nwords, options.dim))
        cpu, wall = time.process_time(), time.perf_counter()
        conditions = Conditions(
            choose_engine("cpu", "cpu"), threads=spec["threads"] or None, deterministic=False, whole=True
        )
        result = fit(tables, Prepared(dictionary, corpus), options, conditions)
        return result.tokens, time.process_time() - cpu, time.perf_counter() - wall, read

    found = run(spec["path"], spec["chosen"]["epoch"])
    return Run(*found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def theirs(python: Path, statement: str, path: Path, chosen: dict, tokens: int) -> Run:
    """The whole training, less one of 0 epochs; where 0 is refused, twice the training less one."""

    def run(epoch: int) -> dict | None:
        arguments = {**chosen, "input": str(path), "epoch": epoch, "thread": THREADS, "verbose": 0}
        command = [str(python), "-c", PEER, json.dumps(arguments), statement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode and epoch:
            sys.exit(f"{python} failed:\n{done.stderr[-3000:]}")
        return None if done.returncode else json.loads(done.stdout.splitlines()[-1])

    nothing, epochs = run(0), chosen["epoch"]
    if nothing is None:
        nothing, epochs = run(epochs), 2 * epochs
    whole = run(epochs)
    assert nothing and whole
    return Run(
        tokens * chosen["epoch"],
        whole["cpu"] - nothing["cpu"],
        whole["wall"] - nothing["wall"],
        nothing["cpu"],
        whole["peak_mb"],
    )


def count_tokens(path: Path) -> int:
    """All tokens of a text, ends of line included, as the original counts its progress."""
    with path.open("rb") as file:
        return sum(len(line.split()) + 1 for line in file)


def summary(runs: list[Run]) -> dict[str, float]:
    """Medians."""
    middle = {name: statistics.median(asdict(run)[name] for run in runs) for name in asdict(runs[0])}
    return {name: round(value, 2) for name, value in middle.items()} | {
        "tokens_per_cpu_second": round(statistics.median(run.speed for run in runs)),
        "spread": [round(min(run.speed for run in runs)), round(max(run.speed for run in runs))],
    }


def rows(results: dict[str, dict]) -> Iterator[str]:
    """A table for people."""
    yield f"{'':<14}{'':<22}{'tokens/CPU-s':>14}{'train CPU-s':>13}{'wall':>8}{'read CPU-s':>12}{'peak MB':>9}"
    for name, found in results.items():
        for side, row in found["runs"].items():
            yield (
                f"{name:<14}{side:<22}{row['tokens_per_cpu_second']:>14,}{row['train_cpu']:>13.1f}"
                f"{row['train_wall']:>8.1f}{row['read_cpu']:>12.1f}{row['peak_mb']:>9.0f}"
            )
        if "ratio" in found:
            yield f"{name:<14}one thread: {found['ratio']:.1f} times the tokens per CPU-second of {found['fastest']}"
        if "two_threads" in found:
            two = found["two_threads"]
            yield f"{name:<14}two threads: {two['wall']:.2f} times one by the clock, {two['cpu']:.2f} times the CPU"


def compare(language: str, model: str, given: argparse.Namespace, work: Path) -> dict:
    """All sides of a case in turn."""
    path = wikipedia(language, given.megabytes, Path(given.data), work)
    tokens, chosen = count_tokens(path), options_of(given, model, language)
    forks = peers(given.peers.split(",") if given.peers else None)
    counts = [int(count) for count in given.threads.split(",")]
    runs: dict[str, list[Run]] = {f"ours {count}": [] for count in counts} | {name: [] for name in forks}
    for turn in range(given.repeats):
        for count in counts:
            runs[f"ours {count}"].append(ours(path, chosen, given.updates, count))
        for name, (python, statement) in forks.items():
            runs[name].append(theirs(python, statement, path, chosen, tokens))
        for side, made in runs.items():
            print(f"{language} {model} turn {turn + 1}", side, made[-1], file=sys.stderr, flush=True)
    found: dict = {"megabytes": round(path.stat().st_size / 1e6, 1)}
    found["runs"] = {side: summary(made) for side, made in runs.items()}
    one, two = found["runs"].get("ours 1"), found["runs"].get("ours 2")
    if forks and one:
        found["fastest"] = max(forks, key=lambda name: found["runs"][name]["tokens_per_cpu_second"])
        best = found["runs"][found["fastest"]]["tokens_per_cpu_second"]
        found["ratio"] = round(one["tokens_per_cpu_second"] / best, 2)
    if one and two:
        found["two_threads"] = {
            "wall": round(one["train_wall"] / two["train_wall"], 2),
            "cpu": round(two["train_cpu"] / one["train_cpu"], 2),
        }
    return found


def main() -> None:
    """Run all in turn; medians, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--work", help="where texts are kept (default: the system's temporary folder)")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--models", default="skipgram,cbow")
    parser.add_argument("--languages", default="en,zh")
    parser.add_argument("--updates", default="auto")
    parser.add_argument("--threads", default="1,2", help="ours, counts with commas between")
    parser.add_argument("--peers", help="names with commas between (default: all that are installed)")
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epoch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(asdict(measure(json.loads(given.measure)))))
        return
    loads, work = [load()], work_folder(given.work)
    results = {
        f"{language} {model}": compare(language, model, given, work)
        for language in given.languages.split(",")
        for model in given.models.split(",")
    }
    print("\n".join(rows(results)))
    about = {
        "options": {"dim": given.dim, "epoch": given.epoch, "updates": given.updates},
        "threads": {"ours": given.threads, "peers": THREADS},
    }
    took_part = {side for found in results.values() for side in found["runs"] if not side.startswith("ours")}
    whole = len(results) == 4 and given.repeats >= 3 and given.megabytes >= 100
    conclude("pretrain", about, loads, took_part, results, keep=whole)


if __name__ == "__main__":
    main()
