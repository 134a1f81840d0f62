"""How fast is the cuda engine on this GPU, beside what its memory can do?

``python -m benchmarks.gpu [--minutes 4] [--out FILE] [--only skipgram] [--tiny] [--cpu]``

Its own ceilings first: a copy's bandwidth, and fp32 atomic adds to spread and to hot rows. Then each kernel on text
made by Zipf's law (`benchmarks.zipf`), the most telling rows first: what it makes, what its bytes and its adds would
allow at those ceilings, and the share reached. Every kernel is compared with its twin on the device before it is timed.
Each row is printed and written as soon as it is known; when the time is up, the rest is left out and said so. Needs
torch, Triton and numpy alone. ``--tiny`` shrinks everything, for Triton's interpreter (``TRITON_INTERPRET=1``).
The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

from benchmarks.zipf import MadeCorpus, make_corpus
from ftcore.engines.cuda import launch, launch_bags, twins, twins_shared
from ftcore.engines.cuda.windows import find_centres

RESULTS = Path(__file__).parent / "results"
WS, NEG = 5, 5


@triton.jit
def add_kernel(table, rows, BLOCK: tl.constexpr, TIMES: tl.constexpr):
    """Adds 1 to `BLOCK` floats of TIMES rows a program, by a hash of where it is."""
    d = tl.arange(0, BLOCK)
    for k in range(TIMES):
        r0, r1, r2, r3 = tl.philox(1, tl.program_id(0), k, 0, 0)
        row = tl.umulhi(r0, rows.to(tl.uint32)).to(tl.int64)
        tl.atomic_add(table + row * BLOCK + d, tl.zeros([BLOCK], tl.float32) + 1.0, sem="relaxed")


class Bench:
    """Rows of one run: printed, kept, and written to a file one by one."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if self.cuda else "cpu")
        self.tiny, self.only = given.tiny, given.only
        self.ends = time.monotonic() + 60 * given.minutes
        name = torch.cuda.get_device_name(0).lower().replace(" ", "-") if self.cuda else "interpreter"
        self.out = Path(given.out or RESULTS / f"gpu-{datetime.date.today()}-{name}.json")
        self.about: dict[str, Any] = {
            "benchmark": "gpu",
            "date": str(datetime.date.today()),
            "device": name,
            "versions": {"torch": torch.__version__, "triton": triton.__version__, "numpy": np.__version__},
            "tiny": given.tiny,
        }
        if self.cuda:
            about = torch.cuda.get_device_properties(0)
            self.about |= {
                "memory_gb": round(about.total_memory / 1e9, 1),
                "processors": about.multi_processor_count,
            }
            self.about["driver"] = driver()
        self.rows: list[dict[str, Any]] = []
        self.left_out: list[str] = []
        self.copy = self.spread = self.hot = 1.0  # bytes and floats a second

    def row(self, name: str, make: Callable[[], dict[str, Any]]) -> None:
        """Measure one row, unless the time is up or it was not asked for; a failure is a row too."""
        if (
            self.only
            and not any(part in name for part in self.only.split(","))
            and not name.startswith("ceiling")
        ):
            return
        if time.monotonic() > self.ends:
            self.left_out.append(name)
            return
        try:
            found = make()
        except Exception as error:  # the other rows are worth having
            found = {"error": f"{type(error).__name__}: {error}"[:600]}
        self.rows.append({"name": name} | found)
        shown = "   ".join(f"{k} {v:,.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items())
        print(f"{name:<44} {shown}", flush=True)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(self.result(), indent=1) + "\n", encoding="utf-8")

    def result(self) -> dict[str, Any]:
        """Everything so far."""
        return self.about | {"rows": self.rows, "left_out": self.left_out}

    def seconds(self, work: Callable[[], Any], repeats: int = 3) -> float:
        """Median seconds of a call, after one that compiles and warms up."""
        if not self.tiny:
            work()
        times = []
        for _ in range(1 if self.tiny else repeats):
            self.wait()
            start = time.perf_counter()
            work()
            self.wait()
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.cuda:
            torch.cuda.synchronize()

    # ------------------------------------------------------------------------------------------ ceilings
    def ceilings(self) -> None:
        """What this card's memory does at best."""
        size = 1 << (12 if self.tiny else 30)

        def copying() -> dict[str, Any]:
            one = torch.randint(0, 9, (size,), dtype=torch.int32, device=self.device)
            other = torch.empty_like(one)
            self.copy = 8 * size / self.seconds(lambda: other.copy_(one))
            return {"gb_per_second": self.copy / 1e9}

        def adding(rows: int) -> Callable[[], dict[str, Any]]:
            def measure() -> dict[str, Any]:
                table = torch.zeros(rows, 128, device=self.device)
                programs, times = (2, 2) if self.tiny else (8192, 128)
                taken = self.seconds(lambda: add_kernel[(programs,)](table, rows, 128, times, num_warps=1))
                rate = programs * times * 128 / taken
                self.spread, self.hot = (rate, self.hot) if rows > 64 else (self.spread, rate)
                return {"g_adds_per_second": rate / 1e9, "gb_per_second": 4 * rate / 1e9}

            return measure

        self.row("ceiling: copy", copying)
        self.row("ceiling: fp32 adds, spread", adding(100 if self.tiny else 4_000_000))
        self.row("ceiling: fp32 adds, 50,000 rows", adding(70 if self.tiny else 50_000))
        self.row("ceiling: fp32 adds, 16 hot rows", adding(16))

    # ------------------------------------------------------------------------------------------ the kernels
    def tables(self, corpus: MadeCorpus, dim: int) -> list[torch.Tensor]:
        """Input and output, as a training starts them."""
        input = torch.empty(corpus.rows, dim, device=self.device).uniform_(-1 / dim, 1 / dim)
        return [input, torch.empty(corpus.side.rows, dim, device=self.device).uniform_(-1 / dim, 1 / dim)]

    def check(self, corpus: MadeCorpus, model: str, dim: int) -> dict[str, Any]:
        """One centre in flight, kernel against twin: the relative distance of what has moved."""
        made = self.tables(corpus, dim)
        before, expected = [one.clone() for one in made], [one.clone() for one in made]
        ids, offsets = corpus.ids, corpus.offsets
        if not self.tiny:  # the twin goes one by one
            ids, offsets = ids[: corpus.offsets[8]], offsets[:9]
        drawn = launch.launch_draws(ids, corpus.limits, 3, WS)
        centres = find_centres(ids, offsets, *drawn, lambda n: 1, (0.2, 0.1))
        args = (centres, corpus.words, corpus.side, 4, NEG, 1)
        run(model)(*made, *args)
        (twins_shared.shared_cbow if model == "shared_cbow" else getattr(twins, model))(*expected, *args)
        far = max(
            float((a - b).norm() / (b - c).norm()) for a, b, c in zip(made, expected, before, strict=True)
        )
        return {"relative_distance": far, "centres": len(centres), "agrees": far <= 1e-5}

    def train(self, corpus: MadeCorpus, model: str, dim: int, in_flight: int, **tiles: int) -> dict[str, Any]:
        """A chunk: draws, windows and updates. Bytes and adds are counted as if no row were ever in a cache."""
        tables = self.tables(corpus, dim)
        seen: dict[str, float] = {}

        def chunk() -> None:
            drawn = launch.launch_draws(corpus.ids, corpus.limits, 5, WS)
            centres = find_centres(
                corpus.ids, corpus.offsets, *drawn, lambda n: min(in_flight, n), (0.05, 0.04)
            )
            self.wait()
            start = time.perf_counter()
            loss = run(model)(*tables, centres, corpus.words, corpus.side, 6, NEG, in_flight, **tiles)
            self.wait()
            seen.update(kernel=time.perf_counter() - start, loss=loss, centres=len(centres))
            context = (centres.last - centres.first - 1).clamp(min=0)
            size = corpus.words.starts.diff()[centres.words.long()]
            seen.update(pairs=float(context.sum()), features=float(size.sum()))

        taken = self.seconds(chunk, 2)
        moved = rows_moved(model, seen)
        bound = max(8 * dim * moved / self.copy, dim * moved / self.spread)
        return {
            "tokens_per_second": len(corpus.ids) / taken,
            "centres_per_second": seen["centres"] / seen["kernel"],
            "share_of_bound": bound / seen["kernel"],
            "gb_per_second": 8 * dim * moved / seen["kernel"] / 1e9,
            "nats_a_pair": seen["loss"] / seen["pairs"],
            "in_flight": in_flight,
        }

    def classify(
        self, documents: int, features: int, labels: int, dim: int, in_flight: int
    ) -> dict[str, Any]:
        """Softmax over bags of Zipf-distributed features; an epoch of documents a second."""
        rng = np.random.default_rng(0)
        rows = 1000 if self.tiny else 500_000
        ids = (rows * rng.random(documents * features) ** 3).astype(np.int32)
        label = rng.integers(0, labels, documents)

        def put(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

        given = twins.BagBatch(
            put(ids), put(np.arange(documents + 1) * features), put(rng.permutation(documents)),
            put(np.full(documents, 0.1, np.float32)), put(label), put(np.zeros(1, np.int32)), put(np.zeros(1, np.float32)),
            put(np.zeros(1, np.int64)),
        )  # fmt: skip
        input = torch.zeros(rows, dim, device=self.device).uniform_(-0.01, 0.01)
        output = torch.zeros(labels, dim, device=self.device)
        taken = self.seconds(
            lambda: launch.launch_bags(input, output, given, "softmax", 1.0, True, in_flight)
        )
        bound = max(8 * dim * features * documents / self.copy, dim * features * documents / self.spread)
        return {
            "documents_per_second": documents / taken, "features_per_second": documents * features / taken,
            "share_of_bound": bound / taken, "in_flight": in_flight,
        }  # fmt: skip

    def bags(self, documents: int, features: int, rows: int) -> dict[str, Any]:
        """Forward, backward and step of `bag_kernels` beside torch's own EmbeddingBag with sparse gradients."""
        ids = (rows * torch.rand(documents * features, device=self.device) ** 3).long()
        ends = torch.arange(documents + 1, device=self.device) * features
        table, grad = (
            torch.zeros(rows, 100, device=self.device),
            torch.ones(documents, 100, device=self.device),
        )
        theirs = torch.nn.EmbeddingBag(rows, 100, mode="mean", sparse=True, device=self.device)
        step = torch.optim.SGD(theirs.parameters(), lr=0.1)

        def ours() -> None:
            launch_bags.launch_mean(table, ids, ends, -1)
            launch_bags.launch_scatter(table, ids, ends, grad, -0.1, -1)

        def torchs() -> None:
            step.zero_grad()
            theirs(ids, ends[:-1]).backward(grad)
            step.step()

        own, other = self.seconds(ours), self.seconds(torchs)
        moved = documents * features
        bound = max(12 * 100 * moved / self.copy, 100 * moved / self.spread)
        return {
            "documents_per_second": documents / own,
            "torch": documents / other,
            "share_of_bound": bound / own,
        }


def run(model: str) -> Callable[..., float]:
    """The kernel of a model."""
    if model.startswith("shared"):
        return launch.launch_shared if model == "shared" else launch.launch_shared_cbow
    return lambda *args, **tiles: launch.launch_pretraining(model, *args, **tiles)


def rows_moved(model: str, seen: dict[str, float]) -> float:
    """Rows that are read and written: the centre's or the window's features, and the output rows."""
    if model == "cbow":
        per_word = seen["features"] / seen["centres"]
        return seen["pairs"] * per_word + seen["centres"] * (1 + NEG)
    if model == "shared":
        return seen["features"] + seen["pairs"] + 4 * seen["centres"]
    if model == "shared_cbow":  # a block of 16 sees some 26 words
        return 26 / 16 * seen["features"] + 5 * seen["centres"]
    return seen["features"] + seen["pairs"] * (1 + NEG)


def driver() -> str:
    """Of the card, where it is told."""
    path = Path("/proc/driver/nvidia/version")
    return path.read_text(encoding="utf-8").split("\n")[0] if path.exists() else ""


def measure(bench: Bench) -> None:
    """All rows, the most telling first."""
    bench.ceilings()
    tiny = bench.tiny
    flights = (2,) if tiny else (1024, 2112, 4224, 528)
    small = make_corpus(*((8, 30, 50) if tiny else (8_000_000, 100_000, 400_000)), bench.device)
    dim = 4 if tiny else 100
    for model in ("skipgram", "shared", "cbow", "shared_cbow"):
        bench.row(f"check: {model} d{dim}", lambda model=model: bench.check(small, model, dim))
    for model in ("skipgram", "shared"):
        bench.row(f"{model} d{dim}", lambda model=model: bench.train(small, model, dim, flights[0]))
    bench.row(
        "supervised d100, 12 features",
        lambda: bench.classify(*((4, 3, 3) if tiny else (1_000_000, 12, 4)), dim, flights[0]),
    )
    if not tiny:
        big = make_corpus(8_000_000, 2_000_000, 2_000_000, bench.device)
        for model in ("skipgram", "shared"):
            bench.row(
                f"{model} d300, 2 M words + 2 M buckets",
                lambda model=model: bench.train(big, model, 300, 1024),
            )
        del big
        torch.cuda.empty_cache()
        for model in ("skipgram", "shared"):
            for flight in flights[1:]:
                bench.row(
                    f"{model} d100, {flight} in flight",
                    lambda m=model, f=flight: bench.train(small, m, 100, f),
                )
    for model in ("cbow", "shared_cbow"):
        bench.row(f"{model} d{dim}", lambda m=model: bench.train(small, m, dim, flights[0]))
    bench.row(
        "EmbeddingBag(mean), step of SGD",
        lambda: bench.bags(*((4, 3, 9) if tiny else (200_000, 40, 500_000))),
    )
    if not tiny:
        for warps in (2, 4):
            bench.row(
                f"skipgram d100, {warps} warps",
                lambda w=warps: bench.train(small, "skipgram", 100, 1024, num_warps=w),
            )
        for warps in (4, 16):
            bench.row(
                f"shared d100, {warps} warps",
                lambda w=warps: bench.train(small, "shared", 100, 1024, num_warps=w),
            )
        for block in (4, 8, 32):
            bench.row(
                f"skipgram d100, {block} rows a tile",
                lambda b=block: bench.train(small, "skipgram", 100, 1024, BLOCK_G=b),
            )
        for labels, features in ((4, 40), (735, 12)):
            bench.row(
                f"supervised d100, {features} features, {labels} labels",
                lambda c=labels, f=features: bench.classify(300_000, f, c, 100, 1024),
            )


def main() -> None:
    """Rows as they come, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--out")
    parser.add_argument("--only", help="rows whose names have one of these, separated by commas")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        raise SystemExit(
            "benchmarks.gpu needs an NVIDIA GPU; --tiny with TRITON_INTERPRET=1 goes through its motions"
        )
    bench = Bench(given)
    measure(bench)
    print(json.dumps(bench.result()))


if __name__ == "__main__":
    main()
