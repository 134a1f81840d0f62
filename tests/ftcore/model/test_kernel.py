"""Compiled once, cached, and said; sums in SIMD lanes that still know NaN."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from ftcore.model.kernel import kernel, source_stamp

ROOT = Path(__file__).resolve().parents[3]
PROBE = """
import logging
from ftcore.model.kernel import kernel, when_compiling

@kernel
def double(x):
    return 2 * x

logging.basicConfig()
for _ in range(2):
    with when_compiling(logging.getLogger(), "a probe"):
        assert double(4) == 8
assert double(1.5) == 3.0  # compiled outside: not said
"""


def test_a_first_run_says_that_it_compiles_and_a_second_need_not(tmp_path):
    (tmp_path / "probe.py").write_text(PROBE)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "probe.py")]
    said = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
        for _ in range(2)
    ]
    assert said[0].count("compiling a probe") == 1 and said[1] == ""


def test_a_stamp_is_of_the_sources(tmp_path):
    modules = [ModuleType("a"), ModuleType("b")]
    for module in modules:
        module.__file__ = str(tmp_path / f"{module.__name__}.py")
        Path(module.__file__).write_text(module.__name__)
    before = source_stamp(*modules)
    assert source_stamp(*modules) == before and 0 < before < 2**63
    Path(modules[1].__file__).write_text("c")
    assert source_stamp(*modules) != before


@kernel(reorder=True)
def total(values):
    found = np.float32(0)
    for value in values:
        found += value
    return found, abs(found) < 1e30


def test_sums_in_any_order_keep_nan_and_infinity():
    values = np.ones(1000, np.float32)
    assert total(values) == (1000, True)
    for bad in (np.nan, np.inf, -np.inf):
        values[500] = bad
        found, finite = total(values)
        np.testing.assert_equal(found, np.float32(bad))
        assert not finite
