"""The module is built from the sources beside it, is refused otherwise, and travels in a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from ftcore import native
from ftcore.native import sources

ROOT = Path(__file__).resolve().parents[3]
ASK = "from ftcore import native; import ftcore._native as m; print(m.__file__); print(native.PROCESSOR)"


def python(script: str, path: Path, **environment: str) -> subprocess.CompletedProcess:
    """A Python that finds ftcore at `path`, and no compiler."""
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=path.parent,
        env={"PYTHONPATH": str(path), "PATH": "", **environment},
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another checkout with its own build: the package's face and its native room."""
    made = tmp_path / "checkout"
    shutil.copytree(ROOT / "ftcore" / "native", made / "ftcore" / "native")
    shutil.copy(ROOT / "ftcore" / "__init__.py", made / "ftcore")
    for built in (ROOT / "ftcore").glob("_native*.so"):
        shutil.copy(built, made / "ftcore")
    return made


def test_two_checkouts_on_one_environment_each_have_their_own(checkout: Path):
    for path in (checkout, ROOT):
        done = python(ASK, path)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.splitlines()[0]).parent == path / "ftcore"


@pytest.mark.parametrize("name", ["binding/binding.cc", "kernels/means.h", "CMakeLists.txt"])
def test_a_module_of_other_sources_is_refused_with_the_remedy(checkout: Path, name: str):
    with (checkout / "ftcore" / "native" / name).open("a") as file:
        file.write("\n")
    done = python(ASK, checkout)
    assert done.returncode == 1
    assert "was built from other sources" in done.stderr and "setup.py build_ext --inplace" in done.stderr


def test_a_new_source_makes_it_another_module(checkout: Path):
    (checkout / "ftcore" / "native" / "kernels" / "new.cc").write_text("")
    assert "was built from other sources" in python(ASK, checkout).stderr


def test_without_sources_it_is_what_a_wheel_holds(checkout: Path):
    for name in sources.files(checkout / "ftcore" / "native"):
        (checkout / "ftcore" / "native" / name).unlink()
    assert python(ASK, checkout).returncode == 0


def test_without_a_module_the_remedy_is_named(checkout: Path):
    for built in (checkout / "ftcore").glob("_native*.so"):
        built.unlink()
    done = python(ASK, checkout)
    assert done.returncode == 1 and "is not built" in done.stderr and "build_ext --inplace" in done.stderr


def test_a_broken_module_is_no_riddle(checkout: Path):
    for built in (checkout / "ftcore").glob("_native*.so"):
        built.write_bytes(b"no module")
    done = python(ASK, checkout)
    assert done.returncode == 1 and "cannot be loaded" in done.stderr and "build_ext" in done.stderr


def test_another_build_can_be_named(checkout: Path):
    (built,) = (ROOT / "ftcore").glob("_native*.so")
    done = python(ASK, checkout, FTCORE_NATIVE=str(built))
    assert done.returncode == 0 and Path(done.stdout.splitlines()[0]) == built


def test_a_processor_that_is_none_is_refused(checkout: Path):
    done = python(ASK, checkout, FTCORE_PROCESSOR="z80")
    assert done.returncode == 1 and "FTCORE_PROCESSOR=z80" in done.stderr and native.PROCESSOR in done.stderr


def test_where_there_is_no_compiler_a_sentence_says_what_to_do(tmp_path: Path):
    for environment in ({"PATH": str(tmp_path)}, {"PATH": os.environ["PATH"], "CXX": "no-such-compiler"}):
        done = subprocess.run(
            [sys.executable, ROOT / "ftcore" / "native" / "sources.py"],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
        assert done.returncode == 1 and "Traceback" not in done.stderr
        for remedy in ("apt-get install g++", "xcode-select", "ziglang"):
            assert remedy in done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_builds_anew_where_a_source_changed(checkout: Path):
    for name in ("Makefile", "setup.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, checkout)
    stamps = [checkout / ".venv" / ".installed", checkout / "build" / "native.stamp"]
    for stamp in stamps:
        stamp.parent.mkdir()
        stamp.touch()

    def would() -> str:
        return subprocess.run(
            ["make", "-n", "native"], cwd=checkout, capture_output=True, text=True, check=True
        ).stdout

    assert "build_ext" not in would()
    for name in ("binding/binding.cc", "kernels/means.h", "CMakeLists.txt"):
        later = time.time() + 60
        os.utime(checkout / "ftcore" / "native" / name, (later, later))
        assert "build_ext --inplace" in would(), name
        os.utime(stamps[1], (later, later))
        assert "build_ext" not in would()


def test_a_wheel_holds_the_module_and_not_its_sources(tmp_path: Path):
    """As `pip wheel` makes it, with the objects that are there; it answers where there is no compiler."""
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build", "--build-base", str(tmp_path / "build"),
         "bdist_wheel", "--dist-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("ftcore/native/")]
        assert not [name for name in names if not name.endswith(".py")], names
        assert [name for name in archive.namelist() if name.startswith("ftcore/_native")]
        archive.extractall(tmp_path / "installed")
    done = python(ASK, tmp_path / "installed")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(tmp_path / "installed"))
