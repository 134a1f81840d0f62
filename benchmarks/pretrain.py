"""How many tokens does a CPU-second of pretraining train, ours and the original's?

``python -m benchmarks.pretrain [--data ../shared/data] [--megabytes 100] [--models skipgram,cbow]
[--languages en,zh] [--repeats 3] [--epoch 1] [--updates auto] [--threads 0] [--dim 100] [--work FOLDER]``

Both train on the same text in turn, each in a process of its own, the original natively built and with 12
threads. Its training is the time beyond that of 0 epochs (reading, and filling its matrix); ours is measured
by itself, after a warm-up that compiles the kernels. Tokens are those in the vocabulary that were trained: both
go on until as many were as the text has tokens in all. Peak memory is that of the whole process.
The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
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
from benchmarks.peer import THREADS, machine, peer_python, versions

PEER = """
import fasttext, json, resource, sys, time
arguments = json.loads(sys.argv[1])
fasttext.FastText.eprint = lambda *a, **k: None
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
    read_cpu: float  # dictionary and ids (ours); reading and filling the matrix (the original)
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
    from ftcore.corpus.dictionary import Dictionary
    from ftcore.corpus.encode import read_tokens
    from ftcore.corpus.lines import Lines
    from ftcore.engines.choice import choose_engine
    from ftcore.model.init import initial_rows
    from ftcore.model.module import TwoTables
    from ftcore.training.pretrain import pretrain

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
        result = pretrain(
            tables,
            dictionary,
            corpus,
            options,
            engine=choose_engine("cpu", "cpu"),
            deterministic=False,
            threads=spec["threads"] or None,
            epoch_tokens=corpus.ntokens,
        )
        return result.tokens, time.process_time() - cpu, time.perf_counter() - wall, read

    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefghij"]
    run([" ".join(words)] * 5, 1)  # compiles, or loads what was compiled
    found = run(spec["path"], spec["chosen"]["epoch"])
    return Run(*found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def original(python: Path, path: Path, chosen: dict, tokens: int) -> Run:
    """The whole training, less one of 0 epochs."""

    def run(epoch: int) -> dict:
        arguments = {**chosen, "input": str(path), "epoch": epoch, "thread": THREADS, "verbose": 0}
        command = [str(python), "-c", PEER, json.dumps(arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"the original failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    nothing, whole = run(0), run(chosen["epoch"])
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
    yield f"{'':<14}{'':<10}{'tokens/CPU-s':>14}{'train CPU-s':>13}{'wall':>8}{'read CPU-s':>12}{'peak MB':>9}"
    for name, sides in results.items():
        for side in ("ours", "original"):
            if side in sides:
                found = sides[side]
                yield (
                    f"{name:<14}{side:<10}{found['tokens_per_cpu_second']:>14,}{found['train_cpu']:>13.1f}"
                    f"{found['train_wall']:>8.1f}{found['read_cpu']:>12.1f}{found['peak_mb']:>9.0f}"
                )
        if "ratio" in sides:
            yield f"{name:<14}{sides['ratio']:.1f} times the original's tokens per CPU-second"


def main() -> None:
    """Run both in turn; medians, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--work", help="where texts are kept (default: the system's temporary folder)")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--models", default="skipgram,cbow")
    parser.add_argument("--languages", default="en,zh")
    parser.add_argument("--updates", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epoch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(asdict(measure(json.loads(given.measure)))))
        return
    peer, work = peer_python(), work_folder(given.work)
    results: dict[str, dict] = {}
    for language in given.languages.split(","):
        path = wikipedia(language, given.megabytes, Path(given.data), work)
        tokens = count_tokens(path)
        for model in given.models.split(","):
            chosen = options_of(given, model, language)
            mine: list[Run] = []
            theirs: list[Run] = []
            for turn in range(given.repeats):
                mine.append(ours(path, chosen, given.updates, given.threads))
                if peer is not None:
                    theirs.append(original(peer, path, chosen, tokens))
                print(
                    f"{language} {model} turn {turn + 1}", mine[-1], theirs[-1:], file=sys.stderr, flush=True
                )
            found: dict = {"megabytes": round(path.stat().st_size / 1e6, 1), "ours": summary(mine)}
            if theirs:
                found["original"] = summary(theirs)
                speeds = (found[side]["tokens_per_cpu_second"] for side in ("ours", "original"))
                found["ratio"] = round(next(speeds) / next(speeds), 2)
            results[f"{language} {model}"] = found
    print("\n".join(rows(results)))
    print(
        json.dumps(
            {
                "benchmark": "pretrain",
                "date": datetime.date.today().isoformat(),
                "machine": machine(),
                "versions": versions(peer),
                "options": {"dim": given.dim, "epoch": given.epoch, "updates": given.updates},
                "threads": {"ours": given.threads or "cores", "original": THREADS},
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
