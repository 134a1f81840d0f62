"""Builds the native core (`ftcore/native`) with CMake; everything else is in pyproject.toml.

``python setup.py build_ext --inplace`` puts ``_native*.so`` beside the Python. ``FTCORE_BUILD`` names another folder
for CMake's files, ``FTCORE_CMAKE`` more options for it; ``CXX`` the compiler.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "ftcore" / "native"
# run, not imported: the package would ask for the module
BUILD = runpy.run_path(str(SOURCES / "sources.py"))


class BuildNative(build_ext):
    """CMake for the one extension that there is."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        # one folder a Python: another's headers and suffix must not be found in CMake's cache
        folder = Path(
            os.environ.get("FTCORE_BUILD", ROOT / "build" / f"native-{sysconfig.get_config_var('SOABI')}")
        )
        folder.mkdir(parents=True, exist_ok=True)
        # CMake and ninja of the environment, where the machine has none
        os.environ["PATH"] += os.pathsep + str(Path(sys.executable).parent)
        digest, compiler = BUILD["digest"](SOURCES), BUILD["compiler"]().replace(" ", ";")
        configure = [
            "cmake", "-S", str(SOURCES), "-B", str(folder), f"-DPython_EXECUTABLE={sys.executable}",
            f"-DFTCORE_SOURCES={digest}", f"-DCMAKE_CXX_COMPILER={compiler}",
            *os.environ.get("FTCORE_CMAKE", "").split(),
        ]  # fmt: skip
        if shutil.which("ninja") and not (folder / "Makefile").exists():
            configure += ["-G", "Ninja"]
        try:
            subprocess.run(configure, check=True)
            subprocess.run(["cmake", "--build", str(folder), "--parallel", str(_jobs())], check=True)
        except FileNotFoundError:
            sys.exit("ftcore's native core is built by CMake, which was not found: pip install cmake ninja")
        except subprocess.CalledProcessError as error:
            sys.exit(
                f"ftcore's native core was not built: {' '.join(error.cmd[:3])} ended with {error.returncode}, see above"
            )
        built = next(folder.glob("_native*.so"))
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside, then in place: a process that has the old one mapped keeps it whole
        beside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        shutil.copy2(built, beside)
        beside.replace(target)


def _jobs() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


setup(ext_modules=[Extension("ftcore._native", sources=[])], cmdclass={"build_ext": BuildNative})
