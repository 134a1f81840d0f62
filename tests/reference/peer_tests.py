"""The original's own unit tests, with ftcore in the place of `fasttext`, and the original's result beside it.

python tests/reference/peer_tests.py [--times 20] [--seed 0] [--only-ftcore]

The tests come from the installed original (``fasttext/tests``, found through ``FTCORE_PEER``); they are run
as they are. Words and lines in them are random: each repetition has a seed of its own, which is printed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import re
import subprocess
import sys
import time
import types
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def put_ftcore_in_place(tests: str) -> None:
    """Make `fasttext` and its modules mean ftcore; only `fasttext.tests` is read from the original."""
    sys.path.insert(0, str(ROOT))
    import ftcore
    from ftcore import compat

    shim = types.ModuleType("fasttext")
    shim.__path__ = [str(Path(tests).parent)]
    for name in ("train_supervised", "train_unsupervised", "load_model", "tokenize", "util"):
        setattr(shim, name, getattr(ftcore, name))
    for name in ("EOS", "BOW", "EOW"):
        setattr(shim, name, getattr(ftcore, name))
    shim.FastText = compat
    sys.modules |= {"fasttext": shim, "fasttext.FastText": compat}
    sys.modules |= {"fasttext.util": ftcore.util, "fasttext.util.util": ftcore.util}


def run_tests(seed: int) -> dict:
    """Run all of them once in this process."""
    random.seed(seed)
    cases = importlib.import_module("fasttext.tests").gen_unit_tests(verbose=0)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(cases)
    result = unittest.TestResult()
    started = time.process_time()
    suite.run(result)
    broken, failed = (
        [(case.id().split(".")[-1], _reason(trace)) for case, trace in found]
        for found in (result.errors, result.failures)
    )
    return {
        "seed": seed,
        "run": result.testsRun,
        "passed": result.testsRun - len(broken) - len(failed) - len(result.skipped),
        "skipped": len(result.skipped),
        "broken": broken + failed,
        "cpu_seconds": time.process_time() - started,
    }


def _reason(trace: str) -> str:
    """The line of a traceback that names the error."""
    lines = [
        line for line in trace.strip().splitlines() if re.match(r"[A-Za-z_.]+(Error|Exception)?: ", line)
    ]
    return lines[-1] if lines else trace.strip().splitlines()[-1]


def _in_process(python: str, seed: int, tests: str = "") -> dict:
    words = [python, __file__, "--worker", "--seed", str(seed), "--tests", tests]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-ftcore", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--tests", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        if given.tests:
            put_ftcore_in_place(given.tests)
        print(json.dumps(run_tests(given.seed)))
        return 0
    peer = os.environ.get("FTCORE_PEER") or str(ROOT / ".venv-peer/bin/python")
    if not Path(peer).exists():
        raise SystemExit(f"no original fastText: {peer} is missing; run `make peer` or set FTCORE_PEER")
    find = "import fasttext, os; print(os.path.join(os.path.dirname(fasttext.__file__), 'tests'))"
    tests = subprocess.run([peer, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    sides = [("ftcore", sys.executable, tests)]
    if not given.only_ftcore:
        sides.append(("original", peer, ""))
    bad = 0
    for time_ in range(given.times):
        for name, python, where in sides:
            found = _in_process(python, given.seed + time_, where)
            print(
                f"{name:<9} seed {found['seed']:<4} {found['passed']} of {found['run']} passed, "
                f"{found['skipped']} skipped, {found['cpu_seconds']:.1f} CPU seconds",
                flush=True,
            )
            reasons = Counter(
                reason if name == "original" else f"{test}: {reason}" for test, reason in found["broken"]
            )
            for reason, times in reasons.most_common():
                print(f"    {times} x {reason}")
            if name == "ftcore":
                bad += len(found["broken"]) + found["skipped"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
