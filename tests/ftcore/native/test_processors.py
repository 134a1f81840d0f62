"""One build, every processor: the variants of the kernels against each other, and each against itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from ftcore import native
from tests.ftcore.native.answers import disagreements

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("answers.py")
NAMES = [name for name, _ in native.PROCESSORS]
SUPPORTED = [name for name, supported in native.PROCESSORS if supported]


def python(name: str, *command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "FTCORE_PROCESSOR": name, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=550
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory):
    """What a variant answers, made when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("answers"), {}

    def answer(name: str, again: bool = False) -> dict[str, np.ndarray]:
        key = name + (" again" if again else "")
        if key not in made:
            done = python(name, str(SCRIPT), str(folder / f"{key}.npz"))
            assert done.returncode == 0, done.stderr[-3000:]
            with np.load(folder / f"{key}.npz") as file:
                made[key] = dict(file)
        return made[key]

    return answer


def variant(name: str) -> None:
    if name not in SUPPORTED:
        pytest.skip(f"{name}: compiled, but this machine has {', '.join(SUPPORTED)} only")


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_the_same_twice(answers, name: str):
    variant(name)
    one, other = answers(name), answers(name, again=True)
    assert one.keys() == other.keys() and len(one) > 20
    assert [key for key in one if one[key].tobytes() != other[key].tobytes()] == []


@pytest.mark.parametrize("name", NAMES[1:])
def test_variants_agree(answers, name: str):
    """Text, files, means and the quantiser bit for bit, trained tables within the tolerance."""
    variant(name)
    assert disagreements(answers(NAMES[0]), answers(name)) == []


# the one used here is held to it by test_dims.py itself, the oldest agrees with the next (above): minutes for little
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name == NAMES[0] else [])
        for name in NAMES
        if name != native.PROCESSOR
    ],
)
def test_each_is_held_to_the_plain_reference_at_every_width(name: str):
    variant(name)
    tests = Path(__file__).with_name("test_dims.py")
    done = python(name, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tests))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("name", ["v9", "avx2", *(name for name in NAMES if name not in SUPPORTED)])
def test_what_this_machine_lacks_is_refused_with_the_remedy(name: str):
    done = python(name, "-c", "from ftcore import native")
    assert done.returncode == 1
    expected = (
        f"FTCORE_PROCESSOR={name}: this processor has {', '.join(SUPPORTED)}; name one of them, or unset it"
    )
    assert expected in done.stderr


@pytest.mark.parametrize("name", [*SUPPORTED, ""])
def test_the_named_one_is_used_and_the_widest_by_itself(name: str):
    done = python(name, "-c", "from ftcore import native; print(native.PROCESSOR)")
    assert done.stdout.strip() == (name or SUPPORTED[-1]), done.stderr


def test_objects_of_a_variant_define_names_of_its_own_only():
    """The linker keeps one copy of a weak function for all: it may have instructions that this processor lacks."""
    folder = ROOT / "build" / f"native-{sysconfig.get_config_var('SOABI')}" / "CMakeFiles"
    objects = sorted(folder.glob("kernels_*.dir/**/*.o"))
    if not objects or shutil.which("nm") is None:
        pytest.skip("no nm on this machine" if objects else f"no objects of a build under {folder.parent}")
    found, names = 0, set()
    for path in objects:
        name = re.search(r"kernels_(\w+)\.dir", str(path))[1]
        names.add(name)
        told = subprocess.run(["nm", "-C", str(path)], capture_output=True, text=True, check=True).stdout
        for line in told.splitlines():
            kind, symbol = re.match(r"[0-9a-f ]* (\S) (.*)", line).groups()
            if kind in "Uw" or kind.islower() and kind not in "vu":  # asked of others, or private to the file
                continue
            found += 1
            own = f"ftcore::{name}::"
            assert symbol.startswith(own) or f" {own}" in symbol.split("(")[0], f"{path.name}: {line}"
    assert names == set(NAMES) and found > 3 * len(NAMES)
