"""How much better than fastText, tuned, and than a linear SVM are our classifiers on full data?

Section ``full``, per set and seed, on the same tokens: the original at the best point of a grid (`benchmarks.quality_original`: the grid
is searched once, on seed 0 and the validation split, by our own engine, which does the original's arithmetic in less time; its
table is kept in benchmarks/results/quality-grid.json; the original itself is trained at that point and asked), scikit-learn's
LinearSVC on TF-IDF of word 1-2-grams and character n-grams (C chosen on the validation split of seed 0), static embeddings with a
logistic regression (one seed), and ours (`OURS`), on five sets also with pretrained vectors, those of `benchmarks.few_labels`, as the
original at its point then has once. Accuracy on the test set, mean and standard error over the seeds; seconds of
training; expected calibration error (15 bins) beside what 95 % of perfectly calibrated models of as many documents stay
below; whether the original, opening our `.bin`, says the same labels, and its calibration error. Where neither the split nor
the training depends on a seed there is one run.

Section ``auto``, seed 0: ``head="auto"`` with 60 seconds, counted in CPU seconds of one thread so that a busy machine shortens no
search, without and with the vectors, and fastText's plain default, beside those of ``full``.

Section ``whole``, seed 0: the original and the SVM learn from the validation documents, too, once these have chosen, as ours does in ``full``.

    python -m benchmarks.quality --data ../shared/data [--quick] [--only SET …] [--seeds 5] [--sections full auto whole] [--runs FOLDER]
        [--static FOLDER] [--cache CACHE]

``--cache``: a folder where pretrained vectors are kept, which are made once (minutes). ``--quick``: two sets at a time (its seconds by the clock tell nothing), one seed, 20 seconds of search, no section ``whole``, no vectors
that would have to be made, ours only with vectors where there are any, strengths of the others as the last whole run chose them, and where a set's grid is not kept four points of it are searched and not kept. ``--runs``: a folder that keeps
each finished run, so that an interrupted benchmark goes on; ``--kept`` reports what it has. ``FTCORE_PEER`` names a Python with the original (default:
``.venv-peer/bin/python``). A question more is a function in `SECTIONS`.
The last line is one JSON object; a whole run is also written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

import ftcore
from benchmarks.corpora import work_folder
from benchmarks.few_vectors import SOURCES, narrowed, static_folder, vectors_of
from benchmarks.few_vectors import STATIC as STATIC_VECTORS
from benchmarks.peer import conclude, load, peer_python
from benchmarks.quality_original import OPEN, ask, original, tuned_original, write
from benchmarks.quality_peers import regressed, svm
from benchmarks.quality_scores import accuracy, calibration
from benchmarks.quality_sets import SETS, UNCUT, Part, Split, read_split
from ftcore.errors import UserError
from ftcore.formats.static import read_static

LINEAR, VECTORS = "linear, refit", "linear, vectors"
OURS: dict[str, dict[str, Any]] = dict.fromkeys((LINEAR, VECTORS), {"head": "linear", "refit": True})
PLAIN, AUTO, AUTO_VECTORS, STATIC = "plain default", "auto", "auto, vectors", "static embeddings"
ORIGINAL_VECTORS = "original, vectors"
SECONDS, QUICK_SECONDS = 60, 20  # of the search of head auto
AT_A_TIME = 2  # sets, where --quick


@dataclass
class Bench:
    """What a run was asked for.

    Attributes:
        python: of the original, None where there is none.
        runs: keeps finished runs.
        static: a folder of static embeddings, if any.
        cache: keeps pretrained vectors.
    """

    data: Path
    seeds: int
    quick: bool
    python: Path | None
    runs: Path
    static: Path | None
    cache: Path

    def vectors(self, split: Split) -> Path | None:
        """Pretrained ones for a set, where there are any."""
        source = SOURCES.get(split.name)
        at_hand = (self.cache / f"{source}.vec").exists() or (source == STATIC_VECTORS and self.static)
        if source is None or (self.quick and not at_hand):
            return None
        static = None if self.static is None or source != STATIC_VECTORS else read_static(self.static)
        return narrowed(vectors_of(split, self.data, self.cache, static), split, self.cache)

    def run(
        self,
        section: str,
        split: Split,
        who: str,
        seed: int,
        make: Callable[[], dict],
        at: dict | None = None,
    ) -> dict:
        """A finished run: kept, or made and kept.

        Args:
            at: what a kept run must say of itself.
        """
        file = self.runs / f"{section}-{split.name}.jsonl"
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                kept = json.loads(line)
                if (kept["who"], kept["seed"]) == (who, seed) and kept["made"] | (at or {}) == kept["made"]:
                    return dict(kept["made"])
        made = make()
        print(
            f"  {split.name} seed {seed} {who:18} {made['accuracy']:.4f} {made['cpu']:6.1f} CPU s",
            file=sys.stderr,
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"who": who, "seed": seed, "made": made}) + "\n")
        return made


# --------------------------------------------------------------------------------------------------- ours
def ours(split: Split, folder: Path, options: dict, seed: int, python: Path | None) -> dict:
    """A training of ours, asked the test set; its `.bin`, opened in the original, too."""
    given = {"seed": seed, "verbose": 0} | options
    begun = time.perf_counter(), time.process_time()
    model = ftcore.train_supervised(split.train.lines(), **given)
    wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    said, sure = asked(model, split.test)
    made = {"accuracy": accuracy(said, split.test), "wall": wall, "cpu": cpu}
    made |= calibration(said, sure, split.test)
    file = folder / "ours.bin"
    model.save_model(str(file))
    made["bin_bytes"] = file.stat().st_size
    if python is not None:
        order = {"model": str(file), "asked": write(folder, "test", split.test.tokens)}
        theirs = ask(python, OPEN, order)
        made["same_in_original"] = float(np.mean([a == b for a, b in zip(said, theirs["said"], strict=True)]))
        made["ece_in_original"] = calibration(theirs["said"], theirs["sure"], split.test)["ece"]
    file.unlink()
    return made


def asked(model: Any, part: Part) -> tuple[list[str], list[float]]:
    """The label of each document, and how sure the model is of it."""
    labels, scores = model.predict(part.tokens)
    said = [found[0] if found else "" for found in labels]
    return said, [float(found[0]) if len(found) else 0.0 for found in scores]


def ours_of(split: Split, folder: Path, seed: int, bench: Bench) -> dict[str, Callable[[], dict]]:
    """Linear heads over the features of the set's language, to be run."""
    minn, maxn = split.characters
    options = {"wordNgrams": 2, "minn": minn, "maxn": maxn, "valid": split.valid.lines()}
    vectors = bench.vectors(split)
    given: dict[str, dict] = {LINEAR: {}}
    if vectors is not None:
        given[VECTORS] = {"pretrainedVectors": str(vectors)}
        if bench.quick:
            del given[LINEAR]
    return {
        who: partial(ours, split, folder, options | OURS[who] | more, seed, bench.python)
        for who, more in given.items()
    }


def searched(
    split: Split, folder: Path, seconds: int, python: Path | None, vectors: Path | None = None
) -> dict:
    """Head auto; its seconds are those of one thread on a CPU of its own."""
    valid = write(folder, "valid", split.valid.lines())
    options = {
        "head": "auto", "autotuneValidationFile": valid, "autotuneDuration": seconds, "thread": 1,
    }  # fmt: skip
    options |= {"pretrainedVectors": str(vectors)} if vectors is not None else {}
    clock = SimpleNamespace(perf_counter=time.process_time, time=time.time, monotonic=time.monotonic)
    with patch("ftcore.training.autotune.time", clock):
        return ours(split, folder, options, 0, python)


# ------------------------------------------------------------------------------------------ the sections
def full(name: str, bench: Bench) -> dict:
    """All documents of a set: each who takes part, over the seeds."""
    runs: dict[str, list[dict]] = {}
    point: dict | None = None
    strengths = chosen_before(name) if bench.quick else {}
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        for seed in range(bench.seeds):
            split = read_split(name, bench.data, seed)
            point = point or tuned_original(bench.python, split, folder, bench.quick)
            makes: dict[str, Callable[[], dict]] = {}
            if bench.python is not None:
                makes["original"] = partial(original, bench.python, split, folder, point, seed)
            if seed == 0 or name not in UNCUT:  # else the same documents, and no draw in the training
                makes["svm"] = partial(svm, split, strengths.get("svm"))
                makes |= ours_of(split, folder, seed, bench)
            vectors = None if seed or bench.quick else bench.vectors(split)
            if bench.python is not None and vectors is not None:
                makes[ORIGINAL_VECTORS] = partial(original, bench.python, split, folder, point, seed, vectors)
            if seed == 0 and bench.static is not None:
                makes[STATIC] = partial(regressed, read_static(bench.static), split, strengths.get(STATIC))
            for who, make in makes.items():
                at = point if who == "original" else None
                runs.setdefault(who, []).append(bench.run("full", split, who, seed, make, at))
            strengths = {"svm": runs["svm"][0]["strength"]}
    return {"point": point, "runs": runs, "summary": {who: summary(made) for who, made in runs.items()}}


def chosen_before(name: str) -> dict[str, float]:
    """The strengths that the last whole run chose for the SVM and the regression."""
    *_, last = [None, *sorted((Path(__file__).resolve().parent / "results").glob("*-quality.json"))]
    if last is None:
        return {}
    runs = json.loads(last.read_text(encoding="utf-8"))["results"]["full"].get(name, {}).get("runs", {})
    return {who: made[0]["strength"] for who, made in runs.items() if "strength" in made[0]}


def whole(name: str, bench: Bench) -> dict:
    """The others learn from the validation documents, too, once these have chosen, as ours does with ``refit``."""
    split = read_split(name, bench.data, 0)
    taught = Part(
        *(getattr(split.train, part) + getattr(split.valid, part) for part in ("texts", "tokens", "labels"))
    )
    more = replace(split, train=taught)
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        strength = bench.run("full", split, "svm", 0, partial(svm, split, None))["strength"]
        made = {"svm": bench.run("whole", more, "svm", 0, partial(svm, more, strength))}
        if bench.python is not None:
            point = tuned_original(bench.python, split, folder, bench.quick)
            make = partial(original, bench.python, more, folder, point, 0)
            made["original"] = bench.run("whole", more, "original", 0, make, point)
        made |= {
            who: bench.run("full", split, who, 0, make)
            for who, make in ours_of(split, folder, 0, bench).items()
        }
    return {"summary": {who: summary([run]) for who, run in made.items()}}


def auto(name: str, bench: Bench) -> dict:
    """Who does not want to choose: the search, fastText's default, and what there was to choose from."""
    split = read_split(name, bench.data, 0)
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        makes: dict[str, Callable[[], dict]] = {
            PLAIN: partial(ours, split, folder, {}, 0, None),
        }
        seconds, vectors = QUICK_SECONDS if bench.quick else SECONDS, bench.vectors(split)
        if vectors is None or not bench.quick:
            makes[AUTO] = partial(searched, split, folder, seconds, bench.python)
        if vectors is not None:
            makes[AUTO_VECTORS] = partial(searched, split, folder, seconds, bench.python, vectors)
        makes |= ours_of(split, folder, 0, bench)
        made = {
            who: bench.run("full" if who in OURS else "auto", split, who, 0, make)
            for who, make in makes.items()
        }
    return {"summary": {who: summary([run]) for who, run in made.items()}}


def summary(made: list[dict]) -> dict:
    """Mean accuracy with its standard error, and the medians of the rest."""
    values = [run["accuracy"] for run in made]
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    rest = {key: statistics.median(run[key] for run in made) for key in made[0] if key != "accuracy"}
    return {"accuracy": statistics.mean(values), "error": error, "runs": len(values), **rest}


def kept(runs: Path, section: str, name: str) -> dict:
    """What a folder of finished runs has of a section and a set."""
    found: dict[str, dict[int, dict]] = {}
    for of in dict.fromkeys(("full", section)):
        file = runs / f"{of}-{name}.jsonl"
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            run = json.loads(line)
            if of == section or (run["seed"] == 0 and run["who"] in OURS):
                found.setdefault(run["who"], {})[run["seed"]] = run["made"]
    made = {who: [by[seed] for seed in sorted(by)] for who, by in found.items()}
    return {"runs": made, "summary": {who: summary(one) for who, one in made.items()}}


SECTIONS: dict[str, Callable[[str, Bench], dict]] = {"full": full, "auto": auto, "whole": whole}


def measured(name: str, sections: Sequence[str], bench: Bench) -> dict[str, dict]:
    """All that was asked for of a set."""
    logging.getLogger("ftcore").setLevel(logging.WARNING)
    return {section: SECTIONS[section](name, bench) for section in sections}


def table(results: dict[str, dict]) -> None:
    """For the terminal."""
    for section, sets in results.items():
        print(section)
        for name, found in sets.items():
            heads = found["summary"]
            for who, row in heads.items():
                error = f" ± {100 * row['error']:.2f}" if row["error"] is not None else ""
                rest = "".join(f"  {key} {row[key]:.4g}" for key in row if key not in ("accuracy", "error"))
                print(f"  {name:20}{who:18}{100 * row['accuracy']:6.2f}{error}{rest}")
        for ahead, without, behind in (
            *((who, LINEAR, other) for who in OURS for other in ("original", "svm")),
            (AUTO, AUTO, PLAIN), (AUTO_VECTORS, AUTO, PLAIN), (AUTO, AUTO, LINEAR), (AUTO_VECTORS, AUTO, VECTORS),
        ):  # fmt: skip
            gains = {}
            for name, found in sets.items():
                by = {who: row["accuracy"] for who, row in found["summary"].items()}
                first = by.get(ahead, by.get(without))  # where there are no vectors, without
                second = by.get(behind, by.get(LINEAR) if behind == VECTORS else None)
                if first is not None and second is not None:
                    gains[name] = 100 * (first - second)
            if gains:
                told = ", ".join(f"{name} {gain:+.2f}" for name, gain in gains.items())
                mean = statistics.mean(gains.values())
                print(f"  {ahead} above {behind}, points: mean {mean:+.2f}; {told}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with imdb/, sst2/, …"
    )
    parser.add_argument("--only", choices=list(SETS), nargs="+", default=list(SETS))
    parser.add_argument("--sections", choices=list(SECTIONS), nargs="+", help="all, but whole where --quick")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, help="folder where finished runs are kept, to go on from")
    parser.add_argument("--kept", action="store_true", help="measure nothing: report what --runs has")
    parser.add_argument("--static", type=Path, help="folder of static embeddings (default: wordllama's)")
    parser.add_argument(
        "--cache", type=Path, default=work_folder(None), help="folder where pretrained vectors are kept"
    )
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(arguments)
    chosen.sections = chosen.sections or [name for name in SECTIONS if name != "whole" or not chosen.quick]
    loads, seeds = [load()], 1 if chosen.quick else chosen.seeds
    if chosen.kept and chosen.runs is None:
        parser.error("--kept: of which --runs?")
    try:
        static = static_folder(chosen.static)
        once = tempfile.TemporaryDirectory()  # nobody runs twice for two sections
        runs = chosen.runs or Path(once.name)
        bench = Bench(chosen.data, seeds, chosen.quick, peer_python(), runs, static, chosen.cache)
        if chosen.kept:
            made = {
                name: {section: kept(chosen.runs, section, name) for section in chosen.sections}
                for name in chosen.only
            }
        elif chosen.quick:
            longest_first = chosen.only[::-1]
            with ProcessPoolExecutor(AT_A_TIME, mp_context=get_context("spawn")) as pool:
                found = pool.map(partial(measured, sections=chosen.sections, bench=bench), longest_first)
                made = dict(zip(longest_first, found, strict=True))
        else:
            made = {name: measured(name, chosen.sections, bench) for name in chosen.only}
        results = {
            section: {name: made[name][section] for name in chosen.only} for section in chosen.sections
        }
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    table(results)
    complete = chosen.only == list(SETS) and chosen.sections == list(SECTIONS) and not chosen.quick
    about = {"seeds": seeds, "quick": chosen.quick}
    conclude("quality", about, loads, ["original"] if bench.python else [], results, keep=complete)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
