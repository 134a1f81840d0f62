"""Two hundred files that mean ill: each ends in quarantine or in a clear error, in bounded time and memory.

They are read in a process of its own under a limit of its address space, one after the other, each with an alarm; what
that process says of each is held against what `tests.hostile` expects. If it dies, the file it was at is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import hostile

ROOT = Path(__file__).resolve().parents[3]
SECONDS, BYTES = 60, 1_000_000_000  # a file; resident, at its peak
SPACE = 6 << 30  # of addresses: torch's and Arrow's own take 3 GB
QUICK = ("archives", "special", "dumps")  # kinds that cost seconds; the whole is in `make test-slow`
CHILD = """
import json, logging, os, resource, signal, sys, time
from pathlib import Path
from ftcore.config import parse_config
from ftcore.errors import UserError
from ftcore.shards.whole import prepare_corpus
logging.disable(logging.CRITICAL)
listed, out, seconds, space = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_AS, (space, space))
def late(*_):
    raise RuntimeError("late")
signal.signal(signal.SIGALRM, late)
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) * 1024
for path, source in listed:
    print(json.dumps({"at": path}), flush=True)
    Path("/proc/self/clear_refs").write_text("5")
    begin, said = time.monotonic(), {"path": path}
    signal.alarm(seconds)
    try:
        tree = {"ingest": {"sources": [{"path": path, "name": "s", **source}], "max_reject_share": 1.0}, "workers": 1}
        shards = prepare_corpus(parse_config(tree), out)
        manifest = json.loads((out / "manifest.json").read_text())
        lost = manifest["rejected"] + manifest["filtered"]
        said |= {"rows": shards.rows, "counts": manifest["counts"], "lost": lost}
    except UserError as error:
        said |= {"error": str(error)}
    except BaseException as error:
        said |= {"broken": f"{type(error).__name__}: {error}"[:300]}
    signal.alarm(0)
    said |= {"seconds": round(time.monotonic() - begin, 2), "peak": peak()}
    print(json.dumps(said), flush=True)
"""


def outcomes(files: list[hostile.Hostile], folder: Path) -> dict[str, dict]:
    """What became of each file, by its path."""
    listed = folder / "listed.json"
    listed.write_text(json.dumps([[file.path, file.source] for file in files]))
    command = [sys.executable, "-c", CHILD, str(listed), str(folder / "out"), str(SECONDS), str(SPACE)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "4"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=3000, check=False
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (
        f"{said[-1] if said else ''} ended the process ({done.returncode}): {done.stderr[-2000:]}"
    )
    return {entry["path"]: entry for entry in said if "path" in entry}


def wrong_with(file: hostile.Hostile, said: dict) -> str:
    """What is wrong with an outcome; "" for nothing."""
    if "broken" in said:
        return said["broken"]
    if said["seconds"] > SECONDS or said["peak"] > BYTES:
        return f"{said['seconds']} s, {said['peak']:,} bytes"
    if "no document is left" in said.get("error", ""):  # all of it is in quarantine
        return "" if file.expected != "read" else said["error"][:300]
    if file.expected == "nothing" and "empty corpus" in said.get("error", ""):
        return ""
    if "error" in said:
        named = os.path.basename(file.path).encode("utf-8", "backslashreplace").decode()
        if file.expected not in ("error", "any"):
            return f"refused: {said['error'][:300]}"
        return "" if named[:60] in said["error"] else f"unnamed: {said['error'][:300]}"
    kept, lost = said["rows"] > 0, said["lost"] > 0
    if file.expected == "any":
        return "" if kept or lost else "nothing became of it"
    fine = {"read": kept, "quarantine": lost, "nothing": not kept and not lost, "error": False}[file.expected]
    return "" if fine else f"{file.expected} was expected: {said}"


def judge(files: list[hostile.Hostile], folder: Path) -> None:
    said = outcomes(files, folder)
    wrong = {file.path: why for file in files if (why := wrong_with(file, said[file.path]))}
    slow = sorted(((entry["seconds"], path) for path, entry in said.items()), reverse=True)[:8]
    high = sorted(((entry["peak"] >> 20, path) for path, entry in said.items()), reverse=True)[:8]
    print("slowest", slow, "\nhighest (MB)", high)
    assert not wrong, "\n".join(f"{path!r}: {why}" for path, why in wrong.items())


def test_archives_what_is_no_file_and_dumps(tmp_path):
    judge(hostile.write(tmp_path / "files", QUICK), tmp_path)


def test_the_judge_sees_what_is_wrong():
    """What the judge lets pass decides what the test is worth."""
    fine = {"seconds": 1, "peak": 1, "rows": 1, "lost": 0}
    file = hostile.Hostile("a/b.txt", "quarantine")
    assert wrong_with(file, fine) and not wrong_with(file, fine | {"lost": 1})
    assert wrong_with(file, fine | {"lost": 1, "broken": "MemoryError"})
    assert wrong_with(file, fine | {"lost": 1, "peak": BYTES + 1}) and wrong_with(
        file, fine | {"lost": 1, "seconds": 99}
    )
    assert wrong_with(file, fine | {"error": "b.txt: no"})
    named = hostile.Hostile("a/b.txt", "error")
    assert wrong_with(named, fine) and not wrong_with(named, fine | {"error": "b.txt: no"})
    assert wrong_with(named, fine | {"error": "something"}) and not wrong_with(
        hostile.Hostile("a", "any"), fine
    )


@pytest.mark.slow
def test_all_of_them(tmp_path):
    files = hostile.write(tmp_path / "files")
    assert len(files) >= 200
    judge(files, tmp_path)
