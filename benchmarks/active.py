"""How many labels do chosen documents save? `label_next` against documents drawn at random, over seeds.

``python -m benchmarks.active --data ../shared/data [--sets banking77 thucnews_titles] [--seeds 5] [--step 300] [--most 4200]
[--batch 50] [--first 100]
[--vectors banking77=FILE thucnews_titles=FILE]``

Both begin with documents drawn at random. One takes `--step` more of these at a time, the other begins with the first `--first` of them (as many as
`--batch`) and chooses `--batch` more at a time (as many as `--step` unless told otherwise); the classifier is the linear head over words and
pairs at one strength, with ``--vectors`` beside the same pretrained vectors (those of `benchmarks.few_labels`) at weight 1. For each number of labels drawn at random it says what share of it the chosen ones need for the same accuracy on
the test set. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.peer import machine, versions
from benchmarks.quality_sets import SETS, Part, Split, read_split
from ftcore.config import Finetune
from ftcore.engines.choice import choose_engine
from ftcore.fewshot.label_next import label_next
from ftcore.inference.classifier import Classifier
from ftcore.model.model import Model
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from ftcore.training.start import Fresh, FromVectors, Start

OPTIONS = Finetune(head="linear", word_ngrams=2, strength=1.0, weighing="idf", vectors=1.0)
ASKED = 4000  # test documents at most


def curve(
    split: Split, seed: int, first: int, step: int, most: int, chosen: bool, start: Start
) -> list[float]:
    """The accuracy with first, first + step, first + 2 · step, … labels."""
    train, order = split.train, np.random.default_rng(seed).permutation(len(split.train.labels))
    have, found = order[:first].tolist(), []
    while True:
        model = taught(train, have, start)
        found.append(accuracy(model, split.test))
        print(
            f"{split.name} seed {seed} {'chosen' if chosen else 'drawn'} {len(have)}: {found[-1]:.4f}",
            file=sys.stderr,
        )
        if len(have) + step > min(most, len(order)):
            return found
        if not chosen:
            have = order[: len(have) + step].tolist()
            continue
        taken = set(have)
        pool = [row for row in range(len(order)) if row not in taken]
        have += [pool[one.row] for one in label_next(model, [train.tokens[row] for row in pool], step)]


def taught(train: Part, rows: list[int], start: Start) -> Model:
    """The classifier of some documents."""
    documents = Tokenized.of([train.tokens[i] for i in rows], [[train.labels[i]] for i in rows])
    return learn(documents, OPTIONS, Conditions(choose_engine("cpu", "cpu")), start=start)[0]


def accuracy(model: Model, test: Part) -> float:
    """On at most `ASKED` of the test set, from all over it: it may be sorted by label."""
    every = -(-len(test.labels) // ASKED)
    tokens, labels = test.tokens[::every], test.labels[::every]
    best = Classifier(model, fold=False).probabilities(tokens).argmax(axis=1)
    return float(np.mean([model.labels[i] == y for i, y in zip(best, labels, strict=True)]))


def needed(labels: np.ndarray, drawn: np.ndarray, counts: np.ndarray, chosen: np.ndarray) -> dict[int, float]:
    """For each number of labels drawn at random, the share that chosen ones need for its accuracy; what lies beyond is left out."""
    rising = np.maximum.accumulate(chosen)
    return {
        int(count): float(np.interp(score, rising, counts) / count)
        for count, score in zip(labels[1:], drawn[1:], strict=True)
        if score <= rising[-1]
    }


def main() -> None:
    """Both curves of each set, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["banking77", "thucnews_titles"], choices=sorted(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--step", type=int, default=300)
    parser.add_argument(
        "--batch", type=int, default=0, help="documents chosen at a time; 0: as many as --step"
    )
    parser.add_argument(
        "--first", type=int, default=0, help="drawn before documents are chosen; 0: as many as --batch"
    )
    parser.add_argument("--most", type=int, default=4200)
    parser.add_argument("--vectors", nargs="*", default=[], metavar="SET=FILE")
    given = parser.parse_args()
    vectors = dict(one.split("=", 1) for one in given.vectors)
    result, steps = {}, {"drawn": given.step, "chosen": given.batch or given.step}
    firsts = {"drawn": given.step, "chosen": given.first or steps["chosen"]}
    for name in given.sets:
        split, curves = read_split(name, given.data, 0), {}
        start = FromVectors.read(vectors[name]) if name in vectors else Fresh()
        for kind in ("drawn", "chosen"):
            rows = [
                curve(split, seed, firsts[kind], steps[kind], given.most, kind == "chosen", start)
                for seed in range(given.seeds)
            ]
            curves[kind] = np.array(rows)
        counts = {
            kind: firsts[kind] + steps[kind] * np.arange(rows.shape[1]) for kind, rows in curves.items()
        }
        labels, means = counts["drawn"], {kind: rows.mean(axis=0) for kind, rows in curves.items()}
        shares = needed(labels, means["drawn"], counts["chosen"], means["chosen"])
        beside = np.interp(labels, counts["chosen"], means["chosen"])
        for place, count in enumerate(labels.tolist()):
            told = f"{shares[count]:.0%} of the labels" if count in shares else ""
            print(
                f"{name:<16} {count:>6}  drawn {means['drawn'][place]:.4f}  chosen {beside[place]:.4f}  {told}",
                flush=True,
            )
        result[name] = {
            "vectors": name in vectors,
            "labels": labels.tolist(),
            "labels_chosen": counts["chosen"].tolist(),
            **{kind: np.round(rows, 4).tolist() for kind, rows in curves.items()},
            "share_needed": {count: round(share, 3) for count, share in shares.items()},
        }
    about = {"date": str(datetime.date.today()), "machine": machine(), "versions": versions(None)}
    print(json.dumps({"benchmark": "active", **about, "seeds": given.seeds, "step": steps, "sets": result}))


if __name__ == "__main__":
    main()
