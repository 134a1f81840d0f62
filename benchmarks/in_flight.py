"""How many centres may be in flight at once before the vectors suffer? Measured without a GPU.

``python -m benchmarks.in_flight [--data ../shared/data] [--megabytes 10] [--in-flight cpu,1024,16384] [--model skipgram]
[--language en] [--seeds 1] [--dim 100] [--epoch 1] [--updates exact] [--work FOLDER]``

The cuda engine's twin in plain torch trains in waves of K centres, which see nothing of each other; ``cpu`` is the cpu
engine, the measure (K = 1 by its exact updates). Each row is printed as soon as it is known. Similarity: the mean of
Spearman's correlations on the language's sets; analogies as `benchmarks.vectors`. The last line of stdout is one JSON
object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.corpora import SUBWORDS, wikipedia, work_folder
from benchmarks.peer import machine
from benchmarks.vectors import Vectors, words_of
from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import read_tokens
from ftcore.dictionary.lines import Lines
from ftcore.engines.choice import choose_engine
from ftcore.fasttext import FastText
from ftcore.text.tokenizer import Tokenizer
from ftcore.training.recipe import Conditions, Prepared, fit


def engine(name: str) -> object:
    """The cpu engine, or the twin of the cuda engine with so many centres in flight."""
    if name == "cpu":
        return choose_engine("cpu", "cpu")
    from ftcore.engines.cuda.engine import Cuda

    made = Cuda("cpu", deterministic=True, in_flight=int(name))
    made.programs = lambda units, most: max(
        1, min(int(name), units)
    )  # also where that is all of a small text
    return made


def train(name: str, given: argparse.Namespace, text: Path, seed: int) -> dict[str, float]:
    """Scores, the last loss, and seconds of one training."""
    minn, maxn = SUBWORDS[given.language]
    options = config.Pretrain(
        model=given.model, dim=given.dim, epoch=given.epoch, minn=minn, maxn=maxn, updates=given.updates
    )
    dictionary = Dictionary.read(Lines(str(text)), options)
    corpus = read_tokens(Lines(str(text)), dictionary)
    model = FastText.untrained(
        Tokenizer(), dictionary, dim=options.dim, kind=given.model, loss="ns", seed=seed
    )
    started = time.process_time()
    conditions = Conditions(engine(name), seed, deterministic=True)
    result = fit(model.tables, Prepared(dictionary, corpus), options, conditions)
    seconds = time.process_time() - started
    data = Path(given.data) / "wordvec_eval"
    others = words_of(given.language, data)
    out = work_folder(given.work) / f"in_flight_{name}_{seed}.npz"
    np.savez(
        out,
        words=np.array(model.words),
        vectors=model.word_vectors(),
        others=np.array(others),
        other_vectors=np.stack([model.word_vector(word) for word in others]),
    )
    scores = Vectors(out, True).scores(given.language, data)
    out.unlink()
    largest = float(np.abs(model.word_vectors()).max())
    return scores | {"loss": result.history[-1]["loss"], "largest": largest, "cpu_seconds": seconds}


def main() -> None:
    """A row for every number in flight, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--work")
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--in-flight", default="cpu,1024,16384,256,4096,65536")
    parser.add_argument("--model", default="skipgram")
    parser.add_argument("--updates", default="exact", choices=("exact", "shared"))
    parser.add_argument("--language", default="en", choices=sorted(SUBWORDS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epoch", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    text = wikipedia(given.language, given.megabytes, Path(given.data), work_folder(given.work))
    found: dict[str, dict[str, float]] = {}
    for name in given.in_flight.split(","):
        scored = [train(name, given, text, seed) for seed in range(given.seeds)]
        found[name] = {key: round(statistics.mean(one[key] for one in scored), 4) for key in scored[0]}
        shown = "   ".join(f"{key} {value:.4g}" for key, value in found[name].items())
        print(f"{name:>6}   {shown}", flush=True)
    about = {"date": str(datetime.date.today()), "machine": machine(), "options": vars(given)}
    print(json.dumps({"benchmark": "in_flight", **about, "results": found}))


if __name__ == "__main__":
    main()
