"""What is left of earlier parts after three trainings in sequence?

``python -m benchmarks.continual --data ../shared/data [--sets banking77 thucnews_titles shopping_domains] [--seeds 1]
[--kept 3000 10000] [--anchor 0.01] [--only linear]``

Parts are thirds of the labels; of shopping_domains, three groups of product categories whose reviews are good or bad. Ways: all at once
(joint), one after the other plainly, with an anchor, with a replay of kept texts, with both; and the same with a linear head. Scores are
accuracies on the test documents of each part after the third training; backward transfer is the mean change of the first two since they
were learnt. The last line of stdout is one JSON object.
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
from ftcore.training.reservoir import Reservoir, judging, keep, replayed
from ftcore.training.start import FromModel, FromScores

PARTS = 3
EPOCHS = {"banking77": 25}  # others: 10
DOMAINS = "shopping_domains"
Way = tuple[Finetune, int | str]  # options, and what is kept


def parts_of(split: Split, seed: int, by: Split | None = None) -> list[tuple[Part, ...]]:
    """Train, valid and test documents of each third of the labels.

    Args:
        by: the same documents, whose labels are dealt out instead.
    """
    by = by or split
    labels = sorted(set(by.train.labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    part = {labels[label]: place % PARTS for place, label in enumerate(order)}
    made = []
    for number in range(PARTS):
        both = []
        for whole, dealt in ((split.train, by.train), (split.valid, by.valid), (split.test, by.test)):
            rows = [row for row, label in enumerate(dealt.labels) if part[label] == number]
            both.append(
                Part(*([column[row] for row in rows] for column in (whole.texts, whole.tokens, whole.labels)))
            )
        made.append(tuple(both))
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


def in_sequence(parts: list[tuple[Part, ...]], way: Way, seed: int) -> dict[str, float]:
    """One training after the other."""
    options, kept = way
    linear, conditions = options.head == "linear", Conditions(choose_engine("cpu", "cpu"), seed)
    model, reservoir, learnt = None, Reservoir.sized(kept or 1, seed), []
    judges_kept = Reservoir.sized(kept or 1, seed)
    judges_kept.capacity = max(judges_kept.capacity // 10, 1)
    for train, valid, test in parts:
        new, held_out = documents([train]), documents([valid])
        texts = replayed(new, reservoir, weighed=linear) if kept else new
        judges = judging(held_out, judges_kept) if linear else None
        start = None
        if model is not None:
            start = FromScores(model) if linear else FromModel(model, "ahead")
        model, _ = learn(texts, options, conditions, start=start, valid=judges)
        keep(reservoir, new)
        keep(judges_kept, held_out)
        learnt.append(accuracy(model, test))
    return told(model, parts, learnt) | ({"texts kept": len(reservoir)} if kept else {})


def ways_of(split: Split, kept: list[str], anchor: float) -> dict[str, Way]:
    """What is tried; joint trainings keep nothing."""
    plain = Finetune(word_ngrams=2, lr=0.5, epoch=EPOCHS.get(split.name, 10), dim=100)
    held = plain.model_copy(update={"anchor": anchor})
    shortest, longest = split.characters
    linear = Finetune(head="linear", word_ngrams=2, minn=shortest, maxn=longest, strength=1.0, weighing="idf")
    made: dict[str, Way] = {"sgd joint": (plain, 0), "sgd plain": (plain, 0), "sgd anchor": (held, 0)}
    for size in kept:
        made |= {f"sgd replay {size}": (plain, size), f"sgd replay {size}, anchor": (held, size)}
    return made | {"linear joint": (linear, 0)} | {f"linear replay {size}": (linear, size) for size in kept}


def told(model: Model, parts: list[tuple[Part, ...]], learnt: list[float]) -> dict[str, float]:
    """Scores after the last training."""
    after = [accuracy(model, test) for *_, test in parts]
    made = {f"part {number}": score for number, score in enumerate(after, 1)} | {
        "mean": float(np.mean(after))
    }
    change = [now - then for now, then in zip(after[:-1], learnt[:-1], strict=True)] if learnt else []
    return made | ({"backward": float(np.mean(change))} if change else {})


def main() -> None:
    """A row for each way and set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--sets", nargs="+", default=["banking77", "thucnews_titles"], choices=sorted([*SETS, DOMAINS])
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--kept", nargs="+", default=["3000"], help="texts, or bytes of them (5M)")
    parser.add_argument("--anchor", type=float, default=0.01)
    parser.add_argument("--only", default="", help="ways whose name begins so")
    given = parser.parse_args()
    result: dict[str, dict] = {}
    for name in given.sets:
        split = read_split("shopping_sentiment" if name == DOMAINS else name, given.data, 0)
        by = read_split("shopping_category", given.data, 0) if name == DOMAINS else None
        ways = ways_of(split, given.kept, given.anchor)
        result[name] = {}
        for way, (options, kept) in ways.items():
            if not way.startswith(given.only):
                continue
            found = []
            for seed in range(given.seeds):
                parts = parts_of(split, seed, by)
                if way.endswith("joint"):
                    whole = documents([train for train, *_ in parts])
                    judges = documents([valid for _, valid, _ in parts]) if options.head == "linear" else None
                    conditions = Conditions(choose_engine("cpu", "cpu"), seed)
                    model, _ = learn(whole, options, conditions, valid=judges)
                    found.append(told(model, parts, []))
                else:
                    found.append(in_sequence(parts, (options, kept), seed))
            means = {key: round(float(np.mean([row[key] for row in found])), 4) for key in found[0]}
            result[name][way] = means
            print(
                f"{name:<16} {way:<26}" + "  ".join(f"{key} {value:.4g}" for key, value in means.items()),
                flush=True,
            )
    about = {"date": str(datetime.date.today()), "machine": machine(), "versions": versions(None)}
    settings = {"seeds": given.seeds, "kept": given.kept, "anchor": given.anchor}
    print(json.dumps({"benchmark": "continual", **about, **settings, "sets": result}))


if __name__ == "__main__":
    main()
