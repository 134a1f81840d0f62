"""Which engine trains fastest on this machine: is what `engine: auto` takes the right one?

``python -m benchmarks.engines [--text FILE | --data ../shared/data] [--megabytes 2] [--batch-sizes 16,1024]
[--engines cpu@cpu,reference@cpu,reference@cuda] [--repeats 3] [--dim 100]``

Skip-gram, CBOW and a classifier (its label is the length class of the line, 4 of them) on the same text, by
every engine on its devices, in turn: seconds of training alone, after a warm-up that compiles; the engines need
not be deterministic. The loss tells which of them learned something, and on a GPU the peak of its memory is
given too. The text is tokens separated by spaces, a document a line. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.peer import machine
from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.encode import as_batch, documents, encode_bags, read_tokens
from ftcore.dictionary.init import initial_rows
from ftcore.dictionary.lines import Lines
from ftcore.engines.choice import EngineChoice, choose_engine, load_engine
from ftcore.errors import UserError
from ftcore.model.module import TwoTables
from ftcore.training import recipe

MODELS = ("skipgram", "cbow", "supervised")


@dataclass(frozen=True)
class Way:
    """An engine on a device, with a batch size where it has one."""

    choice: EngineChoice
    batch_size: int

    @property
    def name(self) -> str:
        size = "" if self.choice.name == "cpu" else f" batch {self.batch_size}"
        return f"{self.choice.name} on {self.choice.device}{size}"


@dataclass(frozen=True)
class Prepared:
    """A text made ready for one model; encoding is not what is timed."""

    model: str
    dictionary: Dictionary
    corpus: object
    dim: int

    def train(self, way: Way) -> tuple[float, float]:
        """(tokens a second, the loss at its end); the tables start anew."""
        made = initial_rows(0, self.dictionary.numbers(), self.dim)
        outputs = self.dictionary.nlabels if self.model == "supervised" else self.dictionary.nwords
        tables = TwoTables(torch.from_numpy(made), torch.zeros(outputs, self.dim))
        engine = load_engine(way.choice, deterministic=False)
        start = time.perf_counter()
        if self.model == "supervised":
            options = config.Finetune(dim=self.dim, epoch=1, batch_size=way.batch_size, keep_best=False)
        else:
            options = config.Pretrain(
                model=self.model, dim=self.dim, epoch=1, batch_size=way.batch_size, lr=0.05
            )
        prepared = recipe.Prepared(self.dictionary, self.corpus)
        result = recipe.fit(tables, prepared, options, recipe.Conditions(engine, deterministic=False))
        return result.tokens / (time.perf_counter() - start), result.history[-1]["loss"]


def prepare(model: str, lines: list[str], dim: int) -> Prepared:
    """Dictionary and ids."""
    if model != "supervised":
        options = config.Pretrain(dim=dim)
        dictionary = Dictionary.read(Lines(lines), options)
        return Prepared(model, dictionary, read_tokens(Lines(lines), dictionary), dim)
    sizes = np.array([line.count(" ") for line in lines])
    classes = np.searchsorted(np.quantile(sizes, [0.25, 0.5, 0.75]), sizes)
    batch = [as_batch(lines, [[str(number)] for number in classes])]
    chosen = config.Finetune(dim=dim, min_count=5)
    dictionary = Dictionary.build(documents(batch), chosen)
    return Prepared(model, dictionary, encode_bags(batch, dictionary, grow=True), dim)


def ways(given: argparse.Namespace) -> Iterator[Way]:
    """Those that this machine has."""
    for wanted in given.engines.split(","):
        engine, _, device = wanted.partition("@")
        try:
            choice = choose_engine(engine, device or "auto")
        except UserError as error:
            print(f"{wanted} is left out: {error}", flush=True)
            continue
        sizes = [16] if engine == "cpu" else map(int, given.batch_sizes.split(","))
        yield from (Way(choice, size) for size in sizes)


def read(given: argparse.Namespace) -> list[str]:
    """Lines of so many megabytes."""
    if given.text:
        path = Path(given.text)
    else:
        from benchmarks.corpora import wikipedia, work_folder

        path = wikipedia("en", given.megabytes, Path(given.data), work_folder(None))
    lines, left = [], int(given.megabytes * 1e6)
    with path.open(encoding="utf-8") as file:
        for line in file:
            lines.append(line.rstrip("\n"))
            left -= len(line)
            if left <= 0:
                break
    return lines


def peak_gpu_mb(device: str) -> float | None:
    """Peak of the GPU's memory since the last call."""
    if not device.startswith("cuda"):
        return None
    peak = torch.cuda.max_memory_allocated(device) / 1e6
    torch.cuda.reset_peak_memory_stats(device)
    return round(peak, 1)


def main() -> None:
    """Medians of the rounds, the fastest way of each model, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--text", help="tokens separated by spaces, a document a line")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--engines", default="cpu@cpu,reference@cpu,reference@cuda")
    parser.add_argument("--batch-sizes", default="16,1024")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dim", type=int, default=100)
    given = parser.parse_args()
    lines, chosen = read(given), list(ways(given))
    results: dict[str, dict[str, dict]] = {}
    for model in given.models.split(","):
        small, whole = (prepare(model, part, given.dim) for part in (lines[:200], lines))
        for way in chosen:
            small.train(way)
            peak_gpu_mb(way.choice.device)
        speeds: dict[str, list[float]] = {way.name: [] for way in chosen}
        found: dict[str, dict] = {}
        for _ in range(given.repeats):
            for way in chosen:
                speed, loss = whole.train(way)
                speeds[way.name].append(speed)
                found[way.name] = {"loss": round(loss, 4), "peak_gpu_mb": peak_gpu_mb(way.choice.device)}
        for name in found:
            found[name] |= {"tokens_per_second": round(statistics.median(speeds[name]))}
            speed, loss = found[name]["tokens_per_second"], found[name]["loss"]
            print(f"{model:<12}{name:<32}{speed:>12,} tokens/s   loss {loss:.3g}", flush=True)
        best = max(found, key=lambda name: found[name]["tokens_per_second"])
        print(f"{model:<12}fastest: {best}", flush=True)
        results[model] = {"fastest": best, "ways": found}
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    taken = choose_engine("auto", "auto")
    print(
        json.dumps(
            {
                "benchmark": "engines",
                "date": datetime.date.today().isoformat(),
                "machine": machine() | {"gpu": gpu},
                "versions": {name: version(name) for name in ("torch", "numpy")},
                "megabytes": round(sum(map(len, lines)) / 1e6, 1),
                "dim": given.dim,
                "auto": f"{taken.name} on {taken.device}",
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
