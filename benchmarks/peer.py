"""The peers of the benchmarks, the original fastText and its forks, and what figures depend on: machine, its load, versions."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ftcore.errors import UserError

# Forks that take the original's arguments, each in an environment of its own (`make peers`): import, package.
FORKS = {
    "fasttext-community": "import fasttext",
    "fasttext-new": "import fasttext_new as fasttext",
    "fasttext-turbo": "import fasttext",
}
BUSY = 1.5  # load above which figures of a machine are marked: two threads seldom run at once then
THREADS = 12  # below 11 the original leaves part of its table uninitialised


def peer_has_avx(python: Path) -> bool | None:
    """Whether the original was built natively (a plain pip build is half as fast); None if unknown."""
    find = "import fasttext_pybind; print(fasttext_pybind.__file__)"
    try:
        so = subprocess.run(
            [str(python), "-c", find], capture_output=True, text=True, check=True
        ).stdout.strip()
        code = subprocess.run(["objdump", "-d", so], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return "%ymm" in code or "%zmm" in code


def peer_python() -> Path | None:
    """The original's Python, or None where there is none; a build without AVX is refused."""
    peer = Path(os.environ.get("FTCORE_PEER") or ".venv-peer/bin/python")
    if not peer.exists():
        print(
            f"{peer}: no original fastText (make peer, or set FTCORE_PEER): only ours is measured",
            file=sys.stderr,
        )
        return None
    if peer_has_avx(peer) is False:
        raise UserError(
            f"{peer}: fastText was built without AVX, so its times would flatter ours; build it with "
            'CXXFLAGS="-O3 -funroll-loops -march=native" (make peer)'
        )
    return peer


def peers(only: Iterable[str] | None = None) -> dict[str, tuple[Path, str]]:
    """Those that are installed: name -> (its Python, the statement that imports it as ``fasttext``).

    ``original`` is `peer_python`; the forks lie in ``.venv-peers/NAME``.
    """
    original = peer_python()
    found = {} if original is None else {"original": (original, "import fasttext")}
    for name, statement in FORKS.items():
        python = Path(".venv-peers") / name / "bin" / "python"
        if python.exists():
            found[name] = (python, statement)
        else:
            print(f"{python}: not there (make peers): {name} is not measured", file=sys.stderr)
    return {name: peer for name, peer in found.items() if only is None or name in only}


def load() -> float:
    """Mean number of processes that ran or waited in the last minute."""
    return round(os.getloadavg()[0], 2)


def quiet(loads: Sequence[float]) -> bool:
    """Whether figures taken between these loads may be quoted; our own threads count at the end, not at the start."""
    return loads[0] <= BUSY


def fork_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of the forks among some peers."""
    found = {}
    for name in names:
        if name in FORKS:
            ask = f"from importlib.metadata import version; print(version({name!r}))"
            python = Path(".venv-peers") / name / "bin" / "python"
            found[name] = subprocess.run([python, "-c", ask], capture_output=True, text=True).stdout.strip()
    return found


def conclude(
    name: str, about: dict[str, Any], loads: list[float], took_part: Iterable[str], results: dict, keep: bool
) -> None:
    """The end of a benchmark: marks a busy machine, prints one JSON line, and keeps it in benchmarks/results/.

    Args:
        about: how it was run. loads: before; the one after is added. took_part: peers, by name.
        keep: whether it was whole; a part of it must not replace the whole.
    """
    loads = [*loads, load()]
    if not quiet(loads):
        print(f"MARKED: the machine was busy (load {loads[0]} at the start)")
    original = peer_python() if "original" in took_part else None
    report = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        **about,
        "load": loads,
        "quiet": quiet(loads),
        "machine": machine(),
        "versions": versions(original) | fork_versions(took_part),
        "results": results,
    }
    if keep:
        out = Path(__file__).resolve().parent / "results" / f"{report['date']}-{name}.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False))


def machine() -> dict[str, str | int]:
    """What the figures depend on; no names of hosts or places."""
    model = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {"cpu": model, "cores": os.cpu_count() or 1, "system": platform.system()}


def versions(peer: Path | None) -> dict[str, str]:
    """Of what took part."""
    found = {name: version(name) for name in ("torch", "numpy", "pyarrow", "jieba")}
    found["python"] = platform.python_version()
    if peer is not None:
        ask = "from importlib.metadata import version; print(version('fasttext'))"
        done = subprocess.run([str(peer), "-c", ask], capture_output=True, text=True)
        found["fasttext"] = done.stdout.strip() or "unknown"
    return found
