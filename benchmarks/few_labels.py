"""How accurate are classifiers that have seen few labels?

Per set, 10, 50, 200 and 1,000 labelled documents of each label (in all where there are two labels), drawn several times:
the original fastText from scratch, the original with pretrained vectors, a linear SVM on TF-IDF, static embeddings of a text
with a logistic regression (as wordllama and Model2Vec are used), and ours with the same pretrained vectors, without and
with self-training on unlabelled texts of the set; of opinions also with a lexicon of 200 words. Every participant chooses among its settings (`SETTINGS`, the strength
of the SVM and of the regression, self-training or not) by the set's validation split, once for each number of labels.
Prints the test accuracies, their mean over the numbers of labels (the area under the curve over the logarithm of that number,
points being about evenly apart), and one JSON line; a whole run is written to benchmarks/results/ and drawn to docs/.

    python -m benchmarks.few_labels --data ../shared/data --cache CACHE [--quick] [--only SET …] [--draws 3]

``--cache``: a folder where vectors are kept, which are made once (minutes), and every finished run, so that an interrupted
benchmark goes on; a `few-labels-SET.jsonl` there is taken away to measure a set anew. ``--static``: a folder of static embeddings
(default: the package wordllama's). ``--quick``: one draw, two sets, up to 200 labels.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ftcore
from benchmarks.corpora import work_folder
from benchmarks.curves import Curve, draw_curves
from benchmarks.few_vectors import SOURCES, dim, narrowed, static_folder, vectors_of
from benchmarks.peer import THREADS, conclude, load, peer_python
from benchmarks.quality_original import TRAIN, ask, write
from benchmarks.quality_peers import regressed, svm
from benchmarks.quality_scores import accuracy
from benchmarks.quality_sets import Part, Split, read_split
from ftcore.errors import UserError
from ftcore.formats.static import StaticEmbeddings, read_static
from ftcore.training.lexicon import read_lexicon

LABELS = (10, 50, 200, 1000)
ASKED, CHOOSING = 3000, 1000  # documents of the test set, of the validation split
UNLABELLED = 20_000  # documents without a label
ROUNDS = 3  # of self-training
WITH_CHARACTERS = ("banking77",)  # English sets where ours has character n-grams, as the SVM has
FIGURE = Path(__file__).resolve().parent.parent / "docs" / "few-labels.svg"
PAIRS = {"lr": 0.5, "epoch": 25, "wordNgrams": 2}
SETTINGS: dict[str, list[dict[str, Any]]] = {  # of the original
    "original": [PAIRS, PAIRS | {"lr": 1.0, "epoch": 50}, PAIRS | {"characters": True}],
    "original, vectors": [
        {"lr": 0.5, "epoch": 25},
        {"lr": 1.0, "epoch": 50},
        {"lr": 0.5, "epoch": 25, "wordNgrams": 2},
    ],
}
OURS, PLAIN, TAUGHT = "ours", "linear, vectors", "linear, vectors, self-training"
KNOWING = "linear, vectors, 200 words"  # beside them: it knows more than labels
STATIC = "static embeddings, regression"
EVERYBODY = ("original", "original, vectors", "SVM", STATIC, PLAIN, TAUGHT, KNOWING)
WORDS = Path(__file__).resolve().parent.parent / "examples" / "sentiment_words.tsv"
POLES = {
    "sst2": {"positive": "1", "negative": "0"},
    "imdb": {"positive": "pos", "negative": "neg"},
}  # their labels
Scores = tuple[float, float]  # accuracy on the validation split and on the test set
Run = Callable[[Split, Path, dict], Scores]  # the last keeps what a participant has chosen


# ------------------------------------------------------------------------------------------------ documents
def sample(part: Part, count: int, seed: int) -> Part:
    """So many documents, all of them where there are not as many."""
    if count >= len(part.labels):
        return part
    return _rows(part, sorted(random.Random(seed).sample(range(len(part.labels)), count)))


def drawn(part: Part, count: int, seed: int) -> tuple[Part, list[str]]:
    """`count` documents of each label (in all, in equal shares, where there are two), and the tokens of the others."""
    names = sorted(set(part.labels))
    each = count // 2 if len(names) == 2 else count
    order = list(range(len(part.labels)))
    random.Random(seed).shuffle(order)
    left = dict.fromkeys(names, each)
    few, rest = [], []
    for row in order:
        if left[part.labels[row]] > 0:
            left[part.labels[row]] -= 1
            few.append(row)
        else:
            rest.append(row)
    return _rows(part, few), [part.tokens[row] for row in rest[:UNLABELLED]]


def points(part: Part) -> list[int]:
    """The numbers of labels that at least half of the labels have documents for."""
    sizes = Counter(part.labels).values()
    each = [n // 2 if len(sizes) == 2 else n for n in LABELS]
    return [n for n, least in zip(LABELS, each, strict=True) if statistics.median(sizes) >= least]


def _rows(part: Part, rows: Sequence[int]) -> Part:
    return Part(*([column[row] for row in rows] for column in (part.texts, part.tokens, part.labels)))


# ----------------------------------------------------------------------------------------- who takes part
def original(who: str, python: Path, vectors: Path | None, split: Split, folder: Path, kept: dict) -> Scores:
    """The original, in a process of its own."""
    asked = write(folder, "asked", split.valid.tokens + split.test.tokens)
    train = write(folder, "train", split.train.lines())

    def scores(setting: dict) -> Scores:
        minn, maxn = split.characters if setting.get("characters") else (0, 0)
        options = {name: value for name, value in setting.items() if name != "characters"}
        options |= {"minn": minn, "maxn": maxn, "thread": THREADS}
        if vectors is not None:
            options |= {"pretrainedVectors": str(vectors), "dim": dim(vectors)}
        said = ask(python, TRAIN, {"train": train, "asked": asked, "options": options})["said"]
        cut = len(split.valid.labels)
        return accuracy(said[:cut], split.valid), accuracy(said[cut:], split.test)

    return _chosen(SETTINGS[who], scores, kept)


def lexicon(name: str) -> dict[str, list[str]]:
    """The words of examples/sentiment_words.tsv under a set's own labels."""
    return {POLES[name][label]: words for label, words in read_lexicon(WORDS).items()}


def _chosen(settings: Sequence[Any], scores: Callable[[Any], Scores], kept: dict) -> Scores:
    """The scores at the setting that was kept; else at the one that does best on the validation split, which is kept."""
    if "setting" in kept:
        return scores(kept["setting"])
    found = [(scores(setting), setting) for setting in settings]
    best, kept["setting"] = max(found, key=lambda pair: pair[0][0])
    return best


def machine(split: Split, folder: Path, kept: dict) -> Scores:
    """The linear SVM of `benchmarks.quality`."""
    made = svm(split, kept.get("setting"))
    kept["setting"] = made["strength"]
    return 0.0, made["accuracy"]


def regression(static: StaticEmbeddings, split: Split, folder: Path, kept: dict) -> Scores:
    """Static embeddings, as in `benchmarks.quality`."""
    made = regressed(static, split, kept.get("setting"))
    kept["setting"] = made["strength"]
    return made["valid"], made["accuracy"]


def ours(vectors: Path, unlabelled: list[str], more: dict, split: Split, folder: Path, kept: dict) -> Scores:
    """The linear head with vectors."""
    whole = split.language == "zh" or split.name in WITH_CHARACTERS
    minn, maxn = split.characters if whole else (0, 0)
    model = ftcore.train_supervised(
        split.train.lines() + (unlabelled if more.get("self_training") else []), head="linear",
        pretrainedVectors=str(vectors), wordNgrams=2, minn=minn, maxn=maxn, bucket=200_000, verbose=0, **more,
    )  # fmt: skip

    def score(part: Part) -> float:
        return accuracy([found[0] if found else "" for found in model.predict(part.tokens)[0]], part)

    return score(split.valid), score(split.test)


# ---------------------------------------------------------------------------------------------- the question
class Finished:
    """The runs of a set that are done, as lines of a file that grows by one a run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        made = [json.loads(line) for line in lines]
        self._scores = {(run["who"], run["labels"], run["draw"]): tuple(run["scores"]) for run in made}
        self._settings = {(run["who"], run["labels"]): run["setting"] for run in reversed(made)}

    def curves(self) -> dict[str, dict[int, list[Scores]]]:
        """The scores as `curves` gives them, of the draws that all who take part have run."""
        who = [one for one in EVERYBODY if any(key[0] == one for key in self._scores)]
        draws = sorted({(count, draw) for _, count, draw in self._scores})
        whole = [place for place in draws if all((one, *place) in self._scores for one in who)]
        return {
            one: {
                n: [self._scores[one, n, draw] for count, draw in whole if count == n]
                for n in sorted({count for count, _ in whole})
            }
            for one in who
        }

    def scores(self, who: str, count: int, draw: int, run: Callable[[dict], Scores]) -> Scores:
        """Kept ones, or new ones, which are kept. A setting is chosen on the first draw and taken for the others."""
        key = who, count, draw
        if key not in self._scores:
            kept = {"setting": self._settings[who, count]} if self._settings.get((who, count)) else {}
            self._scores[key] = run(kept)
            setting = self._settings.setdefault((who, count), kept.get("setting"))
            line = {
                "who": who,
                "labels": count,
                "draw": draw,
                "scores": self._scores[key],
                "setting": setting,
            }
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            told = f"  {self._file.stem} {count:5} draw {draw} {who:32} {self._scores[key][1]:.4f}"
            print(told, setting or "", file=sys.stderr, flush=True)
        return self._scores[key]


def participants(
    few: Split, unlabelled: list[str], vectors: Path, python: Path | None, static: StaticEmbeddings | None
) -> dict[str, Run]:
    """Everybody, by name."""
    runs: dict[str, Run] = {}
    if python is not None:
        runs["original"] = partial(original, "original", python, None)
        runs["original, vectors"] = partial(original, "original, vectors", python, vectors)
    runs["SVM"] = machine
    if static is not None:
        runs[STATIC] = partial(regression, static)
    runs[PLAIN] = partial(ours, vectors, unlabelled, {})
    runs[TAUGHT] = partial(ours, vectors, unlabelled, {"self_training": ROUNDS})
    if few.name in POLES:
        runs[KNOWING] = partial(ours, vectors, unlabelled, {"lexicon": lexicon(few.name)})
    return runs


def curves(
    split: Split,
    draws: int,
    most: int,
    vectors: Path,
    python: Path | None,
    static: StaticEmbeddings | None,
    finished: Finished,
) -> dict[str, dict[int, list[Scores]]]:
    """The scores of each participant by the number of labels, one a draw."""
    valid, test = sample(split.valid, CHOOSING, 0), sample(split.test, ASKED, 0)
    found: dict[str, dict[int, list[Scores]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (n for n in points(split.train) if n <= most):
            for draw in range(draws):
                train, unlabelled = drawn(split.train, count, draw)
                few = Split(split.name, split.language, train, valid, test)
                for who, run in participants(few, unlabelled, vectors, python, static).items():
                    scores = finished.scores(who, count, draw, partial(run, few, Path(folder)))
                    found.setdefault(who, {}).setdefault(count, []).append(scores)
    return found


def summary(found: dict[str, dict[int, list[Scores]]]) -> dict[str, dict]:
    """Mean test accuracy by participant and number of labels, and over these; ours by what the validation split prefers."""
    means = {
        who: {n: tuple(map(statistics.mean, zip(*scores, strict=True))) for n, scores in by.items()}
        for who, by in found.items()
    }
    heads = [means[who] for who in (PLAIN, TAUGHT)]
    means[OURS] = {n: max((head[n] for head in heads), key=lambda pair: pair[0]) for n in heads[0]}
    return {
        who: {
            "accuracy": {n: round(by[n][1], 4) for n in by},
            "area": statistics.mean(v for _, v in by.values()),
        }
        for who, by in means.items()
    }


def told(found: dict[str, dict[int, list[Scores]]]) -> dict:
    """A set's part of the results."""
    draws = {n: len(scores) for n, scores in found[PLAIN].items()}
    return {"draws": draws, "summary": summary(found), "scores": found}


def table(results: dict[str, dict]) -> None:
    """For the terminal."""
    for name, found in results.items():
        rows = found["summary"]
        print(f"{name:36}" + "".join(f"{n:>8}" for n in found["draws"]) + "    area")
        for who, row in rows.items():
            cells = "".join(f"{100 * value:8.1f}" for value in row["accuracy"].values())
            print(f"  {who:34}" + cells + f"{100 * row['area']:8.1f}")
        for other in ("original", "original, vectors", "SVM"):
            if other in rows:
                print(f"  {100 * (rows[OURS]['area'] - rows[other]['area']):+.1f} points of area to {other}")


def figure(results: dict[str, dict], path: Path) -> None:
    """Accuracy against labels, a panel a set."""
    panels = {
        name: [
            Curve(who, [(int(n), value) for n, value in row["accuracy"].items()])
            for who, row in found["summary"].items()
            if who not in (PLAIN, TAUGHT, KNOWING)
        ]
        for name, found in results.items()
    }
    path.write_text(draw_curves(panels, "labelled documents", "accuracy"), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with sst2/, imdb/, …"
    )
    parser.add_argument(
        "--cache", type=Path, default=work_folder(None), help="folder where pretrained vectors are kept"
    )
    parser.add_argument("--static", type=Path, help="folder of static embeddings (default: wordllama's)")
    parser.add_argument("--only", choices=list(SOURCES), nargs="+")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--finished",
        action="store_true",
        help="measure nothing: tell the runs that the cache has, and keep them",
    )
    parser.add_argument("--figure", type=Path, help="an SVG file (a whole run: docs/few-labels.svg)")
    chosen = parser.parse_args(arguments)
    logging.getLogger("ftcore").setLevel(logging.WARNING)
    names = chosen.only or (["sst2", "thucnews_titles"] if chosen.quick else list(SOURCES))
    draws, most = (1, 200) if chosen.quick else (chosen.draws, max(LABELS))
    loads = [load()]
    if chosen.finished:
        files = {name: chosen.cache / f"few-labels-{name}.jsonl" for name in names}
        kept = {name: Finished(file).curves() for name, file in files.items() if file.exists()}
        results = {name: told(found) for name, found in kept.items() if found.get(PLAIN)}
        return concluded(results, loads, keep=not chosen.only)
    try:
        python, folder = peer_python(), static_folder(chosen.static)
        static = None if folder is None else read_static(folder)
        results = {}
        for name in names:
            split = read_split(name, chosen.data, 0)
            whole = vectors_of(split, chosen.data, chosen.cache, static)
            vectors = narrowed(whole, split, chosen.cache)
            finished = Finished(chosen.cache / f"few-labels-{name}.jsonl")
            found = curves(split, draws, most, vectors, python, static, finished)
            results[name] = told(found)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if chosen.figure:
        figure(results, chosen.figure)
    return concluded(results, loads, keep=set(names) == set(SOURCES) and not chosen.quick)


def concluded(results: dict[str, dict], loads: list[float], keep: bool) -> int:
    """The table; the figure and the kept file of a whole run; the JSON line."""
    table(results)
    if keep:
        figure(results, FIGURE)
    about = {"asked": ASKED, "unlabelled": UNLABELLED}
    conclude("few-labels", about, loads, ["original"] if peer_python() else [], results, keep)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
