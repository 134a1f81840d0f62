"""The native core under AddressSanitizer and UndefinedBehaviorSanitizer: `make test-native`.

Builds a second module in build/sanitized (the one beside the Python stays), warnings being errors, and runs under it
the fuzzer, the native tests, and those that hand the core hostile files and texts. A report fails with its text.

    python tests/native_sanitized.py [--calls 20000] [--only PART]
"""

from __future__ import annotations

import argparse
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "sanitized"
# of the fuzzer's test the calls are made here already; 1600 lines keep torch busy, not the core
LEFT_OUT = "not breaks_it and not 1600"
LIMIT = 600  # seconds for all of it
REPORTS = ("ERROR: AddressSanitizer", "runtime error:", "AddressSanitizer:DEADLYSIGNAL", "SUMMARY: Undefined")
# the core through its callers; what builds, or starts processes by the dozen, has no place here, and the fuzzer's
# calls are a part of their own
TESTS = (
    "tests/ftcore/native --ignore=tests/ftcore/native/test_build.py --ignore=tests/ftcore/native/test_processors.py "
    "tests/ftcore/formats/test_fuzz.py tests/ftcore/formats/test_vec.py tests/ftcore/formats/test_binary.py "
    "tests/ftcore/inference/test_single.py tests/ftcore/dictionary/test_lookup.py "
    "tests/ftcore/engines/cpu tests/ftcore/engines/test_sequential.py"
)


def build() -> Path:
    """The module with both sanitizers, built from the sources as they are."""
    given = {"FTCORE_BUILD": str(BUILD), "FTCORE_CMAKE": "-DFTCORE_SANITIZE=ON -DFTCORE_WERROR=ON"}
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--build-lib", str(BUILD / "lib")],
        cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit((done.stdout + done.stderr)[-6000:])
    return next((BUILD / "lib" / "ftcore").glob("_native*.so"))


def environment(module: Path) -> dict[str, str]:
    """A Python whose native core is that module. The runtime must come before all other libraries."""
    compiler = runpy.run_path(str(ROOT / "ftcore" / "native" / "sources.py"))["compiler"]().split()

    def library(name: str) -> str:
        found = subprocess.run(
            [*compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        )
        return found.stdout.strip()

    return {
        **os.environ,
        "FTCORE_NATIVE": str(module),
        # libstdc++ too: the runtime looks for __cxa_throw before Python has loaded it
        "LD_PRELOAD": " ".join(map(library, ("libasan.so", "libstdc++.so"))),
        # a request that no machine grants is a MemoryError as usual; what Python never frees is no leak
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4096",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONPATH": str(ROOT),
        "PYTHONMALLOC": "malloc",  # bytes and strings of Python are watched too
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000, help="of the fuzzer")
    parser.add_argument("--only", choices=("fuzzer", "tests"), help="one part")
    args = parser.parse_args()
    begin = time.monotonic()
    module = build()
    print(f"built with sanitizers: {time.monotonic() - begin:.0f} s", flush=True)
    fuzzer = [
        sys.executable, "tests/ftcore/native/fuzzing.py", "--calls", str(args.calls), "--exact", "--most", "8",
    ]  # fmt: skip
    tests = [
        sys.executable, "-m", "pytest", "-q", "-x", "-s", "-p", "no:cacheprovider", "-m", "not slow and not kill and not gpu",
        "-k", LEFT_OUT, *TESTS.split(),
    ]  # fmt: skip
    parts = {"fuzzer": fuzzer, "tests": tests}
    for name, command in parts.items():
        if args.only in (None, name):
            _run(name, command, environment(module), LIMIT - (time.monotonic() - begin))


def _run(name: str, command: list[str], given: dict[str, str], seconds: float) -> None:
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=max(seconds, 60))
    except subprocess.TimeoutExpired:
        process.kill()
        output = process.communicate()[0]
        sys.exit(f"{output[-4000:].decode('utf-8', 'replace')}\n{name}: not done within {LIMIT} s in all")
    text = output.decode("utf-8", "replace")
    report = min((text.find(mark) for mark in REPORTS if mark in text), default=-1)
    if report >= 0:
        sys.exit(f"{text[max(report - 1500, 0) : report + 30_000]}\n{name}: a sanitizer reports, see above")
    if process.returncode:
        sys.exit(f"{text[-6000:]}\n{name}: ended with {process.returncode}")
    print(f"{name}: {text.strip().splitlines()[-1]} in {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
