"""The native core as arm64 runs it, on a machine of another kind: its NEON kernels under qemu.

    python tests/native_arm64.py ARGUMENTS...      Python for arm64, ftcore's core built for it, with these arguments
    python tests/native_arm64.py -m pytest tests/ftcore/native/test_introsort.py

Asks Debian for two packages (``apt-get install g++-aarch64-linux-gnu qemu-user``). All else lies in build/arm64, 240 MB
made once: Debian's Python for arm64 (unpacked, not installed: no root), wheels that the tests import, and the module.
No wheel of torch is small enough to come along. Processes that a test starts would be qemu's too: none is started.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "arm64"
TRIPLET = "aarch64-linux-gnu"
REMEDY = "on Debian: apt-get install g++-aarch64-linux-gnu qemu-user"
DEBS = ("python3-minimal", "libpython3-stdlib", "libpython3-dev", "libstdc++6")
WHEELS = ("numpy", "xxhash", "PyYAML", "pydantic", "pytest", "pytest-timeout", "hypothesis")
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
_APT = """
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "";
Dir::State "{0}/state";
Dir::State::status "{0}/status";
Dir::Cache "{0}/cache";
"""


class Absent(Exception):
    """What this machine lacks to run it."""


def arm64() -> Callable[..., subprocess.CompletedProcess]:
    """``run(*arguments, timeout=seconds)`` of a Python whose native core is arm64's, built now from the sources.

    Raises:
        Absent: a tool is missing, or nothing can be fetched. A build that fails is an error (`RuntimeError`).
    """
    if platform.machine() in ("aarch64", "arm64"):
        raise Absent("this machine is arm64: every test of the native core is NEON's")
    compiler = f"{TRIPLET}-g++"
    qemu = next(filter(shutil.which, ("qemu-aarch64", "qemu-aarch64-static")), None)
    for tool, found in ((compiler, shutil.which(compiler)), ("qemu-aarch64", qemu)):
        if not found:
            raise Absent(f"{tool} is not there; {REMEDY}")
    root = _once("root", " ".join(DEBS), _unpack)
    site = _once("site", " ".join(_pinned()), _wheels)
    environment = os.environ | {
        "FTCORE_NATIVE": str(_module(compiler, root)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(site)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("FTCORE_PROCESSOR", None)
    python = [str(qemu), "-L", str(root), str(root / "usr/bin" / PYTHON)]

    def run(*arguments: str, timeout: float | None = None, **popen) -> subprocess.CompletedProcess:
        return subprocess.run([*python, *arguments], env=environment, cwd=ROOT, timeout=timeout, **popen)

    return run


def _once(name: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, made anew where it is of something else; whole or not there."""
    folder, note = BUILD / name, BUILD / f"{name}.txt"
    if not (folder.is_dir() and note.exists() and note.read_text() == made_of):
        beside = BUILD / f"{name}.{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            make(beside)
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        note.write_text(made_of)
    return folder


def _unpack(folder: Path) -> None:
    """Debian's Python for arm64, by lists and a cache of its own: what this machine has installed stays as it is."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Absent("Debian's Python for arm64 is fetched by apt-get and dpkg-deb, which are not there")
    apt = folder.with_name("apt")
    for place in ("state/lists/partial", "cache/archives/partial"):
        (apt / place).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "apt.conf").write_text(_APT.format(apt))
    given = os.environ | {"APT_CONFIG": str(apt / "apt.conf")}
    _fetch(["apt-get", "-q", "update"], given)
    _fetch(["apt-get", "-qy", "--no-install-recommends", "--download-only", "install", *DEBS], given)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    shutil.rmtree(apt)
    include = folder / "usr/include"
    found = include / TRIPLET / PYTHON / "pyconfig.h"
    if not found.exists():
        there = ", ".join(path.name for path in sorted(include.glob("python3.*"))) or "none"
        raise Absent(f"this is {PYTHON}, Debian's for arm64 is {there}")
    # the one beside Python.h asks for it in a folder that the cross compiler does not look in
    shutil.copy(found, include / PYTHON / "pyconfig.h")


def _pinned() -> list[str]:
    versions = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line
    )
    return [f"{name}=={versions[name]}" for name in WHEELS]


def _wheels(folder: Path) -> None:
    platforms = [word for name in PLATFORMS for word in ("--platform", f"{name}_aarch64")]
    _fetch([
        sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "-c", str(ROOT / "constraints.txt"),
        *platforms, "--only-binary", ":all:", *_pinned(),
    ], dict(os.environ))  # fmt: skip


def _fetch(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Absent(f"{' '.join(command[:4])}: {(done.stderr or done.stdout).strip()[-500:]}")


def _module(compiler: str, root: Path) -> Path:
    """The core built for arm64, warnings being errors."""
    given = os.environ | {
        "CXX": compiler,
        "FTCORE_BUILD": str(BUILD / "native"),
        "FTCORE_CMAKE": "-DFTCORE_WERROR=ON -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 "
        f"-DPython_INCLUDE_DIR={root / 'usr/include' / PYTHON}",
    }
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--build-lib", str(BUILD / "lib")],
        cwd=ROOT, env=given, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-6000:])
    return next((BUILD / "lib" / "ftcore").glob("_native*.so"))


def main() -> None:
    try:
        run = arm64()
    except (Absent, RuntimeError) as reason:
        sys.exit(str(reason))
    sys.exit(run(*sys.argv[1:]).returncode)


if __name__ == "__main__":
    main()
