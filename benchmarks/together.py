"""Do several processes learn as well as one? Loss, similarity and analogies, by the interval between their meetings.

``python -m benchmarks.together [--data ../shared/data] [--megabytes 20] [--epoch 2] [--runs 1,2,4]
[--model skipgram] [--dim 100] [--work FOLDER]``

A run is PROCESSES[:TOKENS[:UPDATES[:FACTOR]]]: the tokens of all of them between two meetings, how often a row is updated between
two of its own (0: it takes part in every one), and a factor on `ftcore.engines.meetings.CONTRACTION`. Each is started by torchrun with the cpu engine's exact updates, a thread
each. `loss` is training's in its last epoch, which a process sees on its own tables between meetings; `reached` is that of the
finished vectors. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.corpora import SUBWORDS, wikipedia, work_folder
from benchmarks.peer import machine
from benchmarks.vectors import Vectors, words_of

if TYPE_CHECKING:
    from ftcore import config
    from ftcore.dictionary.encode import TokenCorpus


def train(given: argparse.Namespace, run: str, out: Path) -> None:
    """In one of the processes: train; the first writes vectors and what it cost."""
    import torch

    from ftcore import config
    from ftcore.dictionary.dictionary import Dictionary
    from ftcore.dictionary.encode import read_tokens
    from ftcore.dictionary.lines import Lines
    from ftcore.engines.averaged import Averaged
    from ftcore.engines.choice import choose_engine
    from ftcore.engines.meetings import UPDATES, Meetings
    from ftcore.fasttext import FastText
    from ftcore.text.tokenizer import Tokenizer
    from ftcore.training.recipe import Conditions, Prepared, fit
    from ftcore.training.together import together

    class Ruled(Averaged):
        contraction = 1.0

        def meetings(self, tables: Any, pace: Any, done: np.ndarray) -> Meetings:
            made = super().meetings(tables, pace, done)
            made.share = lambda way: Meetings.share(made, way * self.contraction)
            return made

    torch.set_num_threads(1)
    minn, maxn = SUBWORDS["en"]
    options = config.Pretrain(
        model=given.model, dim=given.dim, epoch=given.epoch, minn=minn, maxn=maxn, updates="exact"
    )
    text = str(wikipedia("en", given.megabytes, Path(given.data), work_folder(given.work)))
    dictionary = Dictionary.read(Lines(text), options)
    corpus = read_tokens(Lines(text), dictionary)
    model = FastText.untrained(Tokenizer(), dictionary, dim=options.dim, kind=given.model, loss="ns", seed=1)
    _, tokens, updates, contraction = [*run.split(":"), "", "", ""][:4]
    with together(Conditions(choose_engine("cpu", "cpu"), 1)) as (ours, first):
        if tokens:
            engine = Ruled(ours.engine.engine, int(tokens), float(updates or UPDATES))
            engine.contraction = float(contraction or 1)
            ours = replace(ours, engine=engine)
        started, cpu = time.perf_counter(), time.process_time()
        result = fit(model.tables, Prepared(dictionary, corpus), options, ours)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        if first:
            reached = loss_of(model, corpus, options)
            others = words_of("en", Path(given.data) / "wordvec_eval")
            np.savez(
                out,
                words=np.array(model.words),
                vectors=model.word_vectors(),
                others=np.array(others),
                other_vectors=np.stack([model.word_vector(word) for word in others]),
                about=np.array([result.history[-1]["loss"], reached, seconds, cpu]),
            )


def loss_of(model: Any, corpus: TokenCorpus, options: config.Pretrain, tokens: int = 1_000_000) -> float:
    """What finished tables lose on the corpus' beginning, a pair: the same windows and negatives whoever trained them."""
    from ftcore.engines.choice import choose_engine, load_engine
    from ftcore.engines.setup import PretrainSetup

    lines = range(int(np.searchsorted(corpus.offsets, tokens)))
    lines = range(min(lines.stop, len(corpus.offsets) - 1))
    engine, setup = load_engine(choose_engine("cpu", "cpu")), PretrainSetup.build(model.dictionary, options)
    draws = np.random.Generator(np.random.Philox(key=7))
    done = engine.pretrain_lines(model.tables, corpus, lines, options, lambda at: 0.0, draws, setup)
    return done.loss / done.examples


def measure(given: argparse.Namespace, run: str) -> dict[str, float]:
    """One run of torchrun: scores, the last loss, and seconds of training."""
    out = work_folder(given.work) / "together.npz"
    words = [
        f"--{name.replace('_', '-')}={value}" for name, value in vars(given).items() if value is not None
    ]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", run.split(":")[0],
        "-m", "benchmarks.together", *words, "--one", run, "--out", str(out),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    scores = Vectors(out, True).scores("en", Path(given.data) / "wordvec_eval")
    with np.load(out) as made:
        loss, reached, seconds, cpu = made["about"].tolist()
    out.unlink()
    kept = {name: scores[name] for name in ("similarity", "analogies", "semantic", "syntactic")}
    return {"loss": loss, "reached": reached} | kept | {"seconds": seconds, "cpu_seconds_of_one": cpu}


def main() -> None:
    """A row for every run, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--work")
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--epoch", type=int, default=2)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--model", default="skipgram")
    parser.add_argument("--runs", default="1,2,4")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        train(given, given.one, Path(given.out))
        return
    wikipedia("en", given.megabytes, Path(given.data), work_folder(given.work))
    found = {}
    for run in given.runs.split(","):
        found[run] = {name: round(value, 4) for name, value in measure(given, run).items()}
        print(f"{run:>14}   " + "   ".join(f"{n} {v:.4g}" for n, v in found[run].items()), flush=True)
    about = {"date": str(datetime.date.today()), "machine": machine(), "options": vars(given)}
    print(json.dumps({"benchmark": "together", **about, "results": found}))


if __name__ == "__main__":
    main()
