"""Ask the original fastText the tests' questions and keep its answers here, one .zip for each room of tests.

python tests/golden/make.py            ask what is new, drop what no test asks any more
python tests/golden/make.py --anew     ask everything
python tests/golden/make.py --live     keep nothing: run the tests against the original itself

Needs the original (``make peer``, see `tests.reference.peer`). ``original.json`` says which one answered.
In an archive ``KEY/asked.txt`` is a question's script, ``KEY/out.npz`` its answer and ``KEY/files/NAME`` a file that
the original made for it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ASKS = re.compile(r"\brun_(peer|both|binary)\b|\b(originals|peer_models|load|models)\b[,)]")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--live", action="store_true")
    given = parser.parse_args()
    peer = os.environ.get("FTCORE_PEER") or str(ROOT / ".venv-peer/bin/python")
    if not Path(peer).exists():
        raise SystemExit(f"no original fastText: {peer} is missing; run `make peer` or set FTCORE_PEER")
    mode = "live" if given.live else "anew" if given.anew else "add"
    tests = [
        path for path in sorted((ROOT / "tests/ftcore").rglob("test_*.py")) if ASKS.search(path.read_text())
    ]
    shutil.rmtree(HERE / ".new", ignore_errors=True)
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "not slow and not kill and not gpu",
        *map(str, tests),
    ]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | {"FTCORE_GOLDEN": mode})
    if mode == "live":
        return done.returncode
    if done.returncode:  # a test that fails with a new answer is to be mended, its question may be wrong
        raise SystemExit("nothing was kept: a test fails")
    for path in HERE.glob("*.zip"):
        path.unlink()
    for path in (HERE / ".new").glob("*.zip"):
        path.rename(HERE / path.name)
    (HERE / ".new").rmdir()
    version = "import importlib.metadata as m; print(m.version('fasttext'))"
    shown = subprocess.run([peer, "-c", version], capture_output=True, text=True, check=True)
    about = {
        "fasttext": shown.stdout.strip(), "built with": "make peer", "machine": platform.machine(),
        "bytes": {path.name: path.stat().st_size for path in sorted(HERE.glob("*.zip"))},
    }  # fmt: skip
    (HERE / "original.json").write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps(about, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
