"""What is left of earlier labels after three trainings in sequence, each on a third of the labels?

``python -m benchmarks.continual --data ../shared/data [--sets banking77 thucnews_titles] [--seeds 1] [--kept 3000] [--anchor 0.01]``

Ways: all at once (joint), one after the other plainly, with an anchor, with a replay of kept texts, with both. Scores are accuracies on
the test documents of each part after the third training; backward transfer is the mean change of the first two since they were learnt.
The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

import numpy as np

from benchmarks.peer import machine, versions
from benchmarks.quality_sets import SETS, Part, Split, read_split
from ftcore.config import Finetune
from ftcore.engines.choice import choose_engine
from ftcore.inference.classifier import Classifier
from ftcore.model.model import Model
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from ftcore.training.reservoir import Reservoir, keep, replayed
from ftcore.training.start import FromModel

PARTS = 3
EPOCHS = {"banking77": 25}  # others: 10


def parts_of(split: Split, seed: int) -> list[tuple[Part, Part]]:
    """Train and test documents of each third of the labels."""
    labels = sorted(set(split.train.labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    part = {labels[label]: place % PARTS for place, label in enumerate(order)}
    made = []
    for number in range(PARTS):
        both = []
        for whole in (split.train, split.test):
            rows = [row for row, label in enumerate(whole.labels) if part[label] == number]
            both.append(
                Part(*([column[row] for row in rows] for column in (whole.texts, whole.tokens, whole.labels)))
            )
        made.append((both[0], both[1]))
    return made


def documents(parts: list[Part]) -> Tokenized:
    """Of one part or of several."""
    return Tokenized.of(
        [line for part in parts for line in part.tokens], [[y] for part in parts for y in part.labels]
    )


def accuracy(model: Model, test: Part) -> float:
    """Of the best label."""
    best = Classifier(model, fold=False).probabilities(test.tokens).argmax(axis=1)
    return float(np.mean([model.labels[i] == y for i, y in zip(best, test.labels, strict=True)]))


def in_sequence(parts: list[tuple[Part, Part]], options: Finetune, kept: int, seed: int) -> dict[str, float]:
    """One training after the other."""
    conditions, model, reservoir, learnt = (
        Conditions(choose_engine("cpu", "cpu"), seed),
        None,
        Reservoir(max(kept, 1), seed),
        [],
    )
    for train, test in parts:
        new = documents([train])
        texts = replayed(new, reservoir) if kept else new
        start = None if model is None else FromModel(model, "ahead")
        model, _ = learn(texts, options, conditions, start=start)
        keep(reservoir, new)
        learnt.append(accuracy(model, test))
    return told(model, parts, learnt)


def told(model: Model, parts: list[tuple[Part, Part]], learnt: list[float]) -> dict[str, float]:
    """Scores after the last training."""
    after = [accuracy(model, test) for _, test in parts]
    made = {f"part {number}": score for number, score in enumerate(after, 1)} | {
        "mean": float(np.mean(after))
    }
    change = [now - then for now, then in zip(after[:-1], learnt[:-1], strict=True)] if learnt else []
    return made | ({"backward": float(np.mean(change))} if change else {})


def main() -> None:
    """A row for each way and set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["banking77", "thucnews_titles"], choices=sorted(SETS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--kept", type=int, default=3000)
    parser.add_argument("--anchor", type=float, default=0.01)
    given = parser.parse_args()
    result: dict[str, dict] = {}
    for name in given.sets:
        split = read_split(name, given.data, 0)
        plain = Finetune(word_ngrams=2, lr=0.5, epoch=EPOCHS.get(name, 10), dim=100)
        held = plain.model_copy(update={"anchor": given.anchor})
        ways = {
            "plain": (plain, 0),
            "anchor": (held, 0),
            "replay": (plain, given.kept),
            "replay, anchor": (held, given.kept),
        }
        rows: dict[str, list[dict[str, float]]] = {way: [] for way in ("joint", *ways)}
        for seed in range(given.seeds):
            parts = parts_of(split, seed)
            model, _ = learn(
                documents([train for train, _ in parts]), plain, Conditions(choose_engine("cpu", "cpu"), seed)
            )
            rows["joint"].append(told(model, parts, []))
            for way, (options, kept) in ways.items():
                rows[way].append(in_sequence(parts, options, kept, seed))
        result[name] = {}
        for way, found in rows.items():
            means = {key: round(float(np.mean([row[key] for row in found])), 4) for key in found[0]}
            result[name][way] = means
            print(
                f"{name:<16} {way:<16}" + "  ".join(f"{key} {value:+.3f}" for key, value in means.items()),
                flush=True,
            )
    about = {"date": str(datetime.date.today()), "machine": machine(), "versions": versions(None)}
    settings = {"seeds": given.seeds, "kept": given.kept, "anchor": given.anchor}
    print(json.dumps({"benchmark": "continual", **about, **settings, "sets": result}))


if __name__ == "__main__":
    main()
