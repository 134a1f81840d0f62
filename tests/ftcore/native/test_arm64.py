"""NEON: the native core built for arm64 by Debian's cross compiler, run under qemu-user (see tests/native_arm64.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ftcore import native
from tests.ftcore.native.answers import disagreements
from tests.native_arm64 import Absent, arm64

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
SCRIPT = Path(__file__).with_name("answers.py")
# the tests of the core that import no torch and start no process
TESTS = (
    "tests/ftcore/native --ignore=tests/ftcore/native/test_build.py --ignore=tests/ftcore/native/test_processors.py "
    "--ignore=tests/ftcore/native/test_arm64.py --ignore=tests/ftcore/native/test_stub.py tests/ftcore/formats/test_vec.py tests/ftcore/dictionary/test_hashing.py "
    "tests/ftcore/dictionary/test_init.py tests/ftcore/inference/test_single.py tests/ftcore/dictionary/test_lookup.py"
)


@pytest.fixture(scope="module")
def run():
    try:
        return arm64()
    except Absent as reason:
        pytest.skip(str(reason))


def test_it_is_arm64_whose_kernels_are_neon(run):
    told = "import platform; from ftcore import native; print(platform.machine(), *native.PROCESSORS)"
    done = run("-c", told, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "aarch64 ('neon', True)", done.stderr


def test_it_answers_as_the_baseline_of_this_machine(run, tmp_path: Path):
    """Text, files, means and the quantiser bit for bit, trained tables within the tolerance."""
    here, there = tmp_path / "here.npz", tmp_path / "there.npz"
    given = os.environ | {"FTCORE_PROCESSOR": native.PROCESSORS[0][0]}
    subprocess.run([sys.executable, str(SCRIPT), str(here)], env=given, check=True, timeout=600)
    done = run(str(SCRIPT), str(there), stderr=subprocess.PIPE, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(here) as one, np.load(there) as other:
        assert disagreements(dict(one), dict(other)) == []


def test_the_tests_of_the_core_pass(run):
    command = [
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow and not kill and not gpu",
    ]
    done = run(
        *command, "-k", "not breaks_it", *TESTS.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3000
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
