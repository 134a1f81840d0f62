"""How fast are near copies found? `find_near_copies` against rensa and datasketch, one thread, the same documents.

Paragraphs of Wikipedia, of which every twentieth comes again with one word in fifty changed. Ours is the whole walk:
Parquet read, signatures, likely pairs, each settled by its true similarity, on disk where it says so. Theirs are
signatures of as many places and an LSH index that is asked and filled, in memory, without a settlement; what they take
to cut a text into n-grams (ready-made sets of strings are what they ask for) stands apart and counts. MB are of the
documents' text; medians of the rounds, sides in turn.

    python -m benchmarks.near [--mb 20] [--rounds 3] [--data FOLDER]

The peers lie in ``.venv-peers/near`` (`make peers`). The last line is one JSON object; it is written to
benchmarks/results/ too, and marked where the machine was busy.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import zstandard

from benchmarks.peer import conclude, load
from ftcore.config import NearCopies
from ftcore.shards.near import find_near_copies
from ftcore.shards.shards import SHARD, RowGroupWriter

PEERS = Path(".venv-peers/near/bin/python")
TARGET = 40.0  # MB a CPU-second
# reads lines; prints CPU seconds of n-grams and of all, and how many documents had a near one before
THEIRS = {
    "rensa": """
from rensa import RMinHash, RMinHashLSH
index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)
def answer(key, grams):
    m = RMinHash(num_perm=128, seed=1); m.update(grams)
    found = index.query(m); index.insert(key, m); return bool(found)
""",
    "datasketch": """
from datasketch import MinHash, MinHashLSH
index = MinHashLSH(threshold=0.8, num_perm=128)
def answer(key, grams):
    m = MinHash(num_perm=128); m.update_batch([g.encode() for g in grams])
    found = index.query(m); index.insert(key, m); return bool(found)
""",
}
LOOP = """
import json, sys, time
{peer}
chinese, path = sys.argv[1] == "zh", sys.argv[2]
lines = open(path, encoding="utf-8").read().split("\\n")[:-1]
cutting, found, begin = 0.0, 0, time.process_time()
for key, line in enumerate(lines):
    at = time.process_time()
    units = line.replace(" ", "") if chinese else line.split()
    n = min(5, len(units)) or 1
    join = "".join if chinese else " ".join
    grams = [join(units[i:i + n]) for i in range(len(units) - n + 1)]
    cutting += time.process_time() - at
    found += answer(key, grams)
print(json.dumps({{"cpu": time.process_time() - begin, "cutting": cutting, "found": found}}))
"""


def documents(file: Path, size: int, chinese: bool) -> list[str]:
    """Paragraphs as tokens, in copies that differ a little."""
    rng, found, taken = random.Random(0), [], 0
    with open(file, "rb") as raw:
        reader = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8")
        for line in reader:
            units = list("".join(line.split())) if chinese else line.split()
            if len(units) < 20:
                continue
            found.append(" ".join(units))
            if len(found) % 20 == 0:
                found.append(" ".join(unit if rng.random() > 0.02 else "x" for unit in units))
            taken += len(line.encode())
            if taken > size:
                return found
    return found


def ours(texts: list[str], language: str, folder: Path) -> dict[str, float]:
    """CPU and wall seconds of the whole walk on one thread."""
    path = folder / "documents.parquet"
    if not path.exists():
        writer = RowGroupWriter(path, 10_000)
        for at in range(0, len(texts), 10_000):
            some = texts[at : at + 10_000]
            names = {"tokens": some, "language": [language] * len(some), "labels": [[]] * len(some)}
            columns = [pa.array(names.get(field.name, [""] * len(some)), field.type) for field in SHARD]
            writer.write(pa.RecordBatch.from_arrays(columns, schema=SHARD))
        writer.close()
    cpu, wall = time.process_time(), time.perf_counter()
    dropped = find_near_copies([path], np.zeros(len(texts), bool), NearCopies(), folder, threads=1)
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "found": len(dropped.rows),
    }


def theirs(name: str, language: str, path: Path) -> dict[str, float]:
    """The same of a peer, in a process of its own; reading the file does not count."""
    code = LOOP.format(peer=THEIRS[name])
    done = subprocess.run([PEERS, "-c", code, language, path], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=float, default=20, help="of text, each language")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    loads, results = [load()], {}
    with tempfile.TemporaryDirectory() as folder:
        ours(["what is loaded once"] * 2, "en", Path(folder))
    sides = ["ours", *THEIRS] if PEERS.exists() else ["ours"]
    if not PEERS.exists():
        print(f"{PEERS}: not there (make peers): only ours is measured", file=sys.stderr)
    for language, file in (("zh", "zhwiki/zhwiki_AA.txt.zst"), ("en", "enwiki/enwiki_AA.txt.zst")):
        texts = documents(given.data / file, int(given.mb * 1e6), language == "zh")
        size = sum(len(text.encode()) for text in texts) / 1e6
        if language == "zh":  # a space stands behind each character
            size = sum(len(text.replace(" ", "").encode()) for text in texts) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            lines = Path(folder) / "lines.txt"
            lines.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
            spent: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
            for _ in range(given.rounds):
                for side in sides:
                    once = (
                        ours(texts, language, Path(folder))
                        if side == "ours"
                        else theirs(side, language, lines)
                    )
                    spent[side].append(once)
        medians = {
            side: {key: round(statistics.median(one[key] for one in runs), 3) for key in runs[0]}
            for side, runs in spent.items()
        }
        for row in medians.values():
            row["mb_per_cpu_second"] = round(size / row["cpu"], 1)
        for side, row in medians.items():
            times = row["cpu"] / medians["ours"]["cpu"]
            print(
                f"{language} {side:12}{row['mb_per_cpu_second']:8.1f} MB/s  {times:6.1f} x ours  found {row['found']:,.0f}"
            )
        results[language] = {"documents": len(texts), "mb": round(size, 1), **medians, "target": TARGET}
    conclude("near", {"mb": given.mb, "rounds": given.rounds}, loads, sides[1:], results, True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
