"""How fast is Chinese cut? The native lexicon against jieba and rjieba, the same lines, with HMM and without.

Lines of Chinese Wikipedia. Ours takes an Arrow column and gives the column of space-joined tokens, on one thread and on
two; theirs take a str and give a list of tokens a line, which is joined by spaces, since that is what both are needed
for; the time of joining is counted on both sides. Each side is a process of its own, in turn; loading of dictionaries
does not count, and stands apart. MB are of UTF-8. The lines that a peer cuts otherwise are counted.

    python -m benchmarks.segment [--mb 4] [--rounds 3] [--data FOLDER]

rjieba lies in ``.venv-peers/segment`` (`make peers`). The last line is one JSON object; it is written to
benchmarks/results/ too, and marked where the machine was busy.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import zstandard

from benchmarks.peer import conclude, load

PEER = Path(".venv-peers/segment/bin/python")
TARGETS = {"hmm": 30.0, "plain": 35.0}  # times jieba, a core
SIDES = {
    "ours": """
import pyarrow as pa
from ftcore.base.strings import string_buffers, string_column, strings
from ftcore.text.segment import word_table
lexicon = word_table().lexicon
data, offsets = string_buffers(strings(lines))
def cut():
    return string_column(*lexicon.join(data, offsets, hmm, threads)[:2])
def listed(made):
    return made.to_pylist()
""",
    "jieba": """
import jieba
jieba.setLogLevel(60)
jieba.initialize()
def cut():
    return [" ".join(jieba.lcut(line, HMM=hmm)) for line in lines]
def listed(made):
    return made
""",
    "rjieba": """
import rjieba
rjieba.cut("我们")
def cut():
    return [" ".join(rjieba.cut(line, hmm)) for line in lines]
def listed(made):
    return made
""",
}
LOOP = """
import hashlib, json, sys, time
lines = open(sys.argv[1], encoding="utf-8").read().split("\\n")[:-1]
hmm, threads = sys.argv[2] == "hmm", int(sys.argv[3])
begin = time.perf_counter()
{side}
loaded = time.perf_counter() - begin
cpu, wall = time.process_time(), time.perf_counter()
made = cut()
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
marks = [hashlib.md5(" ".join(line.split()).encode()).hexdigest()[:8] for line in listed(made)]
open(sys.argv[4], "w").write("\\n".join(marks))
print(json.dumps({{"cpu": cpu, "wall": wall, "loading": loaded}}))
"""


def lines_of(file: Path, size: int) -> list[str]:
    """The first lines, without white space inside, which each engine drops or keeps in its own way."""
    found, taken = [], 0
    with open(file, "rb") as raw:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8"):
            text = "".join(line.split())
            if text:
                found.append(text)
                taken += len(text.encode())
            if taken > size:
                break
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    loads, results = [load()], {}
    sides = [("ours", 1), ("ours", 2), ("jieba", 1)]
    if PEER.exists():
        sides.append(("rjieba", 1))
    else:
        print(f"{PEER}: not there (make peers): rjieba is not measured", file=sys.stderr)
    lines = lines_of(given.data / "zhwiki/zhwiki_AA.txt.zst", int(given.mb * 1e6))
    size = sum(len(line.encode()) for line in lines) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "lines.txt"
        text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        for mode in ("hmm", "plain"):
            spent: dict[str, list[dict[str, float]]] = {}
            for _ in range(given.rounds):
                for side, threads in sides:
                    python = PEER if side == "rjieba" else Path(sys.executable)
                    name = f"{side} x{threads}" if threads > 1 else side
                    command = [python, "-c", LOOP.format(side=SIDES[side]), text, mode, str(threads)]
                    command.append(Path(folder) / f"{name}.{mode}")
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    spent.setdefault(name, []).append(json.loads(done.stdout))
            rows = {
                name: {key: round(statistics.median(run[key] for run in runs), 4) for key in runs[0]}
                for name, runs in spent.items()
            }
            ours = (Path(folder) / f"ours.{mode}").read_text().split("\n")
            for name, row in rows.items():
                other = (Path(folder) / f"{name}.{mode}").read_text().split("\n")
                row["unequal"] = sum(a != b for a, b in zip(ours, other, strict=True))
                row["mb_per_cpu_second"] = round(size / row["cpu"], 2)
                row["times_jieba"] = round(rows["jieba"]["cpu"] / row["cpu"], 1)
                print(
                    f"{mode:6}{name:12}{row['mb_per_cpu_second']:8.2f} MB/s of CPU {size / row['wall']:8.2f} by the clock"
                    f"{row['times_jieba']:7.1f} x jieba   loading {row['loading']:.2f} s   unequal lines {row['unequal']}"
                )
            rows["ours x2"]["threads_gain"] = round(rows["ours"]["wall"] / rows["ours x2"]["wall"], 2)
            results[mode] = {**rows, "target": TARGETS[mode]}
    about = {"mb": round(size, 2), "lines": len(lines), "rounds": given.rounds}
    conclude("segment", about, loads, [side for side, _ in sides if side == "rjieba"], results, True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
