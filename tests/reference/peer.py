"""The original fastText as independent truth: what it answered once, kept under ``tests/golden``, or itself.

A question is a script (or the words of its command line) with all that it reads: texts, numbers, and files by
their content. The kept answer belongs to exactly that question, so a test whose question changes fails until
``tests/golden/make.py`` has asked the original again. ``FTCORE_GOLDEN`` says where answers come from:

- nothing: from the golden files; no original is needed
- ``live``: from the original, whatever is kept
- ``add`` and ``anew``: those that are missing, or all, from the original, and kept (`make.py` sets these)

``FTCORE_PEER`` names a Python that can import it (default: ``.venv-peer/bin/python`` in the repository), and
``FTCORE_PEER_CLI`` its binary.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

_PYTHON = Path(os.environ.get("FTCORE_PEER") or Path(__file__).parents[2] / ".venv-peer/bin/python")
_BINARY = Path(os.environ.get("FTCORE_PEER_CLI") or _PYTHON.with_name("fasttext"))
DATA = Path(os.environ.get("FTCORE_DATA") or Path(__file__).parents[3] / "shared/data")
GOLDEN = Path(__file__).parents[1] / "golden"
NEW = GOLDEN / ".new"  # what a run of make.py keeps, until it has succeeded
_MODE = os.environ.get("FTCORE_GOLDEN", "")
assert _MODE in ("", "live", "add", "anew"), f"FTCORE_GOLDEN={_MODE}"
Arrays = dict[str, np.ndarray]

# for the larger comparisons alone, which are slow: what `make test` runs needs no original
needs_peer = pytest.mark.skipif(
    not _PYTHON.exists(), reason=f"no original fastText: {_PYTHON} is missing (set FTCORE_PEER)"
)
needs_binary = pytest.mark.skipif(
    not _BINARY.exists(), reason=f"no fastText binary: {_BINARY} is missing (`make peer` builds it)"
)


def data_file(relative: str) -> Path:
    """A corpus file, or skip the test with the reason."""
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"no corpus {path} (set FTCORE_DATA)")
    return path


def run_peer(script: str, into: Path | None = None, **given: object) -> Arrays:
    """What the original's Python answers to ``script``, which reads the dict ``given`` and fills the dict ``out``.

    Args:
        into: a folder, ``given["into"]`` for the script; the files that it makes there belong to the answer.
        given: arrays, strings, numbers and lists of them. A `Path` arrives as a string and counts by its content
            (a folder by that of all its files).
    """
    return _answered(script, given, into, lambda: run_live(script, into, **given))


def run_live(script: str, into: Path | None = None, **given: object) -> Arrays:
    """The same from the original itself, whatever is kept; for tests marked `needs_peer`.

    ``given`` and ``out`` travel as .npz without pickle: strings as lists of str or bytes arrays.
    """
    prelude = (
        "import sys, io, numpy as np, fasttext\n"
        "fasttext.FastText.eprint = lambda *a, **k: None\n"
        "given = dict(np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False))\n"
        "out = {}\n"
    )
    ending = "\nb = io.BytesIO(); np.savez(b, **out); sys.stdout.buffer.write(b.getvalue())\n"
    sent = io.BytesIO()
    np.savez(sent, **{name: _sent(value) for name, value in ({"into": into or ""} | given).items()})
    done = subprocess.run(
        [str(_PYTHON), "-c", prelude + script + ending],
        input=sent.getvalue(),
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(np.load(io.BytesIO(done.stdout), allow_pickle=False))


def run_binary(
    words: Sequence[str | Path],
    given: str = "",
    into: Path | None = None,
    reads: Sequence[Path] = (),
    most: int = -1,
) -> bytes:
    """What the original's binary prints for the words of a command line and a text on its standard input.

    Args:
        words: a `Path` counts by its content, see `run_peer`, or by its name where there is no such file yet.
        into: the folder of the files that it makes.
        reads: files that no word names whole.
        most: read so many bytes and end it (`analogies` goes on for ever).
    """

    def ask() -> Arrays:
        command = [str(_BINARY), *map(str, words)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as run:
            if most < 0:
                shown = run.communicate(given.encode(), timeout=60)[0]
                assert run.returncode == 0, command
            else:
                run.stdin.write(given.encode())
                run.stdin.close()
                shown = run.stdout.read(most)
                run.kill()
        return {"shown": np.frombuffer(shown, np.uint8)}

    asked = {"words": words, "given": given, "reads": list(reads), "most": most}
    return _answered("the command line", asked, into, ask)["shown"].tobytes()


def _sent(value: object) -> object:
    """With paths as strings."""
    if isinstance(value, (list, tuple)):
        return [_sent(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _answered(script: str, given: dict[str, object], into: Path | None, ask: Callable[[], Arrays]) -> Arrays:
    """The kept answer to a question, else what ``ask`` finds out; files it made lie in ``into`` either way."""
    key = _digest(script, given)
    if _MODE == "live":
        return ask()
    if key in _kept():
        found, files = _kept()[key]
        for name, data in files.items():
            (into / name).write_bytes(data)
    else:
        assert _MODE, (
            f"no golden answer to this question, run tests/golden/make.py:\n{script[:500]}\n{given!r:.500}"
        )
        before = _files(into)
        found = ask()
        files = {name: data for name, data in _files(into).items() if before.get(name) != data}
        _kept()[key] = (
            found,
            files,
        )  # asked twice, it is one answer: models of several threads are never the same
    if _MODE:
        _keep(key, script, found, files)
    return dict(found)


def _digest(script: str, given: dict[str, object]) -> str:
    total = hashlib.sha256(script.encode())

    def add(value: object) -> None:
        if isinstance(value, Path) and not value.exists():
            total.update(f"no file {value.name}:".encode())
        elif isinstance(value, Path):
            for name, data in sorted((_files(value) if value.is_dir() else {"": value.read_bytes()}).items()):
                total.update(f"file {name} {len(data)}:".encode() + data)
        elif isinstance(value, (list, tuple)) and any(isinstance(item, Path) for item in value):
            for item in value:
                add(item)
        else:
            array = np.asarray(value)
            total.update(f"{array.dtype.str} {array.shape}:".encode() + array.tobytes())

    for name in sorted(given):
        total.update(f"given {name}:".encode())
        add(given[name])
    return total.hexdigest()[:16]


def _files(folder: Path | None) -> dict[str, bytes]:
    if folder is None:
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@functools.cache
def _kept() -> dict[str, tuple[Arrays, dict[str, bytes]]]:
    """Key of a question -> (its answer, the files made) of all golden files."""
    found: dict[str, tuple[Arrays, dict[str, bytes]]] = {}
    for path in sorted(GOLDEN.glob("*.zip")) if _MODE != "anew" else ():
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                key, kind = name.split("/", 1)
                arrays, files = found.setdefault(key, ({}, {}))
                if kind == "out.npz":
                    arrays |= np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                elif kind.startswith("files/"):
                    files[kind.removeprefix("files/")] = archive.read(name)
    return found


def _keep(key: str, script: str, found: Arrays, files: dict[str, bytes]) -> None:
    """Into the archive of the room whose test asks."""
    asker = Path(os.environ["PYTEST_CURRENT_TEST"].split("::")[0])
    NEW.mkdir(exist_ok=True)
    with zipfile.ZipFile(
        NEW / f"{asker.parent.name}.zip", "a", zipfile.ZIP_DEFLATED, compresslevel=9
    ) as archive:
        names = set(archive.namelist())

        def put(name: str, data: bytes) -> None:
            if f"{key}/{name}" not in names:  # without a time: the same answers are the same file
                archive.writestr(zipfile.ZipInfo(f"{key}/{name}"), data, zipfile.ZIP_DEFLATED)

        arrays = io.BytesIO()
        np.savez(arrays, **found)
        put("asked.txt", script.encode())
        put("out.npz", arrays.getvalue())
        for name, data in sorted(files.items()):
            put(f"files/{name}", data)
