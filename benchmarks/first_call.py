"""What does somebody wait for who uses fastText for the first time in a process? Ours against the fastest peers.

Whole processes, from start to exit, one after the other in turn: an import; `load_model` and the prediction of one
text (two labels); `train_supervised` on 300 lines; and by the command line ``supervised`` and ``predict`` on 1,000
lines (of the peers only the original has one). CPU seconds are of all threads, user and system; memory is the peak
of what was resident. Medians of the rounds; the ratio is to the peer that needs the least.

    python -m benchmarks.first_call [--rounds 7] [--only import load_predict]

The last line is one JSON object; a whole run is also written, with the machine, its load and the versions, to
benchmarks/results/. A run on a busy machine is marked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peer import conclude, load, peers
from ftcore.errors import UserError

HERE = Path(__file__).resolve().parent
OURS = "import ftcore as fasttext"
QUIET = "\nif hasattr(fasttext, 'FastText'): fasttext.FastText.eprint = lambda *a, **k: None"
# the original's predict of a single text fails with numpy 2; this is what it calls
PREDICT = """
model = fasttext.load_model("model.bin")
try:
    model.predict("w1 w2 w3 w160")
except ValueError:
    model.f.predict("w1 w2 w3 w160\\n", 1, 0.0, "strict")
"""
STATEMENTS = {
    "import": "",
    "load_predict": PREDICT,
    "train_300": 'fasttext.train_supervised("300.txt", verbose=0)',
}
COMMANDS = {
    "command_supervised_1000": ["supervised", "-input", "1000.txt", "-output", "{out}", "-verbose", "0"],
    "command_predict_1000": ["predict", "model.bin", "1000.txt"],
}
ROWS = (*STATEMENTS, *COMMANDS)
# a small process between: what a child begins with counts in its peak
START = """
import json, os, sys, time
null = os.open(os.devnull, os.O_WRONLY)
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - started
unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "wall": wall, "peak_mb": used.ru_maxrss / unit}))
sys.exit(os.waitstatus_to_exitcode(status))
"""
# at most: (seconds of the clock, times the fastest peer's CPU); None where nothing was asked for
TARGETS = {
    "import": (0.05, None),
    "load_predict": (0.25, 1.3),
    "command_supervised_1000": (None, 2.0),
}


def write_lines(folder: Path) -> None:
    """300.txt and 1000.txt: lines of 30 words of 300, two labels."""
    rng = random.Random(0)
    for count in (300, 1000):
        with open(folder / f"{count}.txt", "w") as file:
            for i in range(count):
                words = (f"w{rng.randrange(200) + 100 * (i % 2)}" for _ in range(30))
                file.write(f"__label__{'ab'[i % 2]} {' '.join(words)}\n")


def run(words: list[str], folder: Path) -> dict[str, float]:
    """One process: seconds of CPU and of the clock, peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", START, *words], cwd=folder, env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise UserError(f"{' '.join(words)[:200]}: did not end well\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def sides(row: str, found: dict[str, tuple[Path, str]]) -> dict[str, list[str]]:
    """The words of each side's process."""
    if row in STATEMENTS:
        code = {name: (str(python), statement + QUIET) for name, (python, statement) in found.items()}
        code["ours"] = (sys.executable, OURS)
        return {
            name: [python, "-c", f"{opening}\n{STATEMENTS[row]}"] for name, (python, opening) in code.items()
        }
    binary = found["original"][0].with_name("fasttext")
    theirs = {"original": [str(binary.absolute())]} if binary.exists() else {}
    made = {**theirs, "ours": [sys.executable, "-m", "ftcore.cli"]}
    return {
        name: [*start, *(word.format(out=name) for word in COMMANDS[row])] for name, start in made.items()
    }


def measure(
    rows: list[str], found: dict[str, tuple[Path, str]], rounds: int, folder: Path
) -> dict[str, dict]:
    """Medians of every row and side, and ours over the fastest peer's."""
    write_lines(folder)
    python, statement = found["original"]
    train = f'{statement}{QUIET}\nfasttext.train_supervised("1000.txt", verbose=0).save_model("model.bin")'
    run([str(python), "-c", train], folder)
    results: dict[str, dict] = {}
    for row in rows:
        spent: dict[str, list[dict[str, float]]] = {}
        failed: set[str] = set()
        for turn in range(rounds + 1):
            for side, words in sides(row, found).items():
                if side in failed:
                    continue
                try:
                    once = run(words, folder)
                except UserError as error:
                    if side == "ours":
                        raise
                    print(f"{row}: {side} is left out: {str(error).splitlines()[-1]}", file=sys.stderr)
                    failed.add(side)
                    spent.pop(side, None)
                    continue
                if turn:  # the first one reads the files from the disk
                    spent.setdefault(side, []).append(once)
        results[row] = {
            side: {key: round(statistics.median(one[key] for one in runs), 4) for key in runs[0]}
            for side, runs in spent.items()
        }
        theirs = [side for side in results[row] if side != "ours"]
        for key in ("cpu", "wall", "peak_mb") if theirs else ():
            best = min(theirs, key=lambda side: results[row][side][key])
            ratio = results[row]["ours"][key] / results[row][best][key]
            results[row].setdefault("ratio", {})[key] = {"fastest": best, "ratio": round(ratio, 3)}
        if row in TARGETS:
            results[row]["target"] = TARGETS[row]
    return results


def table(results: dict[str, dict]) -> Iterator[str]:
    """Lines for the terminal."""
    for row, found in results.items():
        yield f"{row:26}{'CPU s':>9}{'clock s':>9}{'peak MB':>9}"
        for side, one in found.items():
            if side not in ("ratio", "target"):
                yield f"  {side:24}{one['cpu']:9.3f}{one['wall']:9.3f}{one['peak_mb']:9.0f}"
        told = [f"{key} {one['ratio']:.2f} x {one['fastest']}" for key, one in found.get("ratio", {}).items()]
        if told:
            yield f"  ours: {', '.join(told)}"


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=ROWS, nargs="+", default=list(ROWS))
    parser.add_argument("--data", help="not used; every benchmark takes it")
    chosen = parser.parse_args(arguments)
    loads = [load()]
    try:
        found = {name: (python.absolute(), statement) for name, (python, statement) in peers().items()}
        if "original" not in found:
            return 1
        with tempfile.TemporaryDirectory() as folder:
            results = measure(chosen.only, found, chosen.rounds, Path(folder))
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(results)))
    conclude("first_call", {"rounds": chosen.rounds}, loads, list(found), results, chosen.only == list(ROWS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
