"""How soon does a large `.bin` answer its first word vector, and in how much memory? Ours against the original.

A file of the asked size is made (real vocabulary entries, matrices of zeros that take no room on disk:
half words and half buckets, like the published cc.*.300.bin) and opened by each in a process of its own,
in turn; imports, and the compilation of kernels, stand apart. Seconds are wall and CPU from the call to
the vector of a known and of an unknown word; memory is the growth of what is resident, and of that what
belongs to the process alone (a mapped file's pages are shared and can be dropped).

    python -m benchmarks.load [--gb 2] [--dim 300] [--repeats 3] [--work FOLDER]

``FTCORE_PEER`` names a Python with the original (default ``.venv-peer/bin/python``). It reads the whole
file into memory: leave it out with ``--only-ours`` where that does not fit. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peer import machine, peer_python, versions
from ftcore import config
from ftcore.dictionary.bucket_rows import EveryBucket
from ftcore.dictionary.dictionary import Dictionary
from ftcore.errors import UserError
from ftcore.formats.binary import write_binary
from ftcore.model.model import Args, Model

ROOT = Path(__file__).resolve().parent.parent
MEASURE = r"""
import json, resource, sys, time
{load}
def resident():
    rows = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return {{k: int(rows[k].split()[0]) / 1024 for k in ("VmRSS", "RssAnon", "VmHWM")}}
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before, cpu, wall = resident(), used(), time.perf_counter()
model = load(sys.argv[1])
loaded = time.perf_counter() - wall
for word in ("word7", "unknownword"):
    assert len(model.get_word_vector(word)) == model.get_dimension()
wall, cpu, after = time.perf_counter() - wall, used() - cpu, resident()
print(json.dumps({{"load": loaded, "wall": wall, "cpu": cpu, "resident_mb": after["VmRSS"] - before["VmRSS"],
    "own_mb": after["RssAnon"] - before["RssAnon"], "peak_mb": after["VmHWM"]}}))
"""
THEIRS = "import fasttext\nfasttext.FastText.eprint = lambda *a, **k: None\nload = fasttext.load_model"
OURS = (
    "from ftcore.compat.functions import load_model as load\nload({small!r}).get_word_vector('unknownword')"
)


def make_model(path: Path, gigabytes: float, dim: int) -> dict[str, int]:
    """A `.bin` of skip-gram with subwords; rows are zeros, in a hole of the file."""
    rows = int(gigabytes * 1e9) // (12 * dim)  # of words, of buckets, and of words again (output)
    words = [b"word%d" % i for i in range(rows)]
    options = config.DictionaryOptions(min_count=5, minn=3, maxn=6, bucket=max(rows, 1))
    counts = np.arange(rows, 0, -1)
    empty = Dictionary(words, [], counts, np.zeros(0, np.int64), int(counts.sum()), options, EveryBucket())
    nothing = np.zeros((0, dim), np.float32)
    write_binary(Model(Args(dim=dim, bucket=rows), empty, nothing, nothing), path)
    tail = 2 * (1 + 16)  # flag and shape of either matrix, which hold no rows yet
    with open(path, "r+b") as file:
        start = os.path.getsize(path) - tail
        for count in (2 * rows, rows):
            file.seek(start)
            file.write(struct.pack("<?qq", False, count, dim))
            start += 17 + 4 * count * dim
        file.truncate(start)
    return {"words": rows, "buckets": rows, "dim": dim, "bytes": os.path.getsize(path)}


def measure(python: str, load: str, path: Path) -> dict[str, float]:
    """One load in a new process."""
    done = subprocess.run(
        [python, "-c", MEASURE.format(load=load), str(path)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise UserError(
            f"{python}: loading failed (is there memory for the whole file?)\n{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Make the file, load it in turn, print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gb", type=float, default=2.0, help="size of the file (default 2)")
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder for the file (default: the system's temporary one)")
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--data", help="not used; every benchmark takes it")
    given = parser.parse_args()
    peer = None if given.only_ours else peer_python()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        if shutil.disk_usage(folder).free < 1e9:
            raise UserError(f"{folder}: less than 1 GB is free there; name another folder with --work")
        large, small = Path(folder) / "large.bin", Path(folder) / "small.bin"
        make_model(small, 0.0001, given.dim)
        about = make_model(large, given.gb, given.dim)
        sides = {"ours": (sys.executable, OURS.format(small=str(small)))}
        if peer is not None:
            sides["original"] = (str(peer), THEIRS)
        found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for _ in range(given.repeats):
            for side, (python, load) in sides.items():
                found[side].append(measure(python, load, large))
                print(side, {k: round(v, 3) for k, v in found[side][-1].items()}, file=sys.stderr)
    result = {
        side: {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        for side, runs in found.items()
    }
    for side, row in result.items():
        print(
            f"{side:<9} first vectors after {row['wall']:.2f} s ({row['cpu']:.2f} CPU-s), "
            f"resident {row['resident_mb']:,.0f} MB, of which own {row['own_mb']:,.0f} MB"
        )
    when = {"date": str(datetime.date.today()), "machine": machine(), "versions": versions(peer)}
    print(
        json.dumps({"benchmark": "load", **when, "file": about, "repeats": given.repeats, "result": result})
    )


if __name__ == "__main__":
    main()
